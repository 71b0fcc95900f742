package tlsterm

import (
	"errors"
	"fmt"
	"strings"
)

// ErrShort means that ServerName needs more bytes of the ClientHello.
var ErrShort = errors.New("TLS: the ClientHello is not whole")

var (
	errNoHello      = errors.New("the first bytes are no ClientHello")
	errHelloFields  = errors.New("the fields of the ClientHello do not fit into it")
	errSeveralNames = errors.New("the client's SNI has several names, and which one counts is open (RFC 6066, 3)")
)

// ServerName returns the name that a client asks for (SNI) in the ClientHello at the start of b, or "". It is for TLS
// that is passed through: the node judges the ClientHello. So the name is as the client wrote it, even if RFC 6066 forbids
// it: an address, one with a root dot, an empty one. Only a name that another program may read differently is an error. The
// error is ErrShort if more bytes are needed, otherwise a *HandshakeError.
func ServerName(b []byte) (string, error) {
	var scanner HelloScanner
	if !scanner.Whole(b) {
		return "", ErrShort
	}
	if scanner.Wrong() {
		return "", &HandshakeError{Reason: NotTLS, Err: errNoHello}
	}
	asked, err := serverNames(helloMessage(b))
	switch {
	case err != nil:
		return "", &HandshakeError{Reason: Protocol, Err: err}
	case len(asked) > 1:
		return "", &HandshakeError{Reason: BadName, ServerName: asked[0], Err: errSeveralNames}
	case len(asked) == 0:
		return "", nil
	}
	return asked[0], nil
}

// explainSNI returns the error of a handshake with a client that has sent hello first. crypto/tls refuses some names as
// a message that it cannot decode; the error then says what is wrong with the name.
func explainSNI(err error, hello []byte) error {
	var failed *HandshakeError
	var scanner HelloScanner
	if !errors.As(err, &failed) || failed.Reason != Protocol || !scanner.Whole(hello) || scanner.Wrong() {
		return err
	}
	asked, parseErr := serverNames(helloMessage(hello))
	if parseErr != nil || len(asked) == 0 {
		return err
	}
	var why error
	name := asked[0]
	switch {
	case len(asked) > 1:
		why = fmt.Errorf("%w; crypto/tls refuses it", errSeveralNames)
	case name == "":
		why = errors.New("the client's SNI is empty, which is forbidden (RFC 6066, 3), and crypto/tls refuses it")
	case strings.HasSuffix(name, "."):
		why = fmt.Errorf("the client's SNI is %.300q: its last dot is forbidden (RFC 6066, 3), and crypto/tls refuses it", name)
	default:
		return err
	}
	return &HandshakeError{Reason: BadName, ServerName: name, Err: why}
}

// helloMessage returns the ClientHello at the start of b, which is whole, without its header and without those of its
// records.
func helloMessage(b []byte) []byte {
	const recordHeader, messageHeader = 5, 4
	var message []byte
	for length := messageHeader; len(message) < length; {
		record := b[recordHeader:][:int(b[3])<<8|int(b[4])]
		b = b[recordHeader+len(record):]
		if message == nil {
			message = record[:len(record):len(record)] // usually all of it
		} else {
			message = append(message, record...)
		}
		if len(message) >= messageHeader {
			length = messageHeader + (int(message[1])<<16 | int(message[2])<<8 | int(message[3]))
		}
		if len(message) >= length {
			return message[messageHeader:length]
		}
	}
	return nil
}

// serverNames returns the host names of all SNI extensions of a ClientHello (RFC 8446, 4.1.2; RFC 6066, 3). An extension
// without a name has the name "".
func serverNames(hello []byte) (asked []string, err error) {
	const versionAndRandom, extensionServerName = 2 + 32, 0
	rest := fields(hello)
	rest.take(versionAndRandom)
	rest.vector(1) // the session's identifier
	rest.vector(2) // ciphers
	rest.vector(1) // compression methods
	if rest == nil {
		return nil, errHelloFields
	}
	if len(rest) == 0 {
		return nil, nil
	}
	for extensions := rest.vector(2); len(extensions) > 0; {
		kind, content := extensions.take(2), extensions.vector(2)
		if extensions == nil {
			return nil, errHelloFields
		}
		if int(kind[0])<<8|int(kind[1]) != extensionServerName {
			continue
		}
		found, err := namesIn(content)
		if err != nil {
			return nil, err
		}
		asked = append(asked, found...)
	}
	if rest == nil {
		return nil, errHelloFields
	}
	return asked, nil
}

// namesIn returns the host names in the content of an SNI extension, one at least.
func namesIn(content fields) (names []string, err error) {
	const hostName = 0
	if len(content) == 0 {
		return []string{""}, nil
	}
	for list := content.vector(2); len(list) > 0; {
		kind, name := list.take(1), list.vector(2)
		if list == nil {
			return nil, errHelloFields
		}
		if kind[0] == hostName {
			names = append(names, string(name))
		}
	}
	if content == nil {
		return nil, errHelloFields
	}
	if len(names) == 0 {
		names = []string{""}
	}
	return names, nil
}

// fields are the bytes of a message that nobody has taken; nil: a field was longer than the rest.
type fields []byte

// take removes the next n bytes; nil: there are fewer.
func (f *fields) take(n int) fields {
	if *f == nil || len(*f) < n {
		*f = nil
		return nil
	}
	taken := (*f)[:n:n]
	*f = (*f)[n:]
	return taken
}

// vector removes the next bytes whose number comes before them in so many bytes (RFC 8446, 3.4).
func (f *fields) vector(lengthBytes int) fields {
	n := 0
	for _, b := range f.take(lengthBytes) {
		n = n<<8 | int(b)
	}
	return f.take(n)
}
