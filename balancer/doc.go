// Package balancer chooses the node of a pool that takes a session.
//
// A [Pool] is built once from a [PoolSpec]. For each session it gives
// [Candidates]: its nodes, one at a time, in the order in which they should be
// tried. Trying another node is the next candidate.
//
//	candidates := pool.Candidates(balancer.Hash(clientID), len(clientID) > 0)
//	for node := candidates.Next(); node != nil; node = candidates.Next() {
//		if !node.Acquire() {
//			continue // at its max_connections
//		}
//		// dial it; on failure node.Release() and go on; at the end of the session node.Release()
//	}
//
// Everything here may be called from several loops at once and takes no lock.
// The package opens no connection and starts no goroutine: balancer/health finds
// out which nodes are alive, balancer/discovery finds their addresses.
package balancer
