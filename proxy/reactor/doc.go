// Package reactor is the part of the proxy that needs the kernel: event loops, the
// sockets that they read and write, their timers, and the slots that events are for.
//
//	l, err := reactor.NewLoop(handler, epoch)
//	_, err = l.Listen(sock) // from ListenTCP or ListenUnix
//	go l.Run()                                       // calls handler until handler.Done
//	l.Do(func() { l.StopAccepting() })               // from any goroutine
//
// A [Loop] has one goroutine, the one in Run. It waits for events, and calls its
// [Handler] with each. The handler keeps what an event is about in [Slots], asks for
// events with [Loop.Watch] and for time with [Wheel.Set]. Bytes do not pass through
// the loop: the handler calls [Receive] and [Send] itself.
//
// Package reactor knows nothing of MQTT, WebSocket or TLS, has no buffer for bytes,
// and decides neither which connections are taken nor when one ends.
//
// It works on Linux. On other systems it builds, and whatever makes a loop or a
// socket returns [ErrUnsupported].
package reactor
