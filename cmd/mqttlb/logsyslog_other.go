//go:build !unix

package main

import "errors"

func openSyslog(string) (logSink, error) { return nil, errors.New("there is no syslog on this system") }
