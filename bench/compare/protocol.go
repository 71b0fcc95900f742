//go:build linux

package compare

// protocol is what the clients of a listener or the nodes of a pool speak.
type protocol int

const (
	mqtt  protocol = iota
	ws             // MQTT over WebSocket
	mqtts          // MQTT over TLS, which the balancer ends
)

// String is the scheme of a URL, and without TLS the word of mqttlb.yaml.
func (p protocol) String() string { return [...]string{"mqtt", "ws", "mqtts"}[p] }

// plain is what is left of p when TLS is ended.
func (p protocol) plain() protocol {
	if p == mqtts {
		return mqtt
	}
	return p
}

// brokerAddress is an address as the stub broker's --listen takes it.
func (p protocol) brokerAddress(address string) string {
	if p == ws {
		return "ws://" + address
	}
	return address
}
