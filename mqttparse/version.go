package mqttparse

import "strconv"

// Version is the protocol level of a connection without Mosquitto's bridge bit. The zero
// value means that the version is unknown, or not known yet.
type Version uint8

// The supported versions.
const (
	V31  Version = 3
	V311 Version = 4
	V5   Version = 5
)

// String returns the version in its usual spelling: "3.1", "3.1.1", "5", or "unknown".
func (v Version) String() string {
	switch v {
	case 0:
		return "unknown"
	case V31:
		return "3.1"
	case V311:
		return "3.1.1"
	default:
		return strconv.Itoa(int(v))
	}
}
