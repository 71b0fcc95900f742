// Package bench generates MQTT load and answers it. A Fleet is many clients on one epoll loop, a Broker
// is a stub server on another. Both need one read and one write for a round trip, so that a measurement
// shows the cost of what is between them.
//
//	b, err := bench.ListenBroker("127.0.0.1:0")
//	go b.Serve(ctx)
//	f, err := bench.NewFleet(bench.Options{Targets: b.Addrs(), Clients: 100})
//	err = f.Run(ctx, func() bool { return f.Stats().Settled() == 100 })
//
// A Fleet speaks MQTT over TCP, TLS, WebSocket, or WebSocket over TLS. The Broker has no TLS and routes
// nothing: it acknowledges a PUBLISH and forgets it. The package shares no parser with mqttlb. The Fleet
// and the Broker need Linux; the code for packets and frames builds everywhere.
package bench
