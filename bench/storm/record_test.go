//go:build linux

package storm

import (
	"bytes"
	"net"
	"testing"
	"time"

	"mqttlb/mqttparse"
)

func TestCalmIsWhenTheAbsentAreFewForGood(t *testing.T) {
	for _, c := range []struct {
		name    string
		in      []int // of 10 clients, a second apart
		allowed int
		want    time.Duration
	}{
		{"all the time", []int{10, 10}, 0, 0},
		{"a boot", []int{0, 5, 9, 10}, 0, 3 * time.Second},
		{"a boot, one may be absent", []int{0, 5, 9, 10}, 1, 2 * time.Second},
		{"a second storm", []int{10, 5, 10, 8, 10}, 1, 4 * time.Second},
		{"never", []int{10, 5}, 1, -1},
	} {
		var changes []change
		for i, in := range c.in {
			changes = append(changes, change{time.Duration(i) * time.Second, in, 10 - in, 0})
		}
		if got := calm(changes, absent, c.allowed); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestPeakIsTheMostWithinAnyWindow(t *testing.T) {
	var samples []sample
	began := time.Now()
	for i, total := range []int64{0, 1, 1, 6, 8, 8, 9} { // 10 ms apart
		samples = append(samples, sample{began.Add(time.Duration(i) * 10 * time.Millisecond), total})
	}
	for window, want := range map[time.Duration]int64{10 * time.Millisecond: 5, 20 * time.Millisecond: 7, time.Second: 9} {
		if got := peak(samples, window); got != want {
			t.Errorf("%v: %d, want %d", window, got, want)
		}
	}
}

func TestClientsThatStillWaitCount(t *testing.T) {
	r := newRecord(2)
	r.attempt(0)
	r.entered(0)
	r.attempt(1)
	r.failed(failedReset)
	if waits := r.allWaits(); len(waits) != 2 || waits[1] <= 0 {
		t.Errorf("waits %v, want two", waits)
	}
	r.left(0)
	r.begin()
	result := &Result{}
	r.addTo(result)
	if result.Absent != 2 || result.failed() != 0 || result.Attempts != 0 || result.Absence <= 0 || result.AllIn >= 0 {
		t.Errorf("got %+v", result)
	}
}

// A client that is sent to another node is absent, and is not lost, whoever notices it first.
func TestClientsThatAreSentAwayAreNotLost(t *testing.T) {
	for _, nodeFirst := range []bool{true, false} {
		r := newRecord(2)
		for client := range uint32(2) {
			r.attempt(client)
			r.entered(client)
		}
		r.begin()
		if nodeFirst {
			r.sentAway(0)
			r.left(0)
		} else {
			r.left(0)
			r.sentAway(0)
		}
		r.left(1)
		r.attempt(1)
		r.entered(1)
		result := &Result{}
		if r.addTo(result); result.AllBack < 0 || result.AllIn >= 0 || result.Sent != 1 || result.Losses != 2 {
			t.Errorf("the node first: %t: %+v", nodeFirst, result)
		}
		r.attempt(0)
		r.entered(0)
		r.left(0) // for another reason
		if r.addTo(result); result.AllBack >= 0 {
			t.Errorf("the node first: %t: %+v", nodeFirst, result)
		}
	}
}

func TestADeadlineLosesNoByteOfAPacket(t *testing.T) {
	client, node := net.Pipe()
	defer client.Close()
	defer node.Close()
	want := appendPublish(nil, mqttparse.V5, message{7, 9}, false)
	p := &packets{conn: client}
	rest := make(chan struct{})
	go func() { // ends with the last write, or with the pipe
		_, _ = node.Write(want[:5])
		<-rest
		_, _ = node.Write(want[5:])
	}()
	_ = client.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	if _, _, err := p.next(); failureOf(err) != failedTimedOut {
		t.Fatalf("half of a packet: %v", err)
	}
	close(rest)
	_ = client.SetReadDeadline(time.Now().Add(time.Minute))
	got, body, err := p.next()
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got % x, %v", got, err)
	}
	if m, err := parsePublish(body); err != nil || m != (message{7, 9}) {
		t.Errorf("got %v, %v", m, err)
	}
}

func TestConnectsAreValid(t *testing.T) {
	for number := range 8 {
		c := newClient(number, 0)
		b := appendConnect(nil, c.version, c.id, c.clean)
		var got mqttparse.Connect
		n, err := got.Parse(b, maxPacket)
		if err != nil || n != len(b) || string(got.ClientID) != c.id || got.CleanStart != c.clean || got.Version != c.version {
			t.Errorf("client %d: %+v, %v", number, got, err)
		}
		if c.version == mqttparse.V5 && (got.SessionExpiryInterval > 0) == c.clean {
			t.Errorf("client %d: session expiry %d, clean %v", number, got.SessionExpiryInterval, c.clean)
		}
	}
}
