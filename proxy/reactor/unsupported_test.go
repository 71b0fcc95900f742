//go:build !linux

package reactor

import (
	"testing"
	"time"
)

func TestOtherSystemsAreToldAtOnce(t *testing.T) {
	if l, err := NewLoop(nil, time.Now()); l != nil || err != ErrUnsupported {
		t.Errorf("NewLoop: %v, %v", l, err)
	}
	if _, _, err := ListenTCP("127.0.0.1:0", 1, false, false, 0); err != ErrUnsupported {
		t.Errorf("ListenTCP: %v", err)
	}
}
