package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Bans keep out, for a while, the client addresses that are refused again and again for a fault of the client.
// The address is that of Limits.MaxConnectionsPerAddress.
type Bans struct {
	Refusals int            // within Within, after which an address is banned
	Within   time.Duration  // counted from the first of them
	Time     time.Duration  // of a ban
	Exempt   []netip.Prefix // are never banned; masked, IPv4 never mapped into IPv6
}

func bansFields(b *Bans) []field {
	return []field{
		scalar("refusals", &b.Refusals, integer(1, maxRefusals)),
		scalar("within", &b.Within, duration(minBanWithin, maxBanWithin, zeroForbidden)),
		scalar("time", &b.Time, duration(minBan, maxBan, zeroForbidden)),
		scalars("exempt", &b.Exempt, 1, text(parsePrefix)),
	}
}

// A RateWithin is a number of events within a time, of which all may come at once. The zero value is no limit.
type RateWithin struct {
	Events int
	Within time.Duration
}

// String returns the rate as it is written in a file.
func (r RateWithin) String() string {
	if r.Events == 0 {
		return off
	}
	return strconv.Itoa(r.Events) + "/" + formatDuration(r.Within)
}

// rateWithin parses a number of such events within a time, as 15/1m, or the word off.
func rateWithin(events string) func(*yaml.Node) (RateWithin, error) {
	return func(n *yaml.Node) (r RateWithin, err error) {
		wrong := func() (RateWithin, error) {
			return RateWithin{}, fmt.Errorf("is %s; it must be a number of %s within a time, as 15/1m, or off", describe(n), events)
		}
		if n.Kind != yaml.ScalarNode {
			return wrong()
		}
		if n.Value == off {
			return RateWithin{}, nil
		}
		digits, within, ok := strings.Cut(n.Value, "/")
		if !ok || !isDecimal(digits) {
			return wrong()
		}
		if r.Events, err = strconv.Atoi(digits); err != nil || r.Events < 1 || r.Events > maxRefusals {
			return RateWithin{}, fmt.Errorf("%s is out of range 1 to %d %s, or off", abbreviate(digits), maxRefusals, events)
		}
		if within == "h" || within == "m" || within == "s" {
			within = "1" + within // 15/m
		}
		r.Within, err = duration(minBanWithin, maxBanWithin, zeroForbidden)(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: within})
		if err != nil {
			return RateWithin{}, fmt.Errorf("the time %w", err)
		}
		return r, nil
	}
}

// summary describes the bans.
func (b *Bans) summary() string {
	s := fmt.Sprintf("an address with %d refusals within %s for %s", b.Refusals, formatDuration(b.Within), formatDuration(b.Time))
	if len(b.Exempt) > 0 {
		exempt := make([]string, len(b.Exempt))
		for i, p := range b.Exempt {
			exempt[i] = p.String()
		}
		s += ", never " + joinWords(exempt)
	}
	return s
}

// checkBans checks that what is written about bans and about flapping clients takes effect.
func checkBans(c *Config, s *source) {
	const hold, rate, exempt = "limits.client_id_hold", "limits.connect_rate_per_client_id", "bans.exempt"
	if c.Limits.ConnectRatePerClientID.Events == 0 && s.written(hold) && s.valid(hold, rate) {
		s.errorf(hold, "has no effect without %s", rate)
	}
	if c.Bans == nil {
		return
	}
	checkOnce(c.Bans.Exempt, netip.Prefix.String, "network", s, exempt)
	for i, p := range c.Bans.Exempt {
		if p.Bits() == 0 && s.valid(item(exempt, i)) {
			s.errorf(item(exempt, i), "exempts every address; write bans: off")
		}
	}
}
