package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"
)

const (
	// apiTimeout limits the reading of a request, and then the writing of its answer.
	apiTimeout = 10 * time.Second
	// maxAPIHeader and maxAPIBody limit a request in bytes. Our own requests hold at
	// most a file path.
	maxAPIHeader = 8 << 10
	maxAPIBody   = 64 << 10
	// apiShutdownTimeout limits the requests in progress when the server stops.
	apiShutdownTimeout = time.Second
)

// socketAPI is the HTTP server of the admin socket.
type socketAPI struct {
	manager *manager
	log     *slog.Logger
}

// serve answers requests on ln until ctx is done, and then finishes those in progress.
func (a *socketAPI) serve(ctx context.Context, ln net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/config", a.getConfig)
	mux.HandleFunc("POST /api/v1/reload", a.postReload)
	mux.HandleFunc("POST /api/v1/diff", a.postDiff)
	mux.HandleFunc("GET /api/v1/nodes", a.getNodes)
	mux.HandleFunc("POST /api/v1/nodes/{name}/{verb}", a.postNode)
	server := &http.Server{
		Handler:           http.MaxBytesHandler(mux, maxAPIBody),
		ReadTimeout:       apiTimeout,
		ReadHeaderTimeout: apiTimeout,
		MaxHeaderBytes:    maxAPIHeader,
		ConnContext:       withOrigin,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug), // at debug: a client can cause these lines
	}
	server.SetKeepAlivesEnabled(false) // a connection counts in maxAPIConns for one request only
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), apiShutdownTimeout)
		defer cancel()
		if server.Shutdown(last) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(ln)
	if stop() { // ctx is not done, so ln has failed
		_ = server.Close()
		return err
	}
	<-ended
	return nil
}

// runningConfig is the answer of GET /api/v1/config.
type runningConfig struct {
	Generation int       `json:"generation"` // 1 at the start; each reload that changes something adds 1
	File       string    `json:"file,omitempty"`
	Read       time.Time `json:"read"`             // when the configuration in force was read
	Config     string    `json:"config,omitempty"` // the configuration in force, as one file, without secrets
	Errors     []string  `json:"errors,omitempty"` // of a newer file that could not be used
}

func (a *socketAPI) getConfig(w http.ResponseWriter, r *http.Request) {
	var c runningConfig
	err := a.do(w, r, func(context.Context) {
		m := a.manager
		c = runningConfig{
			Generation: m.generation, File: m.file, Read: m.reloads.Load().Last, Config: string(m.running.config.RedactedYAML()), Errors: m.lastFaults.lines(),
		}
	})
	if err == nil {
		reply(w, http.StatusOK, c)
	}
}

func (a *socketAPI) postReload(w http.ResponseWriter, r *http.Request) {
	by, _ := r.Context().Value(originKey{}).(origin)
	var result reloadResult
	if a.do(w, r, func(serving context.Context) { result = a.manager.reload(serving, by) }) != nil {
		return
	}
	status := http.StatusOK
	switch {
	case result.stopping:
		status = http.StatusServiceUnavailable
	case len(result.Errors) > 0:
		status = http.StatusUnprocessableEntity
	}
	reply(w, status, result)
}

// diffRequest is the body of POST /api/v1/diff.
type diffRequest struct {
	File string `json:"file"` // an absolute path, as this process sees the file system
}

// diffResult is the answer to POST /api/v1/diff.
type diffResult struct {
	Changes []change `json:"changes"` // the changes that a reload of the file would make
	Errors  []string `json:"errors"`  // why a reload of the file would be refused
}

func (a *socketAPI) postDiff(w http.ResponseWriter, r *http.Request) {
	var request diffRequest
	body := json.NewDecoder(r.Body)
	body.DisallowUnknownFields()
	if err := body.Decode(&request); err != nil {
		reply(w, http.StatusBadRequest, diffResult{Errors: []string{"the body is not of the form {\"file\": PATH}: " + err.Error()}})
		return
	}
	if !filepath.IsAbs(request.File) {
		reply(w, http.StatusBadRequest, diffResult{Errors: []string{"file: " + request.File + " is no absolute path"}})
		return
	}
	if !rereadable(request.File) {
		reply(w, http.StatusUnprocessableEntity, diffResult{Errors: []string{request.File + ": is not a regular file"}})
		return
	}
	next, err := readRevision(request.File, nil, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		reply(w, http.StatusUnprocessableEntity, diffResult{Errors: faultsOf(request.File, err).lines()})
		return
	}
	var result diffResult
	if a.do(w, r, func(context.Context) {
		result.Changes = differences(a.manager.running.config, next.config)
	}) != nil {
		return
	}
	reply(w, http.StatusOK, result)
}

// do runs work in the manager. After an error the client has its answer, or has gone.
func (a *socketAPI) do(w http.ResponseWriter, r *http.Request, work func(serving context.Context)) error {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		reply(w, http.StatusBadRequest, diffResult{Errors: []string{err.Error()}})
		return err
	}
	// From here on only a client that disconnects ends the wait.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	err := a.manager.do(r.Context(), work)
	if errors.Is(err, errStopping) {
		reply(w, http.StatusServiceUnavailable, reloadResult{Errors: []string{err.Error()}})
	}
	return err
}

// reply writes an answer as JSON. The client has apiTimeout to read it.
func reply(w http.ResponseWriter, status int, answer any) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(apiTimeout))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(answer) // the client may have gone
}
