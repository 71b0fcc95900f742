package cli

import (
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// ManCommand is a command that writes the man pages of all commands.
func ManCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man FOLDER",
		Short: "write the man pages of all commands",
		Long: `Write the man pages of all commands to a folder, which is made if it is not
there. The pages have the texts of --help.`,
		Example: "  mqttlb man /usr/local/share/man/man1",
		Args:    Args("FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true // it has the date of today
			date := built()
			return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Date: &date, Source: root.Name(), Manual: root.Name() + " manual"}, args[0])
		},
	}
}

// built is the time of the commit that was built, so that two builds of it make the
// same pages; now, if that is not recorded.
func built() time.Time {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if t, err := time.Parse(time.RFC3339, s.Value); err == nil && s.Key == "vcs.time" {
				return t
			}
		}
	}
	return time.Now()
}
