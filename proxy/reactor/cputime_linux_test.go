package reactor

import (
	"testing"
	"time"
)

func TestCPUTimeIsThatOfTheProcess(t *testing.T) {
	begun := cpuTime()
	for deadline := time.Now().Add(10 * time.Second); cpuTime()-begun < int64(10*time.Millisecond); {
		if time.Now().After(deadline) {
			t.Fatal("it does not go on")
		}
	}
}
