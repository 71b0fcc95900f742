package mqttparse

// variableByteInteger reads a Variable Byte Integer, such as Remaining Length, from the
// start of b. n is its size in bytes. n is 0 if more bytes are needed, and negative if
// there are more than four.
func variableByteInteger(b []byte) (value, n int) {
	for i, digit := range b {
		if i == maxVariableByteInteger-1 && digit >= 0x80 {
			return 0, -1
		}
		value |= int(digit&0x7F) << (7 * i)
		if digit < 0x80 {
			return value, i + 1
		}
	}
	return 0, 0
}

// PacketLength returns the length of the packet that begins with b, with its fixed header, or 0
// if the fixed header is not whole. Like a Scanner it accepts a Remaining Length in more
// bytes than it needs, and returns the same errors.
func PacketLength(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if b[0]>>4 == 0 {
		return 0, ErrPacketType
	}
	remaining, n := variableByteInteger(b[1:])
	switch {
	case n < 0:
		return 0, ErrRemainingLength
	case n == 0:
		return 0, nil
	}
	return 1 + n + remaining, nil
}

// overlong reports whether a Variable Byte Integer is encoded in more bytes than it
// needs: its last byte, the most significant one, is zero. [MQTT-1.5.5-1]
func overlong(encoded []byte) bool {
	return len(encoded) > 1 && encoded[len(encoded)-1] == 0
}
