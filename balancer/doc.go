// Package balancer chooses the node of a pool that takes a session.
//
// A [Pool] is built once from a [PoolSpec]. For each session it returns [Candidates], which give
// the pool's nodes one at a time, in the order in which to try them. After a failed dial, ask
// for the next candidate.
//
//	candidates := pool.Candidates(balancer.Client{Key: balancer.Hash(clientID), Keyed: len(clientID) > 0})
//	for node := candidates.Next(); node != nil; node = candidates.Next() {
//		if !node.Acquire() {
//			continue // at its max_connections
//		}
//		// dial it; on failure node.Release() and go on; at the end of the session node.Release()
//	}
//
// Several loops may use everything here at once; no function takes a lock. The package opens no
// connection and starts no goroutine: balancer/health probes the nodes, and balancer/discovery
// resolves their addresses.
package balancer
