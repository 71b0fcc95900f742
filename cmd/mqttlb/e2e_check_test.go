package main_test

import (
	"os/exec"
	"strings"
	"testing"
)

const checkedFile = `include: testdata/nothing/*.yaml
listeners: [{name: mqtt, address: "127.0.0.1:1", pool: p}]
pools: [{name: p, nodes: [{name: "${CHECKED_NODE:-a-node}", address: "127.0.0.1:2"}]}]
`

func TestCheckReadsStandardInput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, input string
		args        []string
		code        int
		says        string
	}{
		{"a dash", checkedFile, []string{"check", "-"}, 0, "a-node"},
		{"a dash after -c", checkedFile, []string{"check", "-c", "-"}, 0, "a-node"},
		{"an error", checkedFile + "log: {level: loud}\n", []string{"check", "-"}, 1, "<stdin>:4:14: log.level: is the text \"loud\"; it must be one of debug, info, warn, error\n"},
		{"a file that is not there", strings.Replace(checkedFile, "pool: p", "pool: p, tls: {certificates: [{cert: nowhere.pem}]}", 1), []string{"check", "-"}, 1, "<stdin>:2:87: listeners[0].tls.certificates[0].cert: listener \"mqtt\": nowhere.pem: no such file"},
		{"nothing", "", []string{"check", "-"}, 1, "<stdin>:1:1: the file is empty; a configuration has listeners and pools\n"},
		{"more than a file may have", strings.Repeat("#", 2<<20+1), []string{"check", "-"}, 1, "<stdin>:1:1: the file is larger than 2MiB\n"},
		{"serve", checkedFile, []string{"serve", "-c", "-"}, 2, "mqttlb serve: -c needs a file, which can be read again; standard input cannot\n"},
	} {
		cmd := exec.Command(builtBinary(t), c.args...)
		cmd.Stdin = strings.NewReader(c.input)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), c.says) {
			t.Errorf("%s: exit code %d, want %d with %q:\n%s", c.name, code, c.code, c.says, out)
		}
	}
}

// check stops reading endless input at the size limit.
func TestCheckReadsNoMoreOfStandardInputThanAFileMayHave(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(builtBinary(t), "check", "-")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends when mqttlb has ended, and nobody reads
		defer close(done)
		for line := []byte(strings.Repeat("#", 1<<16)); err == nil; {
			_, err = stdin.Write(line)
		}
	}()
	out, _ := cmd.CombinedOutput()
	<-done
	if code := cmd.ProcessState.ExitCode(); code != 1 || string(out) != "<stdin>:1:1: the file is larger than 2MiB\n" {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}
