// Package reactor is the part of the proxy that talks to the kernel: event loops, sockets, timers, and
// the slots that events refer to.
//
//	l, err := reactor.NewLoop(handler, epoch)
//	l.Listen(sock)                     // from ListenTCP or ListenUnix
//	go l.Run()                         // calls handler until handler.Done
//	l.Do(func() { l.StopAccepting() }) // from any goroutine
//
// A [Loop] has one goroutine, the one in Run. It waits for events and calls its [Handler] with each.
// The handler keeps its state in [Slots], asks for events with [Loop.Watch] and sets timers with
// [Wheel.Set]. Bytes do not pass through the loop: the handler calls [Receive] and [Send] itself.
//
// Package reactor knows nothing of MQTT, WebSocket or TLS, has no buffers, and decides neither which
// connections are accepted nor when one ends.
//
// It works on Linux. On other systems it builds, but the functions that make a loop or a socket return
// [ErrUnsupported].
package reactor
