//go:build linux

package compare

// protocol is what the clients of a listener or the nodes of a pool speak.
type protocol int

const (
	mqtt protocol = iota
	ws            // MQTT over WebSocket
)

// String is the word of mqttlb.yaml.
func (p protocol) String() string { return [...]string{"mqtt", "ws"}[p] }

// brokerAddress is an address as the stub broker's --listen takes it.
func (p protocol) brokerAddress(address string) string {
	if p == ws {
		return "ws://" + address
	}
	return address
}
