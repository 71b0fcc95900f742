// Package health probes the nodes of a pool and sets their health.
//
//	checker := health.NewChecker(log)
//	go checker.Run(ctx)
//	checker.Apply(pool, health.Check{
//		Probe: health.MQTT, Interval: 5 * time.Second, Timeout: 2 * time.Second, Rise: 2, Fall: 3, ProxyProtocol: 2,
//	})
//
// Apply also replaces a pool or a check. Nodes that stay keep their verdict.
//
// Each node is probed at an interval. A node starts as up, so that a restart of the balancer is no outage. It goes
// down after Fall bad results in a row, and up again after Rise good results in a row. A session that could not
// connect is not a result, but brings the next probe forward: see [Checker.Failed].
//
// The package does not touch the operator's word and closes no sessions.
package health
