package opening

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// lineStart is the beginning of a header of version 1, which is a line.
const lineStart = "PROXY "

// readLine parses a header of version 1. The library reads it.
func readLine(b []byte) (ProxyHeader, error) {
	n := bytes.IndexByte(b[:min(len(b), maxProxyLine)], '\n') + 1
	switch {
	case n == 0 && len(b) >= maxProxyLine:
		return ProxyHeader{}, errNoLineEnd
	case n == 0:
		return ProxyHeader{}, ErrHeaderShort
	}
	h, err := readWhole(b[:n])
	if err != nil {
		return ProxyHeader{}, fmt.Errorf("PROXY v1: %w", faultOf(string(b[:n]), err))
	}
	out := ProxyHeader{Length: n}
	if !h.Command.IsLocal() { // UNKNOWN
		out.setAddresses(h)
	}
	return out, nil
}

// faultOf says which part of a line is wrong, where the library's error says only that one is.
func faultOf(line string, err error) error {
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok {
		return errors.New("the line ends with LF in place of CRLF")
	}
	fields := strings.Split(text, " ")
	family := fields[1] // lineStart ends with a space
	if family != "TCP4" && family != "TCP6" {
		return fmt.Errorf("the family is %q in place of TCP4, TCP6 or UNKNOWN", family)
	}
	if len(fields) != 6 {
		return fmt.Errorf("%d fields in place of 6: PROXY, the family, two addresses and two ports, with one space between them", len(fields))
	}
	for i, name := range []string{"source", "destination"} {
		if address, err := netip.ParseAddr(fields[2+i]); err != nil || address.Is4() != (family == "TCP4") || address.Zone() != "" {
			return fmt.Errorf("the %s address %q is not one of %s", name, fields[2+i], family)
		}
	}
	for i, name := range []string{"source", "destination"} {
		port := fields[4+i]
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
			return fmt.Errorf("the %s port %q is not a number from 0 to 65535 without leading zeros", name, port)
		}
	}
	return err
}
