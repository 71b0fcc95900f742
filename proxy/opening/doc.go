// Package opening decides what to do with a client, by the first bytes that it sends.
//
//	o := opening.New(snapshot, listener, peer)
//	v := o.Feed(sent, &scratch)
//	switch v.Kind {
//	case opening.More: // read at most v.Room bytes, and Feed them
//	case opening.Refuse: // send v.Reply, and end the session with v.Outcome
//	case opening.Dial: // open a connection to a node of v.Pool
//	...
//	}
//
// An [Opening] reads the PROXY header, the ClientHello, the upgrade to WebSocket, the
// frames and the CONNECT, in this order and as far as its listener has them. Then it asks
// the rules of the listener, and after the caller's limits the routes, which choose the pool.
// The verdict does not depend on how the client's bytes are split.
//
// The package does no I/O, starts no goroutine and has no clock. A verdict tells the
// caller when to apply limits that sessions share, such as those of an address.
package opening
