package http1

const (
	// kept is how many bytes of a line are looked at as text: a field that matters has a shorter one.
	kept = 64

	// maxLengthDigits limits Content-Length: 18 digits fit into an int64.
	maxLengthDigits = 18

	// maxChunkDigits limits the size of a chunk: 15 hexadecimal digits fit into an int64.
	maxChunkDigits = 15

	// maxChunkLine limits the line of a chunk's size with its extensions, which mean nothing here and could go on for ever.
	maxChunkLine = 1024
)
