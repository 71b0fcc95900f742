package main

import (
	stdlog "log" //nolint:depguard // what others write there is taken over
	"log/slog"
	"strings"
	"testing"

	"mqttlb/proxy/proxytest"
)

func TestStandardLogEndsInTheLogOfTheProcess(t *testing.T) {
	var before, ours proxytest.Log
	was := stdlog.Writer()
	defer stdlog.SetOutput(was)
	stdlog.SetOutput(&before)
	restore := takeStandardLog(slog.New(slog.NewJSONHandler(&ours, nil)))
	stdlog.Printf("Unsolicited response: %q\nlevel=ERROR", "x")
	slog.Info("by slog") //nolint:forbidigo,sloglint // as a library does
	restore()
	stdlog.Print("after")
	if got := ours.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, `"level":"WARN","msg":"a library has logged","text":"Unsolicited response: \"x\"\nlevel=ERROR"`) ||
		!strings.Contains(got, `"msg":"by slog"`) {
		t.Errorf("our log has %s", got)
	}
	if got := before.String(); !strings.Contains(got, "after") || strings.Contains(got, "Unsolicited") {
		t.Errorf("the standard log has %q", got)
	}
}
