//go:build linux

package bench

import "mqttlb/proxy/proxytest"

// serverName is in the server's certificate.
const serverName = "broker.example"

// pki is a certificate authority, a server and a client of it.
type pki struct {
	*proxytest.CA
	server, client proxytest.Pair
}

func newPKI() *pki {
	ca := proxytest.NewCA("CA of a test")
	return &pki{ca, ca.Issue(serverName, "127.0.0.1"), ca.Issue("client")}
}
