package config

import (
	"fmt"
	"strings"
)

// Values of TLS: names of protocols and servers.

// parseProtocolName parses the name of a protocol in ALPN. Names are bytes (RFC 7301,
// 3.1); registered names are printable.
func parseProtocolName(s string) (string, error) {
	return s, checkLine(s, maxProtocolName, "write the name of a protocol, as mqtt or http/1.1")
}

// parseServerName parses a NodeTLS.ServerName.
func parseServerName(s string) (string, error) {
	if ip, ok := parseIP(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")); ok && ip.Zone() == "" {
		return ip.String(), nil
	}
	name := strings.ToLower(strings.TrimSuffix(s, "."))
	if strings.HasSuffix(name, ".") || !isHostName(name) {
		return "", fmt.Errorf("%s is not the name of a server; write one name or IP address without a port, as broker.example.com", quote(s))
	}
	return name, nil
}
