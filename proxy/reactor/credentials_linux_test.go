package reactor

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestPeerCredentialsAreThoseOfTheOtherProcess(t *testing.T) {
	addr := &net.UnixAddr{Net: "unix", Name: filepath.Join(t.TempDir(), "s")}
	ln, err := net.ListenUnix("unix", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.DialUnix("unix", nil, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := ln.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	want := Credentials{PID: int32(os.Getpid()), UID: uint32(os.Getuid())}
	if got, err := PeerCredentials(server); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	_ = server.Close()
	if _, err := PeerCredentials(server); err == nil {
		t.Error("a closed connection has credentials")
	}
}
