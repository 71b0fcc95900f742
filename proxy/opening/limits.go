package opening

const (
	// maxProxyHeader bounds a client-side PROXY header in bytes: 16 of fixed
	// part, 36 of addresses, and TLVs as generous as any sender's.
	maxProxyHeader = 4096

	// maxClientHello bounds the first message of a client of TLS, in bytes. A hello has 300 to 2,000.
	maxClientHello = 64 << 10

	// maxRequest bounds the request for an upgrade to WebSocket that is read here, in
	// bytes: the worst of this size takes 76 µs. A longer one is net/http's to read.
	maxRequest = 4096

	// maxPings bounds the pings and pongs that a client may send before its CONNECT. To
	// take one out of its bytes moves all that follow it.
	maxPings = 100

	// framedConnect is how many times limits.max_connect_size the WebSocket frames
	// that hold a CONNECT may take. One byte in each frame would be seven.
	framedConnect = 8
)
