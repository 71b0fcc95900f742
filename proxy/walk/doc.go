// Package walk is the way of a session, or of an HTTP request, to a node.
//
//	w := walk.New(pool.Candidates(key, keyed), until, walk.Pause)
//	for {
//		node, pause := w.Next(now)
//		switch {
//		case node != nil: // try it; on failure w.Failed(node, err), and node.Release()
//		case pause > 0: // ask again after it
//		default: // no node is left, and w.Reason() says why
//		}
//	}
//
// It decides which node is tried next and when, and what a failure means. It dials nothing
// and has no clock: an event loop and a goroutine drive it alike.
package walk
