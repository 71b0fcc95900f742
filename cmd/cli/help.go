package cli

import (
	"github.com/spf13/cobra"
)

// The parts of the usage of a command, in 80 columns.
const (
	usageHead = `usage: {{.CommandPath}}{{if .HasAvailableSubCommands}} COMMAND{{else}}{{slice .UseLine (len .CommandPath)}}{{end}}
{{- if .HasExample}}

{{.Example}}{{end}}
{{- if .HasAvailableSubCommands}}
{{- $all := .Commands}}
{{- if not .Groups}}
{{range $all}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}
{{- else}}
{{- range $group := .Groups}}

{{.Title}}:{{range $all}}{{if and (eq .GroupID $group.ID) .IsAvailableCommand}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}{{end}}{{end}}{{end}}
{{- if .HasAvailableLocalFlags}}

flags:
{{.LocalFlags.FlagUsagesWrapped 80 | trimTrailingWhitespaces}}{{end}}`

	usageInherited = `
{{- if .HasAvailableInheritedFlags}}

flags of all commands of {{.Parent.CommandPath}}:
{{.InheritedFlags.FlagUsagesWrapped 80 | trimTrailingWhitespaces}}{{end}}
{{- if .HasAvailableSubCommands}}

{{.CommandPath}} COMMAND --help says more.{{end}}
`

	// PageTemplate is the usage on a page that has all commands: the flags that they
	// inherit are there once.
	PageTemplate = usageHead + "\n"
)

// help is the template of what --help prints.
const help = `{{with or .Long .Short}}{{. | trimTrailingWhitespaces}}

{{end}}{{.UsageString}}`

// completeHelp adds the commands help and completion, in our own words.
func completeHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Use, c.Short, c.Long = "help [COMMAND...]", "explain a command", "Explain a command and its flags."
			c.Run, c.RunE = nil, explainCommand
		case "completion":
			c.Short = "write the completion script of a shell"
			c.Long = "Write the completion script of a shell. The help of each of the commands says how to load it."
			for _, shell := range c.Commands() {
				shell.Short = "write the completion script of " + shell.Name()
			}
			Group(c)
		}
	}
}

// explainCommand prints the help of the command that args name.
func explainCommand(cmd *cobra.Command, args []string) error {
	about, rest, err := cmd.Root().Find(args)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return Usagef("%v", unknownCommand(about, rest[0]))
	default:
		about.InitDefaultHelpFlag()
		return about.Help()
	}
}
