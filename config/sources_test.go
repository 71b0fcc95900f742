package config

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestANetworkStandsForTheAddressesThatHostsHave(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.5":    "1 10.0.0.5 10.0.0.5",
		"10.0.0.5/32": "1 10.0.0.5 10.0.0.5",
		"10.0.0.4/31": "2 10.0.0.4 10.0.0.5",
		"10.0.0.4/30": "2 10.0.0.5 10.0.0.6",
		"10.0.0.0/24": "254 10.0.0.1 10.0.0.254",
		"fd00::5":     "1 fd00::5 fd00::5",
		"fd00::4/127": "2 fd00::4 fd00::5",
		"fd00::4/126": "3 fd00::5 fd00::7",
		"fd00::/120":  "255 fd00::1 fd00::ff",
	} {
		s, err := parseSource(text)
		if err != nil {
			t.Fatal(err)
		}
		p := Pool{Source: []Source{{netip.MustParsePrefix("192.0.2.1/32")}, s}}
		all := p.SourceAddresses()[1:]
		if got := fmt.Sprint(len(all), all[0], all[len(all)-1]); got != want || len(all) != s.count() || p.SourceOf(all[0]) != 1 {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
