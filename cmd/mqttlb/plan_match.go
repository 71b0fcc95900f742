package main

import (
	"time"

	"mqttlb/config"
	"mqttlb/proxy/match"
)

// matchOf makes the run-time form of conditions. long says whether a text that is too long for regular expressions matches them.
func matchOf(m *config.Match, long bool) match.Match {
	out := match.Match{
		ServerName:  m.SNI,
		ClientID:    patternOf(&m.ClientID, long),
		Username:    patternOf(&m.Username, long),
		HasUsername: flagOf(m.UsernamePresent),
		KeepAlive:   match.KeepAlive{Min: uint32(m.KeepAlive.Min / time.Second), Max: uint32(m.KeepAlive.Max / time.Second)},
		Will:        flagOf(m.Will),
		CleanStart:  flagOf(m.CleanStart),
		Certificate: match.Certificate{
			Present:    flagOf(m.Certificate.Present),
			CommonName: patternOf(&m.Certificate.CN, long),
			Subject:    patternOf(&m.Certificate.Subject, long),
			IssuerCN:   patternOf(&m.Certificate.IssuerCN, long),
			DNSNames:   patternOf(&m.Certificate.DNS, long),
			Emails:     patternOf(&m.Certificate.Email, long),
			URIs:       patternOf(&m.Certificate.URI, long),
		},
	}
	if len(m.CIDR) > 0 {
		out.Networks = match.NewNetworks(m.CIDR)
	}
	for _, v := range m.Version {
		out.Versions = withVersion(out.Versions, v)
	}
	return out
}

// patternOf returns nil for no pattern.
func patternOf(p *config.Pattern, long bool) *match.Pattern {
	if p.IsZero() {
		return nil
	}
	return match.NewPattern(p.Exact, p.Prefix, p.MustCompile(), long)
}

func flagOf(f config.Flag) match.Flag {
	switch f {
	case config.FlagTrue:
		return match.Yes
	case config.FlagFalse:
		return match.No
	}
	return match.Any
}

// withVersion adds a version to a set by its protocol level.
func withVersion(set match.Versions, v config.MQTTVersion) match.Versions {
	switch v {
	case config.MQTT31:
		return set.With(3)
	case config.MQTT311:
		return set.With(4)
	case config.MQTT5:
	}
	return set.With(5)
}
