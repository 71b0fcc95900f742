package admin

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"

	"mqttlb/proxy/admin/api"
)

// ok turns the result of a Control into an answer.
func ok[T any](answer T, err error) (int, any, error) { return http.StatusOK, answer, err }

func getStatus(q *question) (int, any, error) { return ok(q.from.Control.Status(q.context())) }
func getNodes(q *question) (int, any, error)  { return ok(q.from.Control.Nodes(q.context())) }
func getAlarms(q *question) (int, any, error) { return ok(q.from.Control.Alarms(q.context())) }
func getConfig(q *question) (int, any, error) { return ok(q.from.Control.Config(q.context())) }
func getLog(q *question) (int, any, error)    { return ok(q.from.Control.Log(q.context())) }
func getCheck(q *question) (int, any, error)  { return ok(q.from.Control.Check(q.context())) }

func postReload(q *question) (int, any, error) {
	answer, err := q.from.Control.Reload(q.context(), q.by)
	if len(answer.Errors) > 0 {
		return http.StatusUnprocessableEntity, answer, err
	}
	return ok(answer, err)
}

func postDiff(q *question) (int, any, error) {
	var request api.DiffRequest
	if err := q.decode(&request); err != nil {
		return 0, nil, err
	}
	if !filepath.IsAbs(request.File) {
		return 0, nil, errorf(http.StatusBadRequest, "file: %.200q is no absolute path", request.File)
	}
	answer, err := q.from.Control.Diff(q.context(), request.File)
	if len(answer.Errors) > 0 {
		return http.StatusUnprocessableEntity, answer, err
	}
	return ok(answer, err)
}

func postLog(q *question) (int, any, error) {
	var l api.Log
	if err := q.decode(&l); err != nil {
		return 0, nil, err
	}
	if l.Level == "" && l.Fields == nil {
		return 0, nil, errorf(http.StatusBadRequest, "nothing is to be changed: set level, fields or both")
	}
	answer, err := q.from.Control.SetLog(q.context(), q.by, l)
	q.audit("log", err, slog.String("level", l.Level), slog.String("fields", strings.Join(l.Fields, ",")))
	return ok(answer, err)
}

func postStop(q *question) (int, any, error) {
	q.audit("stop", nil) // first: the stop ends the streams of events, and then the log
	q.from.Control.Stop()
	return http.StatusAccepted, struct{}{}, nil
}

func postYield(q *question) (int, any, error) { return ok(q.from.Control.Yield(q.context(), q.by)) }

// postNode returns the operation of a verb on a node.
func postNode(verb string) func(*question) (int, any, error) {
	return func(q *question) (int, any, error) {
		var c api.NodeChange
		if err := q.decode(&c); err != nil {
			return 0, nil, err
		}
		name := q.request.PathValue("name")
		answer, err := q.from.Control.SetNode(q.context(), q.by, name, verb, c)
		if err != nil { // SetNode has written the line of a change that was made
			q.audit(verb, err, slog.String("node", shorten(name)))
		}
		return ok(answer, err)
	}
}

// audit writes the audit line of a change that was made or refused.
func (q *question) audit(action string, err error, attrs ...slog.Attr) {
	result := []slog.Attr{slog.String("result", "done")}
	if err != nil {
		result = []slog.Attr{slog.String("result", "refused"), slog.String("error", err.Error())}
	}
	q.from.Control.Audit(q.by, action, append(result, attrs...)...)
}
