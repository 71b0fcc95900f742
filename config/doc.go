// Package config is the configuration file of mqttlb: its language, its defaults and its
// errors.
//
//	c, err := config.Load("mqttlb.yaml")
//	if err != nil {
//		fmt.Fprintln(os.Stderr, err) // every error, each as file:line:column: message
//		os.Exit(1)
//	}
//	c.Summary(os.Stdout)
//
// A Config is plain data. The package opens no socket, resolves no name, reads no
// certificate and knows nothing of the run time: a valid Config may still fail on this
// machine.
//
// language.go lists the keys, words.go the words, defaults.go and complete.go the
// defaults, limits.go the ranges, and the check files the rules between settings.
// include.go, env.go and merge.go read what a file takes from elsewhere. Diff lists the
// differences between two Configs.
package config
