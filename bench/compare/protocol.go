//go:build linux

package compare

// protocol is the protocol of a listener's clients or a pool's nodes.
type protocol int

const (
	mqtt  protocol = iota
	ws             // MQTT over WebSocket
	mqtts          // MQTT over TLS, which the balancer terminates
)

// String returns the scheme of a URL, and without TLS the protocol in mqttlb.yaml.
func (p protocol) String() string { return [...]string{"mqtt", "ws", "mqtts"}[p] }

// plain returns p without TLS.
func (p protocol) plain() protocol {
	if p == mqtts {
		return mqtt
	}
	return p
}

// brokerAddress returns an address in the form of the stub broker's --listen.
func (p protocol) brokerAddress(address string) string {
	if p == ws {
		return "ws://" + address
	}
	return address
}
