package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"time"

	"mqttlb/proxy/admin/api"
)

// question is a request to the API whose body was read.
type question struct {
	*entry
	request *http.Request
	body    []byte
	by      Origin
}

func (q *question) context() context.Context { return q.request.Context() }

// answer reads a request, waits for its turn, and writes the answer.
func (e *entry) answer(w http.ResponseWriter, r *http.Request, op *operation) {
	c := connectionOf(r)
	body, err := e.readBody(w, r, op.takesBody)
	if err != nil {
		fail(w, err)
		return
	}
	stopReading(w)
	turn := e.reads
	if op.need >= change {
		turn = e.changes
	}
	if err := turn.take(r.Context()); err != nil {
		fail(w, err)
		return
	}
	c.enter(working)
	status, answer, err := op.answer(&question{entry: e, request: r, body: body, by: e.originOf(c)})
	turn.release()
	c.enter(asked)
	if err != nil {
		e.failed(w, r, err)
		return
	}
	reply(w, status, answer)
}

// originOf returns the origin of changes over a connection.
func (e *entry) originOf(c *connection) Origin {
	if e.way == private {
		return c.origin
	}
	return Origin{Who: "token", Attrs: append([]slog.Attr{slog.String("client", c.RemoteAddr().String())}, c.origin.Attrs...)}
}

// readBody reads the body of a request, its last part, within the time that the whole request has.
func (e *entry) readBody(w http.ResponseWriter, r *http.Request, takesJSON bool) ([]byte, error) {
	if r.ContentLength > maxBody { // do not wait for it
		return nil, errorf(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", maxBody)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, errorf(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", maxBody)
	}
	if err != nil {
		return nil, errorf(http.StatusBadRequest, "the body has not arrived whole: %v", err)
	}
	connectionOf(r).enter(asked)
	if !takesJSON || len(body) == 0 {
		return body, nil
	}
	kind := r.Header.Get("Content-Type")
	if kind == "" && e.way == private { // no browser can send to the socket
		return body, nil
	}
	if media, _, err := mime.ParseMediaType(kind); err != nil || media != "application/json" {
		return nil, errorf(http.StatusUnsupportedMediaType, "the body must be JSON, with Content-Type: application/json; it is %.100q", kind)
	}
	return body, nil
}

// decode reads the body into to, which is a pointer. An unknown field is an error. No body leaves to as
// it is.
func (q *question) decode(to any) error {
	if len(q.body) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(q.body))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return errorf(http.StatusBadRequest, "the body is not as docs/api.yaml says: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errorf(http.StatusBadRequest, "the body has more than one JSON value")
	}
	return nil
}

// stopReading ends the time limit of reading. From here on only a client that disconnects ends the wait
// of its request.
func stopReading(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // fails on a closed connection only
}

// limitWriting gives the client a time to read an answer.
func limitWriting(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d)) // fails on a closed connection only
}

// reply writes an answer as JSON.
func reply(w http.ResponseWriter, status int, answer any) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(answer); err != nil {
		status = http.StatusInternalServerError
		text.Reset()
		_ = e.Encode(api.Error{Errors: []string{"the answer could not be written: " + err.Error()}}) // text cannot fail
	}
	write(w, status, "application/json", text.Bytes())
}

// write writes a whole answer.
func write(w http.ResponseWriter, status int, kind string, text []byte) {
	limitWriting(w, requestTime)
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client may have gone
}

// failed writes an error of the Control.
func (e *entry) failed(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the client has gone
	}
	if known := (*Error)(nil); !errors.As(err, &known) {
		e.log.Error("a request to the admin server failed", "path", shorten(r.URL.Path), "error", err)
	}
	fail(w, err)
}

// fail writes an error.
func fail(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	if known := (*Error)(nil); errors.As(err, &known) {
		status = known.Status
	} else if errors.Is(err, context.Canceled) {
		status = http.StatusServiceUnavailable // nobody reads it
	}
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="mqttlb"`)
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "1")
	}
	reply(w, status, api.Error{Errors: []string{err.Error()}})
}
