package proxy

import "mqttlb/proxy/snapshot"

// The data that a server runs on, of package snapshot.
type (
	Snapshot = snapshot.Snapshot
	Timeouts = snapshot.Timeouts
	Listener = snapshot.Listener
	Route    = snapshot.Route
	Pool     = snapshot.Pool
	TLS      = snapshot.TLS
	NodeTLS  = snapshot.NodeTLS
	Identity = snapshot.Identity
	Protocol = snapshot.Protocol
)

const (
	MQTT             = snapshot.MQTT
	TCP              = snapshot.TCP
	WS               = snapshot.WS
	HTTP             = snapshot.HTTP
	Passthrough      = snapshot.Passthrough
	AnyIdentity      = snapshot.AnyIdentity
	ClientIDIdentity = snapshot.ClientIDIdentity
	UsernameIdentity = snapshot.UsernameIdentity
)

// NewNodeTLS is snapshot.NewNodeTLS.
var NewNodeTLS = snapshot.NewNodeTLS
