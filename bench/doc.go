// Package bench makes MQTT load and answers it: a Fleet is many clients on one
// epoll loop, a Broker is a stub server on another. Both spend one read and one
// write on a round trip, so that what stands between them is what is measured.
//
//	b, err := bench.ListenBroker("127.0.0.1:0")
//	go b.Serve(ctx)
//	f, err := bench.NewFleet(bench.Options{Targets: b.Addrs(), Clients: 100})
//	err = f.Run(ctx, func() bool { return f.Stats().Settled() == 100 })
//
// A Fleet speaks MQTT over TCP, TLS, WebSocket or both; the Broker does no TLS, and routes
// nothing: a PUBLISH is acknowledged and forgotten. It shares no parser with what it measures. Everything
// but the packets needs Linux.
package bench
