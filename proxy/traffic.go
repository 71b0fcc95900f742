package proxy

import "mqttlb/mqttparse"

// The directions of a session, for FlowStats.Packets.
const (
	ToNode   = iota // received from clients
	ToClient        // sent to clients
)

// PacketStats counts the packets of one direction. A packet counts when its last byte is forwarded.
type PacketStats = mqttparse.PacketCounts

// follow counts the packets in b, which is forwarded in this direction. If both sides speak WebSocket, b
// is frames, which pass unchanged. Nothing that we say ourselves is followed.
func (s *session) follow(direction int, b []byte, c *PacketStats) {
	packets, n := &s.scanners[direction], &s.packets[direction]
	if s.frames == nil {
		*n += packets.Count(b, 0, c)
		return
	}
	for frames := &s.frames[direction]; len(b) > 0; {
		length, payload, mask := frames.Next(b)
		*n += packets.Count(payload, mask, c)
		b = b[length:]
	}
}

// followFirst counts the packets in the client's first bytes, which a node has got. The node may still
// reject our certificate, and then another one gets them: they are added to the counters of the node
// once it has answered.
func (s *session) followFirst() {
	if s.version == 0 {
		return
	}
	s.scanners[ToNode], s.packets[ToNode] = mqttparse.Scanner{}, 0
	s.pending.packets = PacketStats{}
	s.follow(ToNode, s.pending.bytes, &s.pending.packets)
}

// clientDisconnected reports whether the last packet of the client is a DISCONNECT. Bytes after it are a
// violation of the protocol, and then it is not the last. So is a reason code before MQTT 5.
func (s *session) clientDisconnected() bool {
	code, ok := s.scanners[ToNode].Disconnected()
	return ok && (code == 0 || s.version == mqttparse.V5)
}

// nodeDisconnect returns the reason code of the DISCONNECT with which the node has ended the session, or
// false if there is none. Before MQTT 5 there is none.
func (s *session) nodeDisconnect() (mqttparse.ReasonCode, bool) {
	if s.version != mqttparse.V5 {
		return 0, false
	}
	return s.scanners[ToClient].Disconnected()
}

// VersionIndex returns the index of a version in FlowStats.OpenByVersion: 0 for other or none, then 3.1,
// 3.1.1 and 5.
func VersionIndex(v mqttparse.Version) int {
	if v < mqttparse.V31 || v > mqttparse.V5 {
		return 0
	}
	return int(v-mqttparse.V31) + 1
}
