package admin

import (
	"log/slog"
	"net/http"

	"mqttlb/proxy/admin/api"
)

func getBans(q *question) (int, any, error) { return ok(q.from.Control.Bans(q.context())) }

func postBan(q *question) (int, any, error) {
	var b api.BanRequest
	if err := q.decode(&b); err != nil {
		return 0, nil, err
	}
	if b.Address == "" {
		return 0, nil, errorf(http.StatusBadRequest, "address is missing: the client address to ban")
	}
	answer, err := q.from.Control.Ban(q.context(), b)
	q.audit("ban", err, slog.String("address", shorten(b.Address)), slog.String("time", shorten(b.Time)))
	return ok(answer, err)
}

func postUnban(q *question) (int, any, error) {
	var b api.UnbanRequest
	if err := q.decode(&b); err != nil {
		return 0, nil, err
	}
	if (b.Address == "") != b.All {
		return 0, nil, errorf(http.StatusBadRequest, "name one address, or set all to end every ban")
	}
	answer, err := q.from.Control.Unban(q.context(), b)
	q.audit("unban", err, slog.String("address", shorten(b.Address)), slog.Bool("all", b.All), slog.Int("lifted", answer.Lifted))
	return ok(answer, err)
}
