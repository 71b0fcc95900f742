package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fullBoard is a board of nine nodes and 90 clients, all at home but those of broker-2, which was killed.
func fullBoard() *board {
	var names []string
	for i := range 9 {
		names = append(names, fmt.Sprintf("broker-%d", i+1))
	}
	b := newBoard(names, func(client string) string { return "broker-" + client[:1] })
	for _, name := range names {
		b.brokerStarted(name)
	}
	for i := range 90 {
		b.clientConnected(names[i/10], fmt.Sprintf("%d-%02d", i/10+1, i), "127.0.0.1:1", true)
	}
	b.brokerKilled("broker-2")
	for i := range 10 {
		id := fmt.Sprintf("2-%02d", 10+i)
		b.clientDisconnected("broker-2", id, "127.0.0.1:1")
		<-time.After(100 * time.Millisecond) // of synctest: each is back later than the one before
		b.clientConnected(names[2+i%2], id, "127.0.0.1:2", true)
	}
	return b
}

func TestACrowdHasOneLineForEachBrokerAndOneForWhatHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fullBoard()
		s := screen{width: 80, height: 24, now: time.Now()}
		v := b.view(maxEvents)
		text := strings.Join(s.lines(v, "headline", append(liveHints(v), hint{"join", "mosquitto_sub -i me"})), "\n")
		wantLines(t, text,
			`^ +broker +state +sessions +away +messages$`,
			`^1  broker-1    up  +10  #+ +0 +0$`,
			`^2  broker-2    killed +0 +0 +0$`,
			`^3  broker-3    up +15  #+~+ +5 +0$`,
			`^9  broker-9    up `,
			`^ +90 of 90 clients online, 10 of them away from home`,
			`^..:..:..  90 clients joined +$`,
			`^..:..:..  broker-2 was killed +$`,
			`^..:..:..  10 clients moved from broker-2: it was killed +$`,
			`^keys    1 to 9 kill a broker, or start it again   q quits +$`,
		)
		if n := strings.Count(text, "broker-2 was"); n != 1 {
			t.Errorf("the log has %d lines of the end of broker-2:\n%s", n, text)
		}
	})
}

func TestColumnsStayWhereTheyShowTheClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := screen{width: 200, height: 50, now: time.Now()}
		wantLines(t, strings.Join(s.lines(fullBoard().view(maxEvents), "headline", nil), "\n"), `^  1-00 +127\.0\.0\.1:1 `)
	})
}

func TestTheSummarySaysWhatHasHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fullBoard()
		b.brokerStarted("broker-2")
		b.clientConnected("broker-2", "2-10", "127.0.0.1:3", true)
		b.messagePublished("broker-2")
		b.clientDisconnected("broker-1", "1-00", "127.0.0.1:1")
		<-time.After(2 * forgetAfter)
		b.forget()
		b.end()
		b.brokerKilled("broker-1") // as all do at the end
		var out strings.Builder
		printSummary(&out, b, 12345*time.Millisecond)
		lines := strings.Split(out.String(), "\n")
		for _, want := range []string{
			"The demo ran for 12s:",
			"  broker-1   10 sessions, 0 messages",
			"  broker-2   11 sessions, 1 message, killed once",
			"  broker-3   15 sessions, 0 messages",
			"10 clients moved when their broker was killed; the slowest was back after 100ms.",
			"1 client came home when their broker was up again.",
			"1 client left and did not come back.",
		} {
			if !slices.Contains(lines, want) {
				t.Errorf("%q is missing from\n%s", want, out.String())
			}
		}
	})
}
