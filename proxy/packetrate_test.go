package proxy

import (
	"sync"
	"testing"

	"mqttlb/mqttparse"
)

func TestRateIsThatOfOneSecond(t *testing.T) {
	a := startNode(t, nil)
	r := start(t, []string{a.address()})
	busy, quiet := r.open("busy"), r.open("quiet")
	ping := []byte("\xc0\x00")
	for range 100 {
		quiet.send(ping) // before the second
		quiet.expect(ping)
	}
	over := make(chan struct{})
	var clients sync.WaitGroup
	clients.Go(func() { // ends with over
		for {
			select {
			case <-over:
				return
			default:
				busy.send(ping)
				busy.expect(ping) // the node echoes it
			}
		}
	})
	clients.Go(func() { // ends with its CONNACK
		eventually(t, "the busy session's first packets", func() bool { return r.list(FilterSpec{ClientID: "busy"})[0].Packets[ToNode] > 10 })
		r.openAs(r.dial(), mqttparse.V311, "new", "")
	})
	list, err := r.srv.Sessions(t.Context(), &SessionFilter{}, ByRate, 2)
	close(over)
	clients.Wait()
	if err != nil || list.Total < 2 || len(list.Sessions) != 2 || list.Sessions[0].ClientID != "busy" || list.Sessions[0].PacketsPerSecond < 10 {
		t.Fatalf("%+v, error %v", list, err)
	}
	second := list.Sessions[1]
	switch {
	case list.Total == 3 && (second.ClientID != "new" || second.PacketsPerSecond <= 0 || second.PacketsPerSecond > 2):
		t.Errorf("the new session's two packets: %+v", second)
	case list.Total == 2 && (second.ClientID != "quiet" || second.PacketsPerSecond != 0):
		t.Errorf("the quiet session: %+v", second)
	}
}

// The numbers of packets wrap, and a slot may have another session at the second look.
func TestRateOfWrappedNumbersAndOfNewSessions(t *testing.T) {
	l := tableOf(t, 2)
	p := &packetCounts{[][]packetCount{make([]packetCount, 1)}, [][]int64{{0}}}
	s := l.sessions.At(0)
	p.loops[0][0] = packetCount{uint32(s.serial), ^uint32(0) - 9}
	const second = 1e9
	s.packets = [2]uint32{^uint32(0), 91} // 100 since
	l.Do(func() {})
	l.Turn() // reads the clock
	seconds := float64(l.Now()) / second
	if got, want := p.rate(l, s), 100/seconds; got != want {
		t.Errorf("rate %v, want %v", got, want)
	}
	s.serial++
	s.packets = [2]uint32{3, 4}
	s.begun = l.Now()
	if got := p.rate(l, s); got != 7 {
		t.Errorf("rate of another session in the slot: %v, want 7", got)
	}
	other := l.sessions.At(1)
	other.packets, other.begun = [2]uint32{3, 4}, l.Now()
	if got := p.rate(l, other); got != 7 {
		t.Errorf("rate of a session in a new slot: %v, want 7", got)
	}
}
