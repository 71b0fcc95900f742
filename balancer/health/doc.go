// Package health finds out which nodes of a pool are alive and tells the nodes.
//
//	checker := health.NewChecker(log)
//	go checker.Run(ctx)
//	checker.Apply(pool, health.Check{
//		Probe: health.MQTT, Interval: 5 * time.Second, Timeout: 2 * time.Second, Rise: 2, Fall: 3, ProxyProtocol: 2,
//	})
//
// A pool that replaces another, and a check that has changed, are applied in the same
// way: nodes that stay keep their verdict.
//
// Each node is probed at an interval. A node is taken for up until Fall results
// in a row were bad, so that a start of the balancer is no outage, and for down
// from then on until Rise results in a row were good. A session that could not
// connect is no result; it brings the next probe forward: see [Checker.Failed].
//
// The package does not touch the operator's word and closes no sessions.
package health
