package proxy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
)

// kick kicks the sessions that fulfil a filter, fast.
func (r *rig) kick(spec FilterSpec, code mqttparse.ReasonCode) (kicked int) {
	r.t.Helper()
	f, err := ParseFilter(spec)
	if err != nil {
		r.t.Fatal(err)
	}
	kicked, err = r.srv.Kick(r.t.Context(), f, KickSpec{Code: code, PerSecond: 10000, All: spec == FilterSpec{}})
	if err != nil {
		r.t.Fatal(err)
	}
	return kicked
}

// kickCodes are codes that clients are told in a kick, by their protocol.
var kickCodes = []struct {
	code       mqttparse.ReasonCode
	disconnect string // version 5, after the CONNACK
	connack5   string // before the CONNACK
	connack3   string
}{
	{0, "e0 02 98 00", "20 03 00 88 00", "20 02 00 03"},
	{mqttparse.AdministrativeAction, "e0 02 98 00", "20 03 00 88 00", "20 02 00 03"},
	{mqttparse.NotAuthorized, "e0 02 87 00", "20 03 00 87 00", "20 02 00 05"},
	{mqttparse.SessionTakenOver, "e0 02 8e 00", "20 03 00 88 00", "20 02 00 03"},
	{mqttparse.ServerMoved, "e0 02 9d 00", "20 03 00 9d 00", "20 02 00 03"},
	{mqttparse.UnspecifiedError, "e0 02 80 00", "20 03 00 80 00", "20 02 00 03"}, // 3.x has no such return code
}

func TestKickedClientsAreToldTheReason(t *testing.T) {
	inModesAbreast(t, allModes, func(t *testing.T, m mode) {
		r := startLeaving(t, m)
		for _, row := range kickCodes {
			for v := range connects {
				client, node := r.open(v)
				if n := r.kick(FilterSpec{ClientID: "c1"}, row.code); n != 1 {
					t.Errorf("%d sessions kicked", n)
				}
				r.ends(t, outcome.Kicked, client, node, m.toClient(pick(v == mqttparse.V5, row.disconnect, ""), 1008), m.toNode())
				client, node = r.connect(v)
				if n := r.kick(FilterSpec{ClientID: "c1"}, row.code); n != 1 {
					t.Errorf("%d connecting sessions kicked", n)
				}
				r.ends(t, outcome.Kicked, client, node, m.toClient(pick(v == mqttparse.V5, row.connack5, row.connack3), 1008), m.toNode())
			}
		}
		r.waitOutcome(outcome.Kicked, uint64(2*len(connects)*len(kickCodes)))
	})
}

func TestKickTakesThoseOfTheFilter(t *testing.T) {
	a := startNode(t, nil)
	r := start(t, []string{a.address()})
	kicked, stays := r.openAs(r.dial(), mqttparse.V311, "dev/1", "alice"), r.openAs(r.dial(), mqttparse.V311, "dev/2", "bob")
	id := r.list(FilterSpec{Username: "alice"})[0].ID.String()
	if n := r.kick(FilterSpec{ID: id, Username: "bob"}, 0); n != 0 {
		t.Errorf("%d sessions kicked that fulfil half of the filter", n)
	}
	if n := r.kick(FilterSpec{ID: id}, 0); n != 1 {
		t.Errorf("%d sessions kicked", n)
	}
	kicked.rest()
	_ = kicked.Close()
	r.waitOutcome(outcome.Kicked, 1)
	if n := r.kick(FilterSpec{ID: id}, 0); n != 0 {
		t.Errorf("%d sessions kicked by an identifier that is gone", n)
	}
	stays.send([]byte("bytes"))
	stays.expect([]byte("bytes"))
}

// A kick that goes on takes the sessions that were there when it began, and no others, while those
// come and go, and counts what it took.
func TestKickTakesTheSessionsOfItsBeginning(t *testing.T) {
	proxytest.WaitAbreast(t)
	const staying = 1500
	a := startNode(t, nil)
	r := startShortWaits(t, []string{a.address()})
	before := r.openSessions(staying)
	over := make(chan struct{})
	var clients sync.WaitGroup
	begun := make(chan struct{})
	var opened int
	clients.Go(func() { // ends with over; its sessions fulfil the filter and must not be kicked
		<-begun
		opened = r.comeAndGo(over, func(int) string { return "1" })
	})
	clients.Go(func() { // ends before the kick has reached all: sessions that end by themselves
		<-begun
		for _, c := range before[staying-100:] {
			_ = c.Close()
		}
	})
	f := &SessionFilter{ClientID: TextPattern{"1", true}} // 1, 10 to 19, 100 to 199, 1000 to 1499
	go func() {                                           // ends when the first has left
		defer close(begun)
		eventually(t, "the first to leave", func() bool { return r.outcomes(outcome.Kicked) > 0 })
	}()
	n, err := r.srv.Kick(t.Context(), f, KickSpec{PerSecond: 1000})
	close(over)
	clients.Wait()
	if err != nil || n < 511 || n > 611 {
		t.Errorf("%d sessions kicked, error %v", n, err)
	}
	if opened == 0 {
		t.Error("no session has come and gone")
	}
	for i, c := range before[:staying-100] {
		if strings.HasPrefix(fmt.Sprint(i), "1") {
			c.rest()
			_ = c.Close()
		}
	}
	r.waitOutcome(outcome.Kicked, uint64(n))
	for _, c := range before[200:1000] {
		c.send([]byte("bytes"))
		c.expect([]byte("bytes"))
	}
}

