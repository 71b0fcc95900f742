package websocket

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCloseFrames(t *testing.T) {
	for name, tt := range map[string]struct {
		code   CloseCode
		reason string
		want   string
	}{
		"a code":                     {Normal, "", "\x88\x02\x03\xE8"},
		"a code and a reason":        {TryAgainLater, "busy", "\x88\x06\x03\xF5busy"},
		"no status":                  {NoStatus, "", "\x88\x00"},
		"no status, and so no words": {NoStatus, "said nowhere", "\x88\x00"},
		"the longest reason":         {GoingAway, strings.Repeat("a", 123), "\x88\x7D\x03\xE9" + strings.Repeat("a", 123)},
		"one byte too many":          {GoingAway, strings.Repeat("a", 124), "\x88\x7D\x03\xE9" + strings.Repeat("a", 123)},
	} {
		if got := AppendClose([]byte("x"), tt.code, tt.reason); string(got) != "x"+tt.want {
			t.Errorf("%s: %q, want %q", name, got[1:], tt.want)
		}
	}
}

func TestALongReasonIsCutBetweenCharacters(t *testing.T) {
	for _, letter := range []string{"é", "€", "𝄞"} {
		for before := range 5 {
			reason := strings.Repeat("a", before) + strings.Repeat(letter, 123)
			f := follow(t, false, AppendClose(nil, InternalError, reason))
			if f.err != nil || len(f.controls) != 1 {
				t.Fatalf("%s after %d: %v", letter, before, f)
			}
			code, cut := CloseOf([]byte(f.controls[0].payload))
			if code != InternalError || !utf8.ValidString(cut) || !strings.HasPrefix(reason, cut) {
				t.Errorf("%s after %d: %d %q", letter, before, code, cut)
			}
			if len(cut)+len(letter) <= maxCloseReason {
				t.Errorf("%s after %d: %d bytes, and there was room for one more", letter, before, len(cut))
			}
		}
	}
}

func TestACloseFrameIsAnsweredWithTheSame(t *testing.T) {
	for _, payload := range []string{"", "\x03\xE8", "\x03\xF3gone", "\x0F\xA0κόσμε"} {
		asked := frame(true, closeFrame, []byte(payload))
		r := Reader{FromClient: true}
		piece, err := r.Next(asked)
		if err != nil {
			t.Fatal(err)
		}
		code, reason := CloseOf(piece.Payload)
		if got, want := AppendClose(nil, code, reason), frame(false, closeFrame, []byte(payload)); string(got) != string(want) {
			t.Errorf("%q is answered with %q", want, got)
		}
	}
}
