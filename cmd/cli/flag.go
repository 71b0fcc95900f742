package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// explainFlag says what is wrong with a flag, what is allowed, and which flag may have
// been meant.
func explainFlag(cmd *cobra.Command, err error) error {
	if cmd.HasSubCommands() && cmd.Flags().NArg() > 0 {
		return unknownCommand(cmd, cmd.Flags().Arg(0)) // the flag is of the command that is not there
	}
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	var twice *twiceError
	var empty *pflag.ValueRequiredError
	switch {
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedShortnames()
		switch {
		case name == "":
			return fmt.Errorf("there is no flag --%s%s", unknown.GetSpecifiedName(), didYouMean(nearFlags(cmd, unknown.GetSpecifiedName())))
		case longFlag(cmd, name) != "": // as Go's own package flag allows
			return fmt.Errorf("-%[1]s has two dashes: --%[1]s", longFlag(cmd, name))
		default:
			return fmt.Errorf("there is no flag -%s", unknown.GetSpecifiedName())
		}
	case errors.As(err, &twice) && errors.As(err, &invalid):
		name := "--" + invalid.GetFlag().Name
		if short := invalid.GetFlag().Shorthand; short != "" {
			name = "-" + short + ", " + name
		}
		return fmt.Errorf("%s %w", name, twice)
	case errors.As(err, &invalid):
		return fmt.Errorf("--%s %q: %s", invalid.GetFlag().Name, invalid.GetValue(), allowed(invalid.GetFlag(), invalid.Unwrap()))
	case errors.As(err, &empty):
		return fmt.Errorf("--%s needs a value", empty.GetFlag().Name)
	default:
		return err
	}
}

// longFlag returns the flag that was meant by a dash and letters that are no flags. Those before them may be: -v of
// -version is a flag.
func longFlag(cmd *cobra.Command, letters string) (name string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == letters || len(letters) > 1 && strings.HasSuffix(f.Name, letters) && len(f.Name) == len(letters)+1 {
			name = f.Name
		}
	})
	return name
}

// allowed says what the value of a flag must be; err is the reason in the words of the
// parser of its type.
func allowed(f *pflag.Flag, err error) string {
	switch f.Value.Type() {
	case "int":
		return "must be a whole number"
	case "bool":
		return "must be true or false"
	case "duration":
		return "must be a duration, as 30s or 5m"
	default:
		return err.Error()
	}
}

// nearFlags returns the flags of cmd whose names are near to name. Cobra looks for
// commands alone, so the flags are made commands for its search.
func nearFlags(cmd *cobra.Command, name string) []string {
	names := &cobra.Command{SuggestionsMinimumDistance: 2}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
		}
	})
	near := names.SuggestionsFor(name)
	for i := range near {
		near[i] = "--" + near[i]
	}
	return near
}
