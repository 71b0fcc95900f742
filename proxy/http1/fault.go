package http1

import (
	"fmt"
	"net/http"
)

// A Fault is the answer to a request that is refused. The connection must close after it: where the request ends is not known.
type Fault struct { //nolint:errname // it is first of all an answer
	Status int
	Reason string
}

func (f *Fault) Error() string { return fmt.Sprintf("%d: %s", f.Status, f.Reason) }

func bad(reason string) *Fault { return &Fault{http.StatusBadRequest, reason} }

// The faults of requests, which are the same for each.
var (
	errRequestLine = bad("the request line is not METHOD TARGET HTTP/1.1, with one space between")
	errVersion     = &Fault{http.StatusHTTPVersionNotSupported, "HTTP/1.1 is spoken here"}
	errLineFeed    = bad("a line ends in LF without CR")
	errCarriage    = bad("the header has a CR that ends no line")
	errControl     = bad("the header has a control character")
	errFold        = bad("a header field is folded over two lines, or has white space before its name")
	errName        = bad("the name of a header field has a character that is not allowed, or white space before its colon")
	errHosts       = bad("the request has several Host fields")
	errBothLengths = bad("the request has Content-Length and Transfer-Encoding")
	errLengths     = bad("the request has several Content-Length fields")
	errLength      = bad("Content-Length is not a number of bytes")
	errCodings     = bad("the request has several Transfer-Encoding fields")
	errCoding      = bad("the last coding of Transfer-Encoding is not chunked")
	errUnknown     = &Fault{http.StatusNotImplemented, "Transfer-Encoding is something else than chunked"}
	errOldChunked  = bad("HTTP/1.0 has no Transfer-Encoding")
	errChunk       = bad("the size of a chunk is not a hexadecimal number")
	errChunkEnd    = bad("a chunk is longer than its size")
	errLongLine    = bad("the line of a chunk's size is too long")
)
