package cli_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
)

// tree makes the commands `tool run [FILE]`, which fails with the error of its file's
// name, and `tool group member NODE`.
func tree() *cobra.Command {
	root := cli.Group(&cobra.Command{Use: "tool", Short: "a tool", Version: "1.2"})
	run := &cobra.Command{
		Use: "run", Short: "run it", Args: cli.Args("[FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			switch strings.Join(args, "") {
			case "fails":
				return errors.New("it is broken")
			case "explained":
				return cli.ErrFailed
			case "wrong":
				return cli.Usagef("%s is wrong", args[0])
			default:
				return nil
			}
		},
	}
	run.Flags().Int("size", 1, "the size")
	run.Flags().Duration("time", time.Second, "the time")
	run.Flags().StringP("config", "c", "", "the file")
	run.Flags().Bool("fast", false, "be fast")
	run.Flags().StringArray("each", nil, "one of them")
	group := cli.Group(&cobra.Command{Use: "group", Short: "others"})
	group.AddCommand(&cobra.Command{Use: "member", Short: "one of them", Args: cli.Args("NODE"), RunE: func(*cobra.Command, []string) error { return nil }})
	root.AddCommand(run, group, cli.ManCommand())
	return root
}

func TestExitCodesAndWhatIsSaid(t *testing.T) {
	for _, c := range []struct {
		args           string
		code           int
		stdout, stderr string // "": nothing
	}{
		{"run", 0, "", ""},
		{"run file --size 5 -c x", 0, "", ""},
		{"run -c=x", 0, "", ""},
		{"group member n", 0, "", ""},
		{"--version", 0, "1.2", ""},
		{"--help", 0, "usage: tool COMMAND", ""},
		{"help", 0, "usage: tool COMMAND", ""},
		{"run -h", 0, "usage: tool run [flags]", ""},
		{"help run", 0, "--size", ""},
		{"help group member", 0, "usage: tool group member", ""},
		{"completion bash", 0, "tool", ""},

		{"run fails", 1, "", "tool run: it is broken\n"},
		{"run explained", 1, "", ""},

		{"", 2, "", "usage: tool COMMAND"},
		{"group", 2, "", "usage: tool group COMMAND"},
		{"completion", 2, "", "usage: tool completion COMMAND"},
		{"run wrong", 2, "", "tool run: wrong is wrong\ntool run --help says more.\n"},
		{"run a b", 2, "", `tool run: unexpected argument "b"`},
		{"group member", 2, "", "tool group member: NODE is missing\n"},
		{"rnu", 2, "", `tool: there is no command "rnu"; did you mean run?`},
		{"nonesuch", 2, "", "tool: there is no command \"nonesuch\"\n"},
		{"nonesuch --size 3", 2, "", `there is no command "nonesuch"`},
		{"member n", 2, "", `there is no command "member"; did you mean group member?`},
		{"group membre", 2, "", `tool group: there is no command "membre"; did you mean member?`},
		{"group membre --size 3", 2, "", `tool group: there is no command "membre"; did you mean member?`},
		{"help rnu", 2, "", `there is no command "rnu"; did you mean run?`},
		{"help group nonesuch", 2, "", `there is no command "nonesuch"`},
		{"completion nonesuch", 2, "", `there is no command "nonesuch"`},
		{"run --siz 3", 2, "", "tool run: there is no flag --siz; did you mean --size?"},
		{"run --nonesuch", 2, "", "there is no flag --nonesuch\n"},
		{"run -size 3", 2, "", "tool run: -size has two dashes: --size"},
		{"run -x", 2, "", "there is no flag -x"},
		{"run --size", 2, "", "--size needs a value"},
		{"run -c", 2, "", "--config needs a value"},
		{"run --size big", 2, "", `--size "big": must be a whole number`},
		{"run -c x -c y", 2, "", "tool run: -c, --config is given twice: \"x\" and \"y\"; it takes one value\n"},
		{"run -c x --config=x", 2, "", "tool run: -c, --config is given twice"},
		{"run --size 1 --size 1", 2, "", "tool run: --size is given twice"},
		{"run --time 1s --time 2s", 2, "", "tool run: --time is given twice"},
		{"run --fast --fast", 0, "", ""},
		{"run --fast --fast=false", 2, "", "tool run: --fast is given twice"},
		{"run --each a --each b", 0, "", ""},
		{"run --size big --size 3", 2, "", `--size "big": must be a whole number`},
		{"-version", 2, "", "tool: -version has two dashes: --version\n"},
		{"-V", 2, "", "tool: there is no flag -V"},
		{"version", 2, "", "tool: there is no command \"version\"; did you mean --version?"},
		{"run --time 5", 2, "", `--time "5": must be a duration, as 30s or 5m`},
	} {
		var stdout, stderr bytes.Buffer
		code := cli.Run(t.Context(), tree(), strings.Fields(c.args), &stdout, &stderr)
		if code != c.code || !says(stdout.String(), c.stdout) || !says(stderr.String(), c.stderr) {
			t.Errorf("tool %s: exit code %d, want %d; %q, want %q; on stderr %q, want %q", c.args, code, c.code, stdout.String(), c.stdout, stderr.String(), c.stderr)
		}
	}
}

// says reports whether text has the part, or is empty if the part is.
func says(text, part string) bool {
	return (part == "") == (text == "") && (part == "" || strings.Contains(text, part) || text == part)
}

func TestManPagesAreWrittenForEachCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	var out bytes.Buffer
	if code := cli.Run(t.Context(), tree(), []string{"man", dir}, &out, &out); code != 0 {
		t.Fatalf("exit code %d: %s", code, out.String())
	}
	for _, name := range []string{"tool.1", "tool-run.1", "tool-group.1", "tool-group-member.1", "tool-man.1"} {
		if page, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Contains(page, []byte(".SH NAME")) {
			t.Errorf("%v: %q", err, page)
		}
	}
	if code := cli.Run(t.Context(), tree(), []string{"man", "/dev/null/x"}, &out, &out); code != 1 {
		t.Errorf("a folder that cannot be made: exit code %d", code)
	}
}
