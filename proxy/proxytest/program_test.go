package proxytest

import "testing"

func TestMissingProgramSkipsTheTest(t *testing.T) {
	t.Setenv("CI", "") // there it fails the test
	t.Run("needs it", func(t *testing.T) {
		defer func() {
			if !t.Skipped() {
				t.Error("not skipped")
			}
		}()
		Program(t, "no-such-program")
	})
}
