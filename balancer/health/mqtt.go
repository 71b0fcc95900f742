package health

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"

	"mqttlb/mqttparse"
)

// The probe speaks 3.1.1, which every broker understands; RabbitMQ before 3.13,
// for one, knows no 5. A broker that takes 5 alone refuses it with a CONNACK, in
// the form of either version, and that shows it alive.

const serverUnavailable = 3 // return code [MQTT 3.1.1, table 3.1]

var disconnect = []byte{0xe0, 0}

// newClientID returns the identifier of the probes of one node. It differs for
// each node and balancer, since two clients of one identifier throw each other out,
// in a cluster from node to node. It has 23 bytes, letters and digits, which every
// server of 3.1.1 has to take [MQTT-3.1.3-5].
func newClientID() string {
	return "mqttlbhealth" + strings.ToLower(rand.Text()[:11])
}

// appendConnect appends a CONNECT of 3.1.1 with Clean Session and nothing that is
// optional.
func appendConnect(b []byte, clientID string) []byte {
	b = append(b, 0x10, byte(12+len(clientID)))
	b = append(b, 0, 4, 'M', 'Q', 'T', 'T', byte(mqttparse.V311))
	b = append(b, 0x02, keepAlive>>8, keepAlive&0xff)
	b = append(b, 0, byte(len(clientID)))
	return append(b, clientID...)
}

// confirmMQTT reads the answer to a CONNECT and takes leave.
func confirmMQTT(conn io.ReadWriter) error {
	accepted, err := readConnack(conn)
	if err == nil && accepted { // a broker closes what it refused
		_, _ = conn.Write(disconnect) // the verdict is in: an error changes nothing
	}
	return err
}

// readConnack reads a CONNACK. The error is nil when it shows a broker that serves
// clients: it accepts this one, or refuses it for its version, identifier or
// credentials. Return code 3, server unavailable, is the broker's own word that it
// does not; EMQX says so while it is evacuated.
func readConnack(r io.Reader) (accepted bool, err error) {
	var connack mqttparse.Connack
	b := make([]byte, 0, maxConnack) // never full while Parse wants more
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
