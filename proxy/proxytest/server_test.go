package proxytest

import (
	"io"
	"net"
	"testing"
)

func TestServeOutlivesNoTest(t *testing.T) {
	var addr string
	served := 0
	t.Run("test", func(t *testing.T) {
		addr = Serve(t, "127.0.0.1:0", func(c *net.TCPConn) {
			io.Copy(c, c)
			served++ // a race, if it went on after the test
		})
		for range 3 {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			io.WriteString(c, "word")
			c.(*net.TCPConn).CloseWrite()
			if said, err := io.ReadAll(c); string(said) != "word" || err != nil {
				t.Errorf("answered %q, %v", said, err)
			}
		}
	})
	if served != 3 {
		t.Errorf("%d connections were served to their end, want 3", served)
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("it still listens")
	}
}
