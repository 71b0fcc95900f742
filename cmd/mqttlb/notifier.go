package main

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

const (
	// notifyQueue is how many messages may wait for a slow service manager. Later ones are dropped.
	notifyQueue = 64
	// notifyFlush is how long the end of the process waits for the last messages to be sent.
	notifyFlush = time.Second
	// extension is how much longer the service manager waits for the end of the process, from
	// each message of a process that stops. It is several times stateInterval.
	extension = 30 * time.Second
)

// notifier tells the service manager about the state of the process, as sd_notify(3)
// describes. A nil notifier does nothing: there is no service manager.
type notifier struct {
	state func() string // one line for the operator
	log   *slog.Logger
	queue chan string
	sent  chan struct{} // closed when the queue has been closed and sent

	mu        sync.Mutex // guards the fields below
	phase     notifyPhase
	reloading bool
	told      string // the state in the last message
}

// notifyPhase is what the service manager knows of the process.
type notifyPhase uint8

const (
	notifyStarting notifyPhase = iota
	notifyReady
	notifyStopping
)

// newNotifier returns nil without NOTIFY_SOCKET. state is called for each message.
func newNotifier(state func() string, log *slog.Logger) *notifier {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return nil
	}
	n := &notifier{state: state, log: log, queue: make(chan string, notifyQueue), sent: make(chan struct{})}
	go n.run() // ends at close; a service manager that is stuck stops nothing else
	return n
}

// run sends the messages in their order.
func (n *notifier) run() {
	defer close(n.sent)
	failing := false
	for message := range n.queue {
		_, err := daemon.SdNotify(false, message)
		if err != nil && !failing {
			n.log.Warn("the service manager cannot be told the state", "socket", os.Getenv("NOTIFY_SOCKET"), "error", err)
		}
		failing = err != nil
	}
}

func (n *notifier) sendLocked(message string) {
	select {
	case n.queue <- message:
	default: // it has not read for long, and restarts the process if it wants to
	}
}

// withState adds the state to a message.
func (n *notifier) withStateLocked(message string) string {
	n.told = n.state()
	return message + "STATUS=" + n.told + "\n"
}

// ready says that clients are accepted.
func (n *notifier) ready() {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.phase == notifyStarting {
		n.phase = notifyReady
		n.sendLocked(n.withStateLocked(daemon.SdNotifyReady + "\n"))
	}
}

// beginReload says that a reload has begun. The caller calls endReload when it is over.
func (n *notifier) beginReload() {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.phase == notifyReady {
		n.reloading = true
		n.sendLocked(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
	}
}

// endReload says that a reload is over, whether done or refused.
func (n *notifier) endReload() {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.reloading && n.phase == notifyReady {
		n.sendLocked(n.withStateLocked(daemon.SdNotifyReady + "\n"))
	}
	n.reloading = false
}

// stopping says that the process stops.
func (n *notifier) stopping() {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.phase = notifyStopping
	n.sendLocked(n.withStateLocked(daemon.SdNotifyStopping + "\n" + extendTimeout()))
}

// refresh sends the state if it has changed. If the process stops, it also asks for more time.
func (n *notifier) refresh() {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch state := n.state(); {
	case n.phase == notifyStopping:
		n.sendLocked(n.withStateLocked(extendTimeout()))
	case n.phase == notifyReady && state != n.told:
		n.sendLocked(n.withStateLocked(""))
	}
}

// feedWatchdog says that the process works.
func (n *notifier) feedWatchdog() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sendLocked(daemon.SdNotifyWatchdog + "\n")
}

// close sends the messages that wait, for at most notifyFlush. No method may be called
// after it.
func (n *notifier) close() {
	if n == nil {
		return
	}
	close(n.queue)
	select {
	case <-n.sent:
	case <-time.After(notifyFlush):
	}
}

func extendTimeout() string {
	return fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d\n", extension.Microseconds())
}
