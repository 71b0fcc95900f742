// Package api holds the requests and answers of the admin API as JSON, for its server and its clients.
// docs/api.yaml describes the same in OpenAPI.
//
// Durations are in seconds. A field that does not apply is left out. An answer with another status than
// 2xx is an [Error].
package api