// However late a kick is, at most the sessions of two ticks leave at once.
func TestKickIsSpread(t *testing.T) {
	proxytest.WaitAbreast(t)
	const sessions, perSecond = 200, 200
	a := startNode(t, nil)
	r := start(t, []string{a.address()})
	r.openSessions(sessions)
	began := time.Now()
	if n, err := r.srv.Kick(t.Context(), nil, KickSpec{PerSecond: perSecond, All: true}); n != sessions || err != nil {
		t.Errorf("%d sessions kicked, error %v", n, err)
	}
	if took := time.Since(began); took < sessions*time.Second/perSecond-maxLate-2*drainInterval {
		t.Errorf("%d sessions left in %v, at %d a second", sessions, took, perSecond)
	}
}

// A kick need not wait for its turn.
func TestFirstOfAKickLeavesAtOnce(t *testing.T) {
	a := startNode(t, nil)
	r := start(t, []string{a.address()})
	c := r.open("c1")
	some := &SessionFilter{ClientID: TextPattern{"c1", false}}
	ctx, cancel := context.WithCancel(t.Context())
	kicked := make(chan int)
	go func() { // ends with ctx
		n, _ := r.srv.Kick(ctx, some, KickSpec{PerSecond: 0.001})
		kicked <- n
	}()
	c.rest()
	_ = c.Close()
	cancel()
	if n := <-kicked; n != 1 {
		t.Errorf("%d sessions kicked", n)
	}
	r.waitOutcome(outcome.Kicked, 1)
}

func TestKickEndsWithItsContextAndWithTheServer(t *testing.T) {
	a := startNode(t, nil)
	r := startShortWaits(t, []string{a.address()})
	r.openSessions(30)
	for _, end := range []struct {
		want error
		do   func(cancel func())
	}{
		{context.Canceled, func(cancel func()) { cancel() }},
		{ErrStopping, func(func()) { go r.stop() }},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		before := r.outcomes(outcome.Kicked)
		go func() { // ends when the first has left
			eventually(t, "the first to leave", func() bool { return r.outcomes(outcome.Kicked) > before })
			end.do(cancel)
		}()
		n, err := r.srv.Kick(ctx, nil, KickSpec{PerSecond: 2, All: true})
		if !errors.Is(err, end.want) || n == 0 || n == 30 {
			t.Errorf("%d sessions kicked, error %v, want %v", n, err, end.want)
		}
		cancel()
		eventually(t, "the end of those that were kicked", func() bool { return r.outcomes(outcome.Kicked) >= before+uint64(n) })
		if got := r.outcomes(outcome.Kicked) - before; got != uint64(n) {
			t.Errorf("%d sessions ended, and %d were counted", got, n)
		}
	}
}

func TestKickIsRefusedWithWrongInput(t *testing.T) {
	a := startNode(t, nil)
	r := start(t, []string{a.address()})
	c := r.open("c1")
	some := &SessionFilter{ClientID: TextPattern{"c1", false}}
	for _, row := range []struct {
		filter *SessionFilter
		spec   KickSpec
		want   string
	}{
		{nil, KickSpec{}, "the filter is empty"},
		{&SessionFilter{}, KickSpec{}, "the filter is empty"},
		{some, KickSpec{Code: 0x04}, "0x04 is not one that a server may send"},
		{some, KickSpec{Code: mqttparse.ServerUnavailable}, "0x88 is not one that a server may send"},
		{nil, KickSpec{Code: 0xff, All: true}, "0xFF is not one"},
		{some, KickSpec{PerSecond: -1}, "-1 sessions a second is not"},
		{some, KickSpec{PerSecond: math.NaN()}, "NaN sessions a second is not"},
		{some, KickSpec{PerSecond: math.Inf(1)}, "+Inf sessions a second is not"},
	} {
		if n, err := r.srv.Kick(t.Context(), row.filter, row.spec); n != 0 || err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%+v, %+v: %d kicked, error %v, want %s", row.filter, row.spec, n, err, row.want)
		}
	}
	c.send([]byte("bytes"))
	c.expect([]byte("bytes"))
}
