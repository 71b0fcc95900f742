package health

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"

	"mqttlb/mqttparse"
)

// The probe speaks 3.1.1, which every broker understands; RabbitMQ before 3.13, for
// example, does not know 5. A broker that only accepts 5 refuses the probe with a
// CONNACK, in the form of either version, and so shows that it is alive.

const serverUnavailable = 3 // return code [MQTT 3.1.1, table 3.1]

var disconnect = []byte{0xe0, 0}

// newClientID returns the client identifier for the probes of one node. It differs for
// each node and balancer, because a broker closes one of two clients with the same
// identifier, in a cluster even across nodes. It has 23 letters and digits, which every
// 3.1.1 server must accept [MQTT-3.1.3-5].
func newClientID() string {
	return "mqttlbhealth" + strings.ToLower(rand.Text()[:11])
}

// appendConnect appends a CONNECT of 3.1.1 with Clean Session and no optional fields.
func appendConnect(b []byte, clientID string) []byte {
	b = append(b, 0x10, byte(12+len(clientID)))
	b = append(b, 0, 4, 'M', 'Q', 'T', 'T', byte(mqttparse.V311))
	b = append(b, 0x02, keepAlive>>8, keepAlive&0xff)
	b = append(b, 0, byte(len(clientID)))
	return append(b, clientID...)
}

// confirmMQTT reads the answer to a CONNECT and sends a DISCONNECT.
func confirmMQTT(conn io.ReadWriter) error {
	accepted, err := readConnack(conn)
	if err == nil && accepted { // a broker closes the connection that it refused
		_, _ = conn.Write(disconnect) // the verdict is known: ignore errors
	}
	return err
}

// readConnack reads a CONNACK. It returns nil if the broker serves clients: the broker
// accepts this one, or refuses its version, identifier or credentials. With return code
// 3, server unavailable, the broker says that it serves no clients; EMQX does so during
// an evacuation.
func readConnack(r io.Reader) (accepted bool, err error) {
	var connack mqttparse.Connack
	b := make([]byte, 0, maxConnack) // Parse decides before b is full
	for {
		n, readErr := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch _, err = connack.Parse(b, mqttparse.V311, maxConnack); {
		case err == nil && connack.Code == serverUnavailable:
			return false, errors.New("CONNACK with return code 3, server unavailable")
		case err == nil:
			return connack.Code == 0, nil
		case !errors.Is(err, mqttparse.ErrShort):
			return false, fmt.Errorf("its answer is no CONNACK: %w", err)
		case readErr != nil:
			return false, fmt.Errorf("reading the CONNACK: %w", readErr)
		}
	}
}
