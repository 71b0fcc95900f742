// Package cli is the frame of the commands: their arguments, exit codes and help, and
// the man pages made of the help. The commands themselves are cobra's.
//
// A command that returns an error has failed: Run prints it and returns exit code 1. A
// wrong command line is exit code 2, see [Usagef].
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"mqttlb/cmd/terminal"
)

// ExitError is the error of a command that has explained its failure already. Its value
// is the exit code.
type ExitError int

// The errors of most commands.
const (
	ErrFailed ExitError = 1
	ErrUsage  ExitError = 2 // the command line is wrong
)

func (e ExitError) Error() string { return fmt.Sprint("exit code ", int(e)) }

// usageError is an error of the command line that is still to be explained.
type usageError string

func (e usageError) Error() string { return string(e) }

// Usagef is the error of a wrong command line. Run prints it with the name of the
// command, and returns exit code 2.
func Usagef(format string, args ...any) error {
	return usageError(fmt.Sprintf(format, args...))
}

func init() {
	cobra.EnableCommandSorting = false // the order in which they are added is that of use
}

// Run runs the command of root that args name, and returns the exit code.
func Run(ctx context.Context, root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	running := false // everything before is the command line
	root.PersistentPreRun = func(*cobra.Command, []string) { running = true }
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetFlagErrorFunc(explainFlag)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetArgs(append([]string{}, args...)) // never nil, which means those of the process
	root.SetUsageTemplate(usageHead + usageInherited)
	root.SetHelpTemplate(help)
	completeHelp(root)
	if len(args) == 0 || !strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) { // a completion parses them twice
		takeOnce(root)
	}

	cmd, err := root.ExecuteContextC(ctx)
	var exit ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return int(exit)
	case !running, errors.As(err, new(usageError)):
		fmt.Fprintf(stderr, "%s: %s\n%s --help says more.\n", cmd.CommandPath(), terminal.PrintableLines(err.Error()), cmd.CommandPath())
		return int(ErrUsage)
	default:
		fmt.Fprintf(stderr, "%s: %s\n", cmd.CommandPath(), terminal.PrintableLines(err.Error()))
		return int(ErrFailed)
	}
}

// Group makes cmd a command that only has others. Without one of them it prints its
// help, and its exit code is 2.
func Group(cmd *cobra.Command) *cobra.Command {
	cmd.Use, cmd.DisableFlagsInUseLine = cmd.Name()+" COMMAND", true
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		fmt.Fprint(cmd.ErrOrStderr(), cmd.UsageString())
		return ErrUsage
	}
	return cmd
}

// unknownCommand is the error of a name that is no command of cmd.
func unknownCommand(cmd *cobra.Command, name string) error {
	cmd.SuggestionsMinimumDistance = 2
	near := cmd.SuggestionsFor(name)
	for _, group := range cmd.Commands() {
		for _, c := range group.Commands() {
			if c.Name() == name {
				near = append(near, group.Name()+" "+name)
			}
		}
	}
	if cmd.Flags().Lookup(name) != nil {
		near = append(near, "--"+name)
	}
	return fmt.Errorf("there is no command %q%s", name, didYouMean(near))
}

func didYouMean(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(names, " or ") + "?"
}

// Args accepts exactly the arguments that are named, as NODE. A name that begins with [
// may be left out, as those after it.
func Args(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) > len(names):
			return fmt.Errorf("unexpected argument %q", args[len(names)])
		case len(args) < len(names) && !strings.HasPrefix(names[len(args)], "["):
			return fmt.Errorf("%s is missing", names[len(args)])
		default:
			return nil
		}
	}
}
