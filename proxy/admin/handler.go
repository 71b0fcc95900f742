package admin

import "net/http"

// Handler returns the handler of /metrics and /healthz, for servers other than that of Serve.
func Handler(from Sources) http.Handler { return handler(from) }
