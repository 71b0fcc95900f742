package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The pages in which commands are checked.
var pages = []string{"../../README.md", "../../CONTRIBUTING.md", "../../docs/*.md"}

// inText is a command in backticks.
var inText = regexp.MustCompile("`(mqttlb( [^`]*)?)`")

// written returns the commands that a page has: a line each in the blocks of a shell, and those in
// backticks elsewhere. The numbers are those of their lines.
func written(page string) map[int][]string {
	commands := map[int][]string{}
	block, n := "", 0 // the kind of block that the line is in
	for line := range strings.Lines(page) {
		n++
		line = strings.TrimSpace(line)
		if kind, fence := strings.CutPrefix(line, "```"); fence {
			switch {
			case block != "":
				block = ""
			case kind == "":
				block = "text"
			default:
				block = kind
			}
			continue
		}
		switch block {
		case "":
			for _, found := range inText.FindAllStringSubmatch(line, -1) {
				commands[n] = append(commands[n], found[1])
			}
		case "sh":
			line, _, _ = strings.Cut(line, " #")
			line = strings.TrimPrefix(line, "bin/")
			if line == "mqttlb" || strings.HasPrefix(line, "mqttlb ") {
				commands[n] = append(commands[n], line)
			}
		}
	}
	return commands
}

// parse returns an error if the command line is not one of a command, its flags and its arguments.
// It runs nothing.
func parse(line string) error {
	var words []string
	for _, word := range strings.Fields(line)[1:] {
		if word != "..." {
			words = append(words, strings.Trim(word, `'"`))
		}
	}
	root := commands()
	root.InitDefaultCompletionCmd()
	root.InitDefaultVersionFlag()
	cmd, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	cmd.InitDefaultHelpFlag()
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

func TestTheCommandsOfThePagesAreAccepted(t *testing.T) {
	for _, pattern := range pages {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no file (%v)", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all := written(string(text))
			for n, lines := range all {
				for _, line := range lines {
					if err := parse(line); err != nil {
						t.Errorf("%s:%d: %s: %v", file, n, line, err)
					}
				}
			}
			if name := filepath.Base(file); (name == "README.md" || name == "operations.md" || name == "metrics.md") && len(all) < 5 {
				t.Errorf("%s: commands in %d lines: are they found?", file, len(all))
			}
		}
	}
}

func TestWrongCommandsOfAPageAreFound(t *testing.T) {
	page := "text of `mqttlb ctl` and `mqttlb-PID.sock`\n```sh\nmqttlb ctl drian a    # comment\n  bin/mqttlb ctl drain a b\ncurl x\n```\n```\nmqttlb no command\n```\n" +
		"`mqttlb ctl nodes --within 1m`, `mqttlb ctl drain NODE --pace 50/s`\n"
	wrong := 0
	found := written(page)
	for n, want := range map[int]int{1: 1, 3: 1, 4: 1, 10: 2} {
		if len(found[n]) != want {
			t.Errorf("line %d: found %q, want %d commands", n, found[n], want)
		}
		for _, line := range found[n] {
			if parse(line) != nil {
				wrong++
			}
		}
	}
	if len(found) != 4 || wrong != 3 {
		t.Errorf("%d lines, %d wrong commands, want 4 and 3: %v", len(found), wrong, found)
	}
}
