package proxy

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// inherit returns the sockets as a process inherits them: as files with names. The test keeps
// descriptors of its own, as the service manager does.
func inherit(t *testing.T, names []string, of ...interface{ File() (*os.File, error) }) (*Inherited, error) {
	t.Helper()
	var files []*os.File
	for i, s := range of {
		f, err := s.File()
		if err != nil {
			t.Fatal(err)
		}
		fd, err := syscall.Dup(int(f.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		files = append(files, os.NewFile(uintptr(fd), names[i]))
	}
	in, err := NewInherited(files)
	if err != nil {
		for _, f := range files {
			_ = f.Close()
		}
	}
	t.Cleanup(in.Close)
	return in, err
}

// fileListener is a listener whose socket can be inherited.
type fileListener interface {
	net.Listener
	File() (*os.File, error)
}

// listenTCPOn listens on a plain TCP socket, as a service manager does. Go's are MPTCP sockets.
func listenTCPOn(t *testing.T, address string) *net.TCPListener {
	t.Helper()
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln.(*net.TCPListener)
}

func listenUnixAt(t *testing.T, path string) *net.UnixListener {
	t.Helper()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

// stillCarry checks that sessions still carry bytes.
func stillCarry(sessions []*client) {
	for _, c := range sessions {
		c.send([]byte("bytes"))
		c.expect([]byte("bytes"))
	}
}

func TestListenersUseInheritedSockets(t *testing.T) {
	dir := t.TempDir()
	for name, row := range map[string]struct {
		network string
		theirs  func(t *testing.T) (fileListener, string) // and the address of the listener
	}{
		"the address": {"tcp", func(t *testing.T) (fileListener, string) {
			ln := listenTCPOn(t, "127.0.0.1:0")
			return ln, ln.Addr().String()
		}},
		"every address": {"tcp", func(t *testing.T) (fileListener, string) {
			ln := listenTCPOn(t, ":0")
			_, port, _ := net.SplitHostPort(ln.Addr().String())
			return ln, ":" + port
		}},
		"every address of IPv4": {"tcp", func(t *testing.T) (fileListener, string) {
			ln := listenTCPOn(t, "0.0.0.0:0")
			_, port, _ := net.SplitHostPort(ln.Addr().String())
			return ln, ":" + port
		}},
		"the name": {"tcp", func(t *testing.T) (fileListener, string) {
			return listenTCPOn(t, "127.0.0.1:0"), "127.0.0.1:1"
		}},
		"the path": {"unix", func(t *testing.T) (fileListener, string) {
			path := filepath.Join(dir, "socket")
			return listenUnixAt(t, path), path
		}},
	} {
		t.Run(name, func(t *testing.T) {
			theirs, address := row.theirs(t)
			fdname := "other"
			if name == "the name" {
				fdname = "mqtt"
			}
			in, err := inherit(t, []string{fdname}, theirs)
			if err != nil {
				t.Fatal(err)
			}
			r := prepareInheriting(t, in, []string{startNode(t, nil).address()}, at(row.network, address))
			if got := r.srv.Addr("mqtt").String(); got != theirs.Addr().String() {
				t.Fatalf("bound to %s, inherited %s", got, theirs.Addr())
			}
			early := r.dialTo(theirs.Addr()) // waits in the queue until the server runs
			early.send(connect311)
			r.run()
			early.expect(connack311)
			sessions := []*client{early}
			for range 20 {
				sessions = append(sessions, r.open("c1"))
			}
			r.apply(func(s *snapshot.Snapshot) { s.Listeners[0].MaxConnections = 100 })
			sessions = append(sessions, r.open("c2"))
			stillCarry(sessions)
			for _, c := range sessions {
				_ = c.Close()
			}
			r.stop()

			// The socket still belongs to its maker, and takes clients for the next process.
			waits, err := net.Dial(theirs.Addr().Network(), theirs.Addr().String())
			if err != nil {
				t.Fatalf("after the stop: %v", err)
			}
			defer waits.Close()
			next, err := theirs.Accept()
			if err != nil {
				t.Fatal(err)
			}
			_ = next.Close()
		})
	}
}

// A listener that comes back finds its socket again, with the clients that have connected meanwhile.
func TestInheritedSocketOutlivesItsListener(t *testing.T) {
	theirs := listenTCPOn(t, "127.0.0.1:0")
	in, err := inherit(t, []string{"tenant"}, theirs)
	if err != nil {
		t.Fatal(err)
	}
	r := prepareInheriting(t, in, []string{startNode(t, nil).address()}, another("tenant", "tcp", theirs.Addr().String()))
	r.srv.waits = shortWaits
	r.run()
	sessions := []*client{r.dialTo(theirs.Addr())}
	sessions[0].send(connect311)
	sessions[0].expect(connack311)

	r.apply(onlyFirst)
	eventually(t, "the port is released", func() bool {
		r.srv.applying.Lock()
		defer r.srv.applying.Unlock()
		return len(r.srv.ports) == 1
	})
	meanwhile := r.dialTo(theirs.Addr())
	meanwhile.send(connect311)
	r.apply(another("tenant", "tcp", theirs.Addr().String()))
	meanwhile.expect(connack311)
	stillCarry(append(sessions, meanwhile))

	// Within the time of the release, too.
	r.apply(onlyFirst)
	r.apply(another("tenant", "tcp", theirs.Addr().String()))
	again := r.dialTo(theirs.Addr())
	again.send(connect311)
	again.expect(connack311)
}

func TestInheritedDescriptorsOfTheWrongKindAreNamed(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	ln := listenTCPOn(t, "127.0.0.1:0")
	connected, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer connected.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	descriptors := proxytest.OpenDescriptors(t)
	_, err = inherit(t, []string{"datagrams", "good", "connected", "text"}, udp.(*net.UDPConn), ln, connected.(*net.TCPConn), fileOf{file})
	for _, part := range []string{
		`named "datagrams": is no stream socket`, `named "connected": is a socket that does not listen`, `named "text": is no socket`, "ListenStream=",
	} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("without %q: %v", part, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "good") {
		t.Errorf("a good socket is blamed: %v", err)
	}
	if n := proxytest.OpenDescriptors(t); n != descriptors {
		t.Errorf("%d descriptors open, %d before", n, descriptors)
	}
}

// fileOf is a file in the form of a socket.
type fileOf struct{ file *os.File }

func (f fileOf) File() (*os.File, error) {
	fd, err := syscall.Dup(int(f.file.Fd()))
	return os.NewFile(uintptr(fd), f.file.Name()), err
}

func TestInheritedSocketsThatNobodyUsesAreClosed(t *testing.T) {
	used, unused := listenTCPOn(t, "127.0.0.1:0"), listenTCPOn(t, "127.0.0.1:0")
	in, err := inherit(t, []string{"used", "unused"}, used, unused)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := in.Listen("tcp", used.Addr().String(), "admin.address")
	if err != nil || ln == nil {
		t.Fatalf("%v, %v", ln, err)
	}
	defer ln.Close()
	if none, err := in.Listen("tcp", "127.0.0.1:1", "admin.address"); none != nil || err != nil {
		t.Errorf("%v, %v where there is none", none, err)
	}
	descriptors := proxytest.OpenDescriptors(t)
	closed := in.CloseUnused()
	if len(closed) != 1 || !strings.Contains(closed[0], unused.Addr().String()) || !strings.Contains(closed[0], `"unused"`) {
		t.Errorf("closed are %q", closed)
	}
	if n := proxytest.OpenDescriptors(t); n != descriptors-1 {
		t.Errorf("%d descriptors open, %d before", n, descriptors)
	}
	go func() { // ends when the connection is closed
		if c, err := net.Dial("tcp", used.Addr().String()); err == nil {
			_ = c.Close()
		}
	}()
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}
