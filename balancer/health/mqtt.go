package health

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
)

// The probe speaks 3.1.1 by default, which every broker understands; RabbitMQ before 3.13, for
// example, does not know 5. A broker that only accepts 5 refuses the probe with a
// CONNACK, in the form of either version, and so shows that it is alive.

// The return codes of 3.1.1 that are not only about the client [MQTT 3.1.1, table 3.1].
const (
	codeUnavailable    = 3
	codeBadCredentials = 4
	codeNotAuthorized  = 5
)

var disconnect = []byte{0xe0, 0} // in 5, too

// defaultClientID has 23 letters and digits, which every 3.1.1 server must accept
// [MQTT-3.1.3-5].
const defaultClientID = "mqttlbhealth%r"

// newTag returns what %r stands for in the client identifier of a watcher's probes.
func newTag() string { return strings.ToLower(rand.Text()[:11]) }

// newClientID returns the client identifier that a pattern makes for the probes of a node. In
// the pattern %r is the tag, %n the name of the node, %h the name of this host and %p the
// number of this process. The identifier must differ for each node and balancer, because a
// broker closes one of two clients with the same identifier, in a cluster even across nodes.
func newClientID(pattern, tag string, n *balancer.Node) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return strings.NewReplacer("%r", tag, "%n", n.Name, "%h", host, "%p", strconv.Itoa(os.Getpid())).Replace(pattern)
}

func (c *Check) mqttVersion() mqttparse.Version {
	if c.MQTT5 {
		return mqttparse.V5
	}
	return mqttparse.V311
}

// appendConnect appends a CONNECT with Clean Session or Clean Start, and with the user name
// and password of the check.
func appendConnect(b []byte, check *Check, clientID string) []byte {
	const cleanStart, withUsername, withPassword = 0x02, 0x80, 0x40
	version, flags := check.mqttVersion(), byte(cleanStart)
	if check.Username != "" {
		flags |= withUsername
		if check.Password != nil {
			flags |= withPassword
		}
	}
	rest := []byte{0, 4, 'M', 'Q', 'T', 'T', byte(version), flags, keepAlive >> 8, keepAlive & 0xff}
	if version == mqttparse.V5 {
		rest = append(rest, 0) // no properties: the session ends with the connection
	}
	rest = appendString(rest, clientID)
	if flags&withUsername != 0 {
		rest = appendString(rest, check.Username)
	}
	if flags&withPassword != 0 {
		rest = appendString(rest, string(check.Password))
	}
	// A Variable Byte Integer and an unsigned varint are the same.
	return append(binary.AppendUvarint(append(b, 0x10), uint64(len(rest))), rest...)
}

// appendString appends a string with its length. Longer ones than 65,535 bytes do not occur.
func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// confirmMQTT reads the answer to a CONNECT and sends a DISCONNECT. The warning says that the
// broker refuses the credentials of the probe.
func (p *prober) confirmMQTT(conn io.ReadWriter) (warning string, err error) {
	connack, err := readConnack(conn, p.check.mqttVersion())
	if err != nil {
		return "", err
	}
	if connack.Code == 0 { // a broker closes the connection that it refused
		_, _ = conn.Write(disconnect) // the verdict is known: ignore errors
	}
	return p.judge(&connack)
}

// likelyMismatch names the settings that most often make a node close a connection before its CONNACK.
func likelyMismatch(proxyProtocol uint8, secure bool) string {
	switch {
	case proxyProtocol != 0:
		return fmt.Sprintf("perhaps it expects no PROXY header (pools[].proxy_protocol: v%d)", proxyProtocol)
	case secure:
		return "perhaps it expects a PROXY header (pools[].proxy_protocol: off)"
	default:
		return "perhaps it expects TLS (pools[].tls) or a PROXY header (pools[].proxy_protocol: off)"
	}
}

// judge returns nil if the broker serves clients: the broker accepts this one; or refuses its
// version, identifier or credentials; or has too many clients now, which it would have more of
// if it were taken for dead (0x89, 0x97, 0x9F).
//
// With return code 3 or 0x88, server unavailable, the broker says that it serves no clients;
// 3.1.1 has no code for one that is busy or evacuates its clients. With 0x9C or 0x9D, use
// another server, it says that it wants no new ones.
func (p *prober) judge(c *mqttparse.Connack) (warning string, err error) {
	if c.Version != mqttparse.V5 {
		switch c.Code {
		case codeUnavailable:
			return "", fmt.Errorf("CONNACK with return code 3, %w", errUnavailable)
		case codeBadCredentials, codeNotAuthorized:
			return p.refusedLogin(fmt.Sprintf("return code %d", c.Code)), nil
		}
		return "", nil
	}
	code := fmt.Sprintf("reason code %#02x", c.Code)
	switch mqttparse.ReasonCode(c.Code) { //nolint:exhaustive // the others show a broker that lives
	case mqttparse.ServerUnavailable:
		return "", fmt.Errorf("CONNACK with %s, %w", code, errUnavailable)
	case mqttparse.UseAnotherServer, mqttparse.ServerMoved:
		return "", &drainingError{fmt.Sprintf("CONNACK with %s, use another server", code)}
	case mqttparse.BadUserNameOrPassword, mqttparse.NotAuthorized, mqttparse.BadAuthenticationMethod:
		return p.refusedLogin(code), nil
	}
	return "", nil
}

// refusedLogin returns the warning about a login that the broker refuses. Without credentials
// that was to be expected.
func (p *prober) refusedLogin(code string) string {
	if p.check.Username == "" {
		return ""
	}
	return fmt.Sprintf("the broker refuses the user name, the password or the client identifier of the mqtt probe (CONNACK with %s)", code)
}

// readConnack reads the CONNACK that answers a CONNECT of a version.
func readConnack(r io.Reader, version mqttparse.Version) (connack mqttparse.Connack, err error) {
	b := make([]byte, 0, maxConnack) // Parse decides before b is full
	for {
		n, readErr := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch _, err = connack.Parse(b, version, maxConnack); {
		case err == nil:
			return connack, nil
		case !errors.Is(err, mqttparse.ErrShort):
			return connack, fmt.Errorf("its answer is no CONNACK: %w", err)
		case readErr != nil:
			return connack, fmt.Errorf("reading the CONNACK: %w", readErr)
		}
	}
}
