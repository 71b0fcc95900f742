package admin

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestASlotIsWaitedForInTurnAndNotForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		if err := s.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		turns := make(chan int, 2)
		for i := range 2 {
			go func() { // ends with its turn
				if err := s.take(t.Context()); err != nil {
					t.Error(err)
				}
				turns <- i
			}()
			synctest.Wait()
		}
		for i := range 2 {
			s.release()
			if got := <-turns; got != i {
				t.Errorf("turn %d is that of %d", i, got)
			}
		}

		began := time.Now()
		err := s.take(t.Context())
		answer, _ := errors.AsType[*Error](err)
		if took := time.Since(began); took != requestTime || answer == nil || answer.Status != http.StatusServiceUnavailable {
			t.Errorf("%v after %v", err, took)
		}
		ctx, leave := context.WithCancel(t.Context())
		leave()
		if err := s.take(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("a client that leaves: %v", err)
		}
		s.release()
	})
}

// A client that does not finish its request loses its connection.
func TestAConnectionEndsWithTheTimeOfItsRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t, &Access{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(requestTime + patience))
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: 127."); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Errorf("it is not closed: %v", err)
	}
}
