// Package walk chooses the nodes that a session, or an HTTP request, tries.
//
//	w := walk.New(pool.Candidates(balancer.Client{Key: key, Keyed: keyed}), until, walk.Pause)
//	for {
//		node, pause := w.Next(now)
//		switch {
//		case pause > 0: // ask again after it
//		case node != nil: // try it; on failure w.Failed(err), and node.Release()
//		default: // no node is left, and w.Reason() says why
//		}
//	}
//
// A node with a rate of new sessions may have no room now. Then a session whose state is on
// no node goes to its next candidate, and waits only if none has room; a session that was
// told to [Walk.Stay] waits for its own node.
//
// Nodes of a later priority are tried if none of those before could be reached.
//
// It decides which node to try next and when, and what a failure means. It dials nothing
// and has no clock: event loops and goroutines use it in the same way.
package walk
