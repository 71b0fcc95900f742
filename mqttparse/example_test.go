package mqttparse_test

import (
	"errors"
	"fmt"

	"mqttlb/mqttparse"
)

func ExampleConnect_Parse() {
	received := []byte("\x10\x12\x00\x04MQTT\x04\x02\x00\x3C\x00\x06device" + "\xC0\x00") // followed by a PINGREQ
	var connect mqttparse.Connect
	for _, at := range []int{9, len(received)} {
		switch n, err := connect.Parse(received[:at], 64<<10); {
		case errors.Is(err, mqttparse.ErrShort):
			fmt.Println("more, please")
		case err == nil:
			fmt.Printf("%s speaks MQTT %s; %d bytes behind it\n", connect.ClientID, connect.Version, at-n)
		}
	}

	var malformed *mqttparse.Malformed
	received[9] |= 0x18 // a Will QoS without a Will
	if _, err := connect.Parse(received, 64<<10); errors.As(err, &malformed) {
		fmt.Println(malformed)
		fmt.Printf("answered with % x\n", mqttparse.AppendRefusal(nil, connect.Version, malformed.Code))
	}
	// Output:
	// more, please
	// device speaks MQTT 3.1.1; 2 bytes behind it
	// Will QoS is not 0 without a Will at byte 9 [MQTT-3.1.2-13]
	// answered with
}

func ExampleScanner() {
	stream := []byte("\x20\x02\x00\x00" + "\x30\x05\x00\x01a42" + "\xD0\x00")
	var scanner mqttparse.Scanner
	for _, chunk := range [][]byte{stream[:6], stream[6:]} {
		for piece, err := range scanner.Scan(chunk) {
			if err != nil {
				fmt.Println(err)
				return
			}
			if piece.Ends {
				fmt.Printf("a packet of type %d ends at byte %d of its chunk\n", piece.Type(), piece.End)
			}
		}
	}
	fmt.Println("between packets:", scanner.Between())
	// Output:
	// a packet of type 2 ends at byte 4 of its chunk
	// a packet of type 3 ends at byte 5 of its chunk
	// a packet of type 13 ends at byte 7 of its chunk
	// between packets: true
}
