package config

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// hostNames converts host names as browsers do (UTS 46), so that one that was copied from a browser means the same here.
var hostNames = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.ValidateLabels(true))

// toALabels returns a host name with A-labels in place of its U-labels (RFC 5890): xn--bcher-kva.example for
// bücher.example. DNS, SNI, certificates and the headers of HTTP have nothing else. What is in ASCII, or is no name, stays
// as it is; isHostName refuses the latter.
func toALabels(s string) string {
	if !strings.ContainsFunc(s, func(c rune) bool { return c >= utf8.RuneSelf }) || len(s) > maxName {
		return s
	}
	name, err := hostNames.ToASCII(s)
	if err != nil {
		return s
	}
	return name
}
