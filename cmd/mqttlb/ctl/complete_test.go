package ctl

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
	"mqttlb/proxy/admin/api"
)

// completeCtl returns what a shell would offer after `mqttlb ctl args`.
func completeCtl(t *testing.T, args ...string) (offered []string, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	root := cli.Group(&cobra.Command{Use: "mqttlb"})
	root.AddCommand(Command(func() []string { return []string{"/nowhere/mqttlb.sock"} }))
	if code := cli.Run(t.Context(), root, append([]string{cobra.ShellCompNoDescRequestCmd, "ctl"}, args...), &out, &err); code != 0 {
		t.Errorf("%q: exit code %d: %s", args, code, err.String())
	}
	offered = strings.Fields(out.String())
	offered = offered[:max(len(offered)-1, 0)]                                                                    // the last is the directive
	offered = slices.DeleteFunc(offered, func(s string) bool { return !strings.HasPrefix(s, args[len(args)-1]) }) // as a shell does
	return offered, err.String()
}

func TestShellsCompleteNamesOfTheRunningProcess(t *testing.T) {
	p := startProcess(t).sample()
	evil := sampleNodes()
	evil.Nodes = append(evil.Nodes, api.Node{Name: "emqx-$(reboot)"}, api.Node{Name: "emqx-\x1b[2J"}, api.Node{Name: ""})
	p.on("GET /api/v1/nodes", evil)
	for args, want := range map[string]string{
		"drain emqx":                "emqx-1 emqx-2 emqx-3",
		"undrain g":                 "gone-1",
		"weight emqx-1 ":            "reset",
		"drain emqx-1 ":             "",
		"sessions --node emqx-2":    "emqx-2",
		"kick --pool ":              "emqx",
		"top --listener ":           "mqtt mqtts",
		"sessions --version 3":      "3.1 3.1.1",
		"sessions --sort s":         "silent sent",
		"kick --reason-code admini": "administrative-action",
		"log-level ":                "debug info warn error",
		"und":                       "undrain",
		"sessions --cli":            "--client-id",
	} {
		fields := strings.Split(args, " ")
		got, _ := completeCtl(t, append([]string{"--socket", p.socket}, fields...)...)
		if joined := strings.Join(got, " "); joined != want {
			t.Errorf("ctl %s: %q, want %q", args, joined, want)
		}
	}
}

// A shell must neither wait nor show errors when no process answers.
func TestShellsDoWithoutTheProcess(t *testing.T) {
	p := startProcess(t)
	p.on("GET /api/v1/nodes", http.HandlerFunc(deaf))
	p.on("GET /api/v1/status", refuse(http.StatusUnauthorized, "no"))
	began := time.Now()
	for _, args := range [][]string{
		{"drain", ""}, {"--socket", p.socket, "drain", ""}, {"--socket", p.socket, "kick", "--pool", ""}, {"--address", "nonsense", "drain", ""}, {"--address", "127.0.0.1:1", "drain", ""},
	} {
		got, stderr := completeCtl(t, args...)
		if len(got) > 0 || strings.Contains(stderr, "mqttlb:") {
			t.Errorf("%q: %q, %s", args, got, stderr)
		}
	}
	if took := time.Since(began); took > answerTimeout/2 {
		t.Errorf("took %v", took)
	}
}
