package snapshot

const (
	// NodeHandshakes is how many sessions make a TLS handshake with one node at once; the
	// others wait, within timeouts.dial. Each holds some 50 KB and a third descriptor. At
	// a round trip of 10 ms they make some 10,000 handshakes a second.
	NodeHandshakes = 128
)
