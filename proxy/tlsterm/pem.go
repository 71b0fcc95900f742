package tlsterm

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// pemBlock is a block of a PEM file.
type pemBlock struct {
	pem.Block
	line int // where it begins
}

// errUTF16 is the error of a file that Windows calls Unicode.
var errUTF16 = errors.New("the file is UTF-16, as some editors of Windows write it: save it as ANSI or UTF-8")

// plainLines returns the lines of a text as editors of all systems write it: with a byte order mark or without, and
// with any end of a line. The lines have no space around them, which a block that was copied out of YAML has.
func plainLines(text []byte) ([]string, error) {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) ||
		len(text) > 3 && (text[0] == 0 && text[2] == 0) != (text[1] == 0 && text[3] == 0) {
		return nil, errUTF16
	}
	s := strings.TrimPrefix(string(text), "\ufeff")
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return lines, nil
}

const (
	pemBegin, pemEnd = "-----BEGIN ", "-----END "
	pemDashes        = "-----"
)

// decodePEM returns the blocks of a PEM file, and ignores the text around them. Unlike package pem it passes over no
// block that it cannot read: a chain without one of its certificates would be used.
func decodePEM(text []byte) ([]pemBlock, error) {
	lines, err := plainLines(text)
	if err != nil {
		return nil, err
	}
	var blocks []pemBlock
	var label string // of the block that has begun; empty: none
	begun := 0
	for i, line := range lines {
		// Files without an end of the last line, joined by cat, have two marks in one line.
		if end, begin, two := strings.Cut(line, pemDashes+pemDashes); two && label != "" && strings.HasPrefix(end, pemEnd) {
			blocks, err = appendBlock(blocks, lines, begun, i, label, end+pemDashes)
			if err != nil {
				return nil, err
			}
			label, line = "", pemDashes+begin
			lines[i] = line
		}
		switch name, isBegin := mark(line, pemBegin); {
		case isBegin && label != "":
			return nil, cutOff(label, begun)
		case isBegin:
			label, begun = name, i
		case label != "" && strings.HasPrefix(line, pemEnd):
			if blocks, err = appendBlock(blocks, lines, begun, i, label, line); err != nil {
				return nil, err
			}
			label = ""
		}
	}
	if label != "" {
		return nil, cutOff(label, begun)
	}
	return blocks, nil
}

// mark returns the label of a line that begins or ends a block. Errors show the label: it is never what a whole block
// in one line has between the two.
func mark(line, prefix string) (label string, ok bool) {
	rest, ok := strings.CutPrefix(line, prefix)
	label, closed := strings.CutSuffix(rest, pemDashes)
	return label, ok && closed && strings.Trim(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 #") == ""
}

// appendBlock appends the block that begins in line begun and has its end in line i.
func appendBlock(blocks []pemBlock, lines []string, begun, i int, label, end string) ([]pemBlock, error) {
	if of, ok := mark(end, pemEnd); !ok || of != label {
		return nil, cutOff(label, begun)
	}
	block, _ := pem.Decode([]byte(strings.Join(append(append([]string{pemBegin + label + pemDashes}, lines[begun+1:i]...), end, ""), "\n")))
	if block == nil {
		return nil, &lineError{begun + 1, fmt.Errorf("the %s that begins here is damaged: what is between its first and its last line is no base64", label)}
	}
	return append(blocks, pemBlock{*block, begun + 1}), nil
}

func cutOff(label string, begun int) error {
	return &lineError{begun + 1, fmt.Errorf("the %s that begins here is cut off: it has no line %s%s%s", label, pemEnd, label, pemDashes)}
}

// missing is the error of a file that has no block of the kind that is needed. It says what the file has instead.
func missing(want, label string, blocks []pemBlock, text []byte) error {
	return fmt.Errorf("no %s in PEM (%s%s%s)%s", want, pemBegin, label, pemDashes, insteadOf(want, blocks, text))
}
