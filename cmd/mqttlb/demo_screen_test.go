package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var sgr = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// crowded is a view with many nodes, clients and events, and with hostile identifiers.
func crowded(nodes, clients int) view {
	now := time.Now()
	var names []string
	for i := range nodes {
		names = append(names, fmt.Sprintf("broker-%d", i+1))
	}
	b := newBoard(names, func(string) string { return names[0] })
	for _, name := range names {
		b.brokerStarted(name)
	}
	b.brokerKilled(names[0])
	b.setHealth(names[nodes-1], false)
	ids := []string{"\x1b[2J\x1b]0;owned\a", "线程", "a\r\nb", "", strings.Repeat("x", 1000), "plain-one", "another", "\u202egnp", "\x9b2J", "one more"}
	for i := range clients {
		b.clientConnected(names[i%nodes], ids[i%len(ids)]+fmt.Sprint(i/len(ids)), "127.0.0.1:40000", true)
	}
	v := b.view(1000)
	for i := range v.nodes {
		for j := range v.nodes[i].clients {
			c := &v.nodes[i].clients[j]
			switch j % 3 {
			case 0:
				c.online, c.gone = false, now.Add(-time.Minute)
			case 1:
				c.moved = now
			}
		}
	}
	return v
}

func TestTheScreenIsFilledExactlyAtEverySize(t *testing.T) {
	hints := []hint{{"join", strings.Repeat("word ", 12) + strings.Repeat("long", 30)}, {"keys", "q quits"}}
	for _, nodes := range []int{1, 2, 9} {
		v := crowded(nodes, 40)
		for _, width := range []int{1, 2, 3, 7, 8, 9, 10, 23, 24, 25, 39, 40, 49, 50, 51, 79, 80, 81, 120, 200} {
			for _, height := range []int{1, 2, 3, 5, 8, 12, 14, 20, 24, 40, 100} {
				for _, color := range []bool{false, true} {
					s := screen{width: width, height: height, color: color, now: time.Now()}
					lines := s.lines(v, "a headline of some length", hints)
					if len(lines) != height {
						t.Fatalf("%dx%d, %d nodes: %d lines", width, height, nodes, len(lines))
					}
					for y, line := range lines {
						text := sgr.ReplaceAllString(line, "")
						if !color && text != line {
							t.Fatalf("%dx%d: a color in %q", width, height, line)
						}
						if len(text) != width {
							t.Fatalf("%dx%d, %d nodes: line %d has %d characters: %q", width, height, nodes, y, len(text), text)
						}
						if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
							t.Fatalf("%dx%d: a terminal would obey %q", width, height, text)
						}
					}
				}
			}
		}
	}
}

func TestTheScreenShowsWhoIsWhere(t *testing.T) {
	b := newBoard([]string{"broker-1", "broker-2"}, func(string) string { return "broker-1" })
	b.brokerStarted("broker-1")
	b.brokerStarted("broker-2")
	b.clientConnected("broker-1", "lamp", "127.0.0.1:1001", true)
	b.clientConnected("broker-1", "pump", "127.0.0.1:1002", true)
	b.messagePublished("broker-1")
	b.brokerKilled("broker-1")
	b.clientConnected("broker-2", "lamp", "127.0.0.1:1003", true)
	b.clientDisconnected("broker-1", "pump", "127.0.0.1:1002")

	show := func(later time.Duration) string {
		s := screen{width: 80, height: 24, now: time.Now().Add(later)}
		return strings.Join(s.lines(b.view(24), "headline", []hint{{"join", "mosquitto_sub -i me"}}), "\n")
	}
	wantLines(t, show(time.Second),
		`^headline +$`,
		`^1  broker-1  killed +2  broker-2  up +$`,
		`^0 sessions, 1 message +1 session, 0 messages +$`,
		`^  pump +away  > lamp +127\.0\.0\.1:1003$`,
		`^..:..:..  lamp moved from broker-1 to broker-2: broker-1 was killed +$`,
		`^join    mosquitto_sub -i me +$`,
	)
	wantLines(t, show(time.Minute), `  ~ lamp +127\.0\.0\.1:1003$`)

	b.brokerStarted("broker-1")
	b.setHealth("broker-1", false)
	b.clientConnected("broker-1", "lamp", "127.0.0.1:1004", true)
	b.clientDisconnected("broker-2", "lamp", "127.0.0.1:1003") // the old connection ends late: nothing changes
	b.clientConnected("broker-1", "pump", "127.0.0.1:1005", true)
	wantLines(t, show(time.Minute),
		`^1  broker-1  down`,
		`^2 sessions`,
		`^  lamp +127\.0\.0\.1:1004 `,
		`^  pump +127\.0\.0\.1:1005 `,
		`lamp came home from broker-2 to broker-1`,
	)
}

func TestAClientThatDoesNotComeBackIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard([]string{"broker-1"}, func(string) string { return "broker-1" })
		b.brokerStarted("broker-1")
		b.clientConnected("broker-1", "lamp", "127.0.0.1:1001", true)
		b.clientConnected("broker-1", "pump", "127.0.0.1:1002", true)
		b.clientDisconnected("broker-1", "lamp", "127.0.0.1:1001")
		isThere := func(want bool) {
			t.Helper()
			<-time.After(forgetAfter)
			b.forget()
			if _, is := places(b)["lamp"]; is != want {
				t.Errorf("after %v with broker-1 %+v: the client is there: %v, want %v", forgetAfter, b.nodes["broker-1"], is, want)
			}
		}
		b.brokerKilled("broker-1")
		isThere(true) // no node is up
		isThere(true)
		b.brokerStarted("broker-1")
		isThere(true) // within forgetAfter
		<-time.After(time.Nanosecond)
		isThere(false)
		if _, is := places(b)["pump"]; !is {
			t.Error("a client that never left was forgotten")
		}
	})
}

func wantLines(t *testing.T, screen string, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		if !regexp.MustCompile(`(?m)` + pattern).MatchString(screen) {
			t.Errorf("no line is like %q on\n%s", pattern, screen)
		}
	}
}
