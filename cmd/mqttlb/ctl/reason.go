package ctl

import (
	"strconv"
	"strings"

	"mqttlb/cmd/cli"
)

// reasonCode is a reason code of a server's DISCONNECT [MQTT 5, 3.14.2.1].
type reasonCode struct {
	name string
	code int
}

var reasonCodes = []reasonCode{
	{"unspecified-error", 0x80}, {"malformed-packet", 0x81}, {"protocol-error", 0x82}, {"implementation-specific-error", 0x83},
	{"not-authorized", 0x87}, {"server-busy", 0x89}, {"server-shutting-down", 0x8b}, {"keep-alive-timeout", 0x8d},
	{"session-taken-over", 0x8e}, {"topic-filter-invalid", 0x8f}, {"topic-name-invalid", 0x90}, {"receive-maximum-exceeded", 0x93},
	{"topic-alias-invalid", 0x94}, {"packet-too-large", 0x95}, {"message-rate-too-high", 0x96}, {"quota-exceeded", 0x97},
	{"administrative-action", 0x98}, {"payload-format-invalid", 0x99}, {"retain-not-supported", 0x9a}, {"qos-not-supported", 0x9b},
	{"use-another-server", 0x9c}, {"server-moved", 0x9d}, {"shared-subscriptions-not-supported", 0x9e},
	{"connection-rate-exceeded", 0x9f}, {"maximum-connect-time", 0xa0}, {"subscription-identifiers-not-supported", 0xa1},
	{"wildcard-subscriptions-not-supported", 0xa2},
}

// parseReasonCode reads a reason code: its name, or its number in decimal or with 0x in
// hexadecimal. The empty text is 0: the API's default.
func parseReasonCode(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 0, 8)
	for _, r := range reasonCodes {
		if err == nil && r.code == int(n) || strings.EqualFold(r.name, strings.NewReplacer(" ", "-", "_", "-").Replace(s)) {
			return r.code, nil
		}
	}
	return 0, cli.Usagef("--reason-code %q: must be a reason code of a server's DISCONNECT, as 0x98, 152 or administrative-action", s)
}

func reasonNames() []string {
	names := make([]string, len(reasonCodes))
	for i, r := range reasonCodes {
		names[i] = r.name
	}
	return names
}
