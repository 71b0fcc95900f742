// Package opening decides what becomes of a client by what it sends first.
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
// frames and the CONNECT, in this order and as far as its listener has them. The verdict
// does not depend on how the client's bytes are split.
//
// Package opening does no I/O, starts no goroutine and has no clock. What sessions share,
// such as the limits of an address, is for the caller to apply: it is told when.
package opening
