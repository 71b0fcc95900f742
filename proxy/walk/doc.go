// Package walk chooses the nodes that a session, or an HTTP request, tries.
//
//	w := walk.New(pool.Candidates(balancer.Client{Key: key, Keyed: keyed}), until, walk.Pause)
//	for {
//		node, pause := w.Next(now)
//		switch {
//		case node != nil: // try it; on failure w.Failed(node, err), and node.Release()
//		case pause > 0: // ask again after it
//		default: // no node is left, and w.Reason() says why
//		}
//	}
//
// It decides which node to try next and when, and what a failure means. It dials nothing
// and has no clock: event loops and goroutines use it in the same way.
package walk
