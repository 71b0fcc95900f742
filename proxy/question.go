package proxy

import (
	"fmt"
	"net/netip"
	"strings"

	"mqttlb/mqttparse"
	"mqttlb/proxy/match"
	"mqttlb/proxy/snapshot"
)

// Question asks for the way of a client, of whom some things are known.
type Question struct {
	snapshot.Question
	Listener   string // empty: all
	Persistent bool   // the client has a persistent session
}

// QuestionSpec is a Question as text. What is nil is not known; what is empty is known to be none.
type QuestionSpec struct {
	ClientID, Listener                          string
	SNI, Username, Version, Address, Host, Path *string
	Persistent                                  bool
}

// ParseQuestion parses a Question.
func ParseQuestion(spec QuestionSpec) (*Question, error) {
	connect := &mqttparse.Connect{ClientID: []byte(spec.ClientID)}
	q := &Question{Listener: spec.Listener, Persistent: spec.Persistent}
	q.Facts = match.Facts{Connect: connect}
	for _, fact := range []struct {
		known snapshot.Known
		text  *string
		set   func(string) error
	}{
		{snapshot.KnownSNI, spec.SNI, func(s string) error { q.ServerName = s; return nil }},
		{snapshot.KnownUsername, spec.Username, func(s string) error {
			connect.Username, connect.HasUsername = []byte(s), s != ""
			return nil
		}},
		{snapshot.KnownVersion, spec.Version, func(s string) (err error) { connect.Version, err = parseVersion(s); return err }},
		{snapshot.KnownAddress, spec.Address, func(s string) (err error) { q.Address, err = parseSource(s); return err }},
		{snapshot.KnownHost, spec.Host, func(s string) error { q.Host = s; return nil }},
		{snapshot.KnownPath, spec.Path, func(s string) error { q.Path = s; return checkPath(s) }},
	} {
		if fact.text == nil {
			continue
		}
		if err := fact.set(*fact.text); err != nil {
			return nil, err
		}
		q.Known |= fact.known
	}
	return q, nil
}

// parseSource parses the address of a client; "unix" is a client on a Unix socket, as in lists of sessions.
func parseSource(s string) (netip.Addr, error) {
	if s == "unix" {
		return netip.Addr{}, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return a, fmt.Errorf("address: %.100q is not the IP address of a client, as 10.0.0.7 or 2001:db8::7, nor unix", s)
	}
	return a.Unmap().WithZone(""), nil
}

func checkPath(s string) error {
	if !strings.HasPrefix(s, "/") {
		return fmt.Errorf("path: %.100q is not the path of an upgrade, which begins with /", s)
	}
	return nil
}
