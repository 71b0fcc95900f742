package snapshot

const (
	// NodeHandshakes is how many sessions shake hands with a node at once; the others
	// wait, within timeouts.dial. Each holds some 50 KB and a third descriptor until it
	// is over. At a round trip of 10 ms they are some 10,000 a second.
	NodeHandshakes = 128
)
