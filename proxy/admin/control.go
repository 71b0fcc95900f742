package admin

import (
	"context"
	"fmt"
	"log/slog"

	"mqttlb/proxy/admin/api"
)

// Control is the process that the API shows and changes. Its methods may be called from any goroutine. An
// error is an [*Error] if the client is to know it. The context ends when the client has gone.
type Control interface {
	Status(ctx context.Context) (api.Status, error)
	Nodes(ctx context.Context) (api.Nodes, error)
	Config(ctx context.Context) (api.Config, error)
	Rules(ctx context.Context, q RuleQuery) (api.Rules, error)
	Alarms(ctx context.Context) (api.Alarms, error)
	Log(ctx context.Context) (api.Log, error)

	// Sessions judges the values of the filter.
	Sessions(ctx context.Context, q SessionQuery) (api.Sessions, error)
	Route(ctx context.Context, q RouteQuery) (api.Route, error)
	Check(ctx context.Context) (api.Check, error)
	Bans(ctx context.Context) (api.Bans, error)

	// Reload writes its audit line itself, and SetNode that of a change that it has made. The Errors of
	// a reload say why it was refused.
	Reload(ctx context.Context, by Origin) (api.Reload, error)
	SetNode(ctx context.Context, by Origin, name, verb string, c api.NodeChange) (api.Node, error)

	// Diff reads a file, an absolute path. The Errors say why a reload of it would be refused.
	Diff(ctx context.Context, file string) (api.Diff, error)

	// The audit lines of these changes come from the server, by Audit.
	Kick(ctx context.Context, by Origin, k api.Kick) (api.Kicked, error)
	SetLog(ctx context.Context, by Origin, l api.Log) (api.Log, error)
	Ban(ctx context.Context, b api.BanRequest) (api.Ban, error)
	Unban(ctx context.Context, b api.UnbanRequest) (api.Unbanned, error)

	// Stop has the process stop, as SIGTERM does. It returns at once. The audit line comes from the
	// server.
	Stop()

	// Yield gives the admin addresses of a process that stops to its successor. It writes the audit
	// line itself.
	Yield(ctx context.Context, by Origin) (api.Yield, error)

	// Audit writes the audit line of a change.
	Audit(by Origin, action string, attrs ...slog.Attr)
}

// Origin is the source of a request for a change.
type Origin struct {
	Who   string      // SIGHUP, file, socket or token
	Attrs []slog.Attr // of socket: the user and process ID of the peer; of token: the client's address
}

// Error is an error that the client is told.
type Error struct {
	Status int // of HTTP
	Text   string
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

func errorf(status int, format string, args ...any) *Error {
	return &Error{status, fmt.Sprintf(format, args...)}
}
