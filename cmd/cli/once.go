package cli

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// repeated is the annotation of flags that may be given several times, beside those whose value is a list.
const repeated = "cli_repeated"

// MayRepeat allows a flag to be given several times.
func MayRepeat(flags *pflag.FlagSet, name string) {
	if err := flags.SetAnnotation(name, repeated, []string{}); err != nil {
		panic(err) // there is no such flag
	}
}

// takeOnce makes it an error to give a flag twice that takes one value, for all flags of cmd and the commands
// below it. By itself pflag takes the last one, and the first is lost in silence.
func takeOnce(cmd *cobra.Command) {
	once := func(f *pflag.Flag) {
		_, many := f.Value.(pflag.SliceValue)
		if _, already := f.Value.(*onceValue); !many && !already && f.Annotations[repeated] == nil {
			f.Value = &onceValue{Value: f.Value}
		}
	}
	cmd.LocalFlags().VisitAll(once)
	for _, c := range cmd.Commands() {
		takeOnce(c)
	}
}

// onceValue is the value of a flag that is given once at most. A switch may be given again if it says the same.
type onceValue struct {
	pflag.Value
	given bool
	text  string // as it was given
}

// twiceError is the error of a flag that is given again.
type twiceError struct{ first, second string }

func (e *twiceError) Error() string {
	return fmt.Sprintf("is given twice: %q and %q; it takes one value", e.first, e.second)
}

// Set implements [pflag.Value].
func (v *onceValue) Set(text string) error {
	if v.given && (v.Type() != "bool" || text != v.text) {
		return &twiceError{v.text, text}
	}
	v.given, v.text = true, text
	return v.Value.Set(text)
}
