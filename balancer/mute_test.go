package balancer

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// turnAway has a node give n sessions no CONNACK, of so many addresses and identifiers, within a time.
func turnAway(n *Node, sessions, addresses, identifiers int, within time.Duration) {
	for i := range sessions {
		n.Unanswered(Unanswered{netip.AddrFrom4([4]byte{10, 0, 0, byte(i % addresses)}), fmt.Sprint("c", i%identifiers), "cause"})
		<-time.After(within / time.Duration(sessions))
	}
}

// muteOf returns whether JudgeAnswers finds the first node mute.
func muteOf(p *Pool) bool {
	p.JudgeAnswers()
	_, mute := p.Nodes()[0].Mute()
	return mute
}

func TestWhoMakesANodeMute(t *testing.T) {
	const long = 10 * time.Second
	for name, row := range map[string]struct {
		happens func(n, other *Node)
		want    bool
	}{
		"many clients":                       {func(n, _ *Node) { turnAway(n, 20, 5, 20, long) }, true},
		"too few":                            {func(n, _ *Node) { turnAway(n, 9, 5, 9, long) }, false},
		"in too short a time":                {func(n, _ *Node) { turnAway(n, 100, 5, 20, time.Second) }, false},
		"killed with many clients":           {func(n, _ *Node) { turnAway(n, 100, 5, 20, time.Second); <-time.After(long) }, false},
		"over too long a time":               {func(n, _ *Node) { turnAway(n, 20, 5, 20, time.Hour) }, false},
		"one client":                         {func(n, _ *Node) { turnAway(n, 100, 1, 1, long) }, false},
		"one address, and no node answers":   {func(n, _ *Node) { turnAway(n, 100, 1, 50, long) }, true},
		"one address, and another answers":   {func(n, o *Node) { o.Answered(false); turnAway(n, 100, 1, 50, long) }, false},
		"one address, and another serves":    {func(n, o *Node) { o.Answered(true); turnAway(n, 100, 1, 50, time.Minute) }, false},
		"one client, which others accept":    {func(n, o *Node) { o.Answered(true); turnAway(n, 20, 1, 1, long); elsewhere(n, 5) }, true},
		"one client, which one has accepted": {func(n, o *Node) { o.Answered(true); turnAway(n, 20, 1, 1, long); elsewhere(n, 4) }, false},
		"while it serves others":             {func(n, _ *Node) { n.Answered(true); turnAway(n, 20, 5, 20, long) }, false},
		"after its last session":             {func(n, _ *Node) { n.Answered(true); n.Left(); turnAway(n, 20, 5, 20, long) }, true},
		"but it answers": {func(n, _ *Node) {
			turnAway(n, 20, 5, 20, long)
			n.Answered(false)
			turnAway(n, 9, 5, 9, long)
		}, false},
		"but it answers a probe": {func(n, _ *Node) {
			turnAway(n, 20, 5, 20, long)
			n.AnsweredProbe()
			turnAway(n, 50, 5, 50, trustedTime-time.Second)
		}, false},
		"long after it has answered a probe": {func(n, _ *Node) {
			n.AnsweredProbe()
			turnAway(n, 50, 5, 50, trustedTime)
		}, true},
		"an IPv6 host with many addresses": {func(n, o *Node) {
			o.Answered(true)
			for i := range 100 {
				a := netip.MustParseAddr("2001:db8::").As16()
				a[15] = byte(i)
				n.Unanswered(Unanswered{netip.AddrFrom16(a), fmt.Sprint(i), ""})
				<-time.After(time.Second / 10)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPool(t, ConsistentHash, "a", "b")
				p.JudgeAnswers()
				row.happens(p.Nodes()[0], p.Nodes()[1])
				if got := muteOf(p); got != row.want {
					t.Errorf("mute: %v", got)
				}
			})
		})
	}
}

func elsewhere(n *Node, sessions int) {
	for range sessions {
		n.AcceptedElsewhere()
	}
}

// A mute node is tried again after 10 s, and after twice as long each next time; at once when it has
// answered a session.
func TestAMuteNodeIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, ConsistentHash, "a")
		n := p.Nodes()[0]
		for _, want := range []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second} {
			turnAway(n, 20, 5, 20, 10*time.Second)
			v := p.JudgeAnswers()
			if len(v) != 1 || !v[0].Mute || v[0].For != want || v[0].Sessions != 20 || v[0].Cause != "cause" || v[0].Node != n {
				t.Fatalf("%+v, want mute for %v", v, want)
			}
			<-time.After(want - 1)
			if !muteOf(p) {
				t.Errorf("it is not mute before %v", want)
			}
			<-time.After(1)
			if muteOf(p) {
				t.Errorf("it is mute after %v", want)
			}
		}
		turnAway(n, 20, 5, 20, 10*time.Second)
		if !muteOf(p) {
			t.Error("it is not mute again")
		}
		n.Answered(false)
		if muteOf(p) || n.UnansweredTotal() != 80 {
			t.Errorf("it is mute after an answer; %d sessions", n.UnansweredTotal())
		}
		turnAway(n, 20, 5, 20, 10*time.Second)
		if v := p.JudgeAnswers(); len(v) != 1 || v[0].For != 10*time.Second {
			t.Errorf("after an answer: %+v", v)
		}
	})
}

// However many sessions get no CONNACK, a node is reported once a minute.
func TestUnansweredSessionsAreReportedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, ConsistentHash, "a")
		n := p.Nodes()[0]
		var reports []string
		for range 150 {
			n.Unanswered(Unanswered{netip.MustParseAddr("10.0.0.1"), "c", "cause"})
			for _, v := range p.JudgeAnswers() {
				reports = append(reports, fmt.Sprint(v.Sessions, v.Answers, v.Mute))
			}
			<-time.After(time.Second)
		}
		n.Answered(false)
		<-time.After(time.Minute)
		for _, v := range p.JudgeAnswers() {
			reports = append(reports, fmt.Sprint(v.Sessions, v.Answers, v.Mute))
		}
		if got := fmt.Sprint(reports); got != "[1 false false 60 false false 60 false false 29 true false]" {
			t.Error(got)
		}
	})
}
