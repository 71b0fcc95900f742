package opening

const (
	// maxProxyHeader limits a client-side PROXY header, in bytes: 16 of fixed part, 36 of
	// addresses, and more TLVs than any sender uses.
	maxProxyHeader = 4096

	// maxProxyLine limits a header of version 1, in bytes with its CRLF, as the specification does.
	maxProxyLine = 107

	// maxClientHello limits the ClientHello, in bytes. A usual one has 300 to 2,000.
	maxClientHello = 64 << 10

	// maxRequest limits an upgrade request that this package reads, in bytes: the worst
	// one of this size takes 76 µs. net/http reads a longer one.
	maxRequest = 4096

	// maxHops limits the entries of X-Forwarded-For that are read: no request passes so many proxies.
	maxHops = 32

	// maxMethod limits the name of an HTTP method, in bytes. The longest registered one has 17.
	maxMethod = 32

	// maxPings limits the pings and pongs before the CONNECT. To remove one from the
	// client's bytes moves all bytes after it.
	maxPings = 100

	// framedConnect times limits.max_connect_size is the limit for the WebSocket frames
	// that hold a CONNECT. One byte in each frame would need seven.
	framedConnect = 8
)
