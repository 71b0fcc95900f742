package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mqttlb/cmd/cli"
	"mqttlb/cmd/terminal"
)

// each calls do with cmd and all commands below it.
func each(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, c := range cmd.Commands() {
		each(c, do)
	}
}

// helpWidth is the width of a terminal that help must fit.
const helpWidth = 80

func TestCommandsAndFlagsHaveHelp(t *testing.T) {
	n := 0
	each(commands(), func(cmd *cobra.Command) {
		n++
		name := cmd.CommandPath()
		if cmd.Short == "" || cmd.Long == "" {
			t.Errorf("%s: has no help", name)
		}
		if cmd.Args == nil {
			t.Errorf("%s: does not say which arguments it takes", name)
		}
		if strings.HasSuffix(cmd.Short, ".") || strings.ToUpper(cmd.Short[:1]) == cmd.Short[:1] {
			t.Errorf("%s: %q is no phrase in lower case", name, cmd.Short)
		}
		check := func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s: has no help", name, f.Name)
			}
			if name, _ := pflag.UnquoteUsage(f); f.Value.Type() != "bool" && strings.ToUpper(name) != name && !strings.Contains(f.Usage, "how many") {
				t.Errorf("%s --%s: the help does not name its value", cmd.CommandPath(), f.Name)
			}
		}
		cmd.LocalFlags().VisitAll(check)

		var out bytes.Buffer
		if code := run(t.Context(), append(strings.Fields(name)[1:], "--help"), &out, &out); code != 0 {
			t.Errorf("%s: exit code %d", name, code)
		}
		for line := range strings.Lines(out.String()) {
			if w := terminal.Width(strings.TrimSuffix(line, "\n")); w > helpWidth+5 { // pflag breaks a line some letters after its limit
				t.Errorf("%s --help: a line of %d columns: %s", name, w, line)
			}
		}
	})
	if n < 25 {
		t.Errorf("%d commands", n)
	}
}

func TestCompletionsAreShellScripts(t *testing.T) {
	for shell, check := range map[string][]string{"bash": {"bash", "-n"}, "zsh": {"zsh", "-n"}, "fish": {"fish", "--no-execute"}} {
		t.Run(shell, func(t *testing.T) {
			var script, stderr bytes.Buffer
			if code := run(t.Context(), []string{"completion", shell}, &script, &stderr); code != 0 || !strings.Contains(script.String(), "__complete") {
				t.Fatalf("exit code %d: %s%s", code, script.String(), stderr.String())
			}
			program, err := exec.LookPath(check[0])
			if err != nil {
				t.Skip(err)
			}
			file := filepath.Join(t.TempDir(), "script")
			if err := os.WriteFile(file, script.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(program, append(check[1:], file)...).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestManPagesAreReadable(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	if code := run(t.Context(), []string{"man", dir}, &out, &out); code != 0 {
		t.Fatalf("exit code %d: %s", code, out.String())
	}
	man, err := exec.LookPath("man")
	each(commands(), func(cmd *cobra.Command) {
		file := filepath.Join(dir, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1")
		page, readErr := os.ReadFile(file)
		if readErr != nil || !bytes.Contains(page, []byte(".SH SYNOPSIS")) {
			t.Errorf("%s: %v", cmd.CommandPath(), readErr)
			return
		}
		if err != nil {
			return // there is no man
		}
		show := exec.Command(man, "--warnings", "-E", "UTF-8", "-l", file)
		show.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=80", "MANPAGER=cat")
		var warnings bytes.Buffer
		show.Stderr = &warnings
		text, err := show.Output()
		if err != nil || warnings.Len() > 0 || len(bytes.Fields(text)) < 20 {
			t.Errorf("%s: %v: %s", file, err, warnings.Bytes())
		}
	})
}

// docs/ctl.md is the help of `mqttlb ctl` and its commands. Write it with -update.
func TestThePageOfCtlIsItsHelp(t *testing.T) {
	const file = "../../docs/ctl.md"
	var page bytes.Buffer
	fmt.Fprintln(&page, "<!-- Made from the help: go test ./cmd/mqttlb -run TestThePageOfCtl -update -->\n# mqttlb ctl")
	root := commands()
	root.SetUsageTemplate(cli.PageTemplate)
	ctl, _, err := root.Find([]string{"ctl"})
	if err != nil {
		t.Fatal(err)
	}
	each(ctl, func(cmd *cobra.Command) {
		if cmd != ctl {
			fmt.Fprintf(&page, "\n## %s\n", strings.TrimPrefix(cmd.CommandPath(), "mqttlb "))
		}
		cmd.InitDefaultHelpFlag()
		cmd.Flags().Lookup("help").Hidden = true
		fmt.Fprintf(&page, "%s\n\n```\n%s```\n", cmd.Long, cmd.UsageString())
	})
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(written, page.Bytes()) {
		t.Errorf("%s is not the help of the commands: go test ./cmd/mqttlb -run TestThePageOfCtl -update (%v)", file, err)
	}
}
