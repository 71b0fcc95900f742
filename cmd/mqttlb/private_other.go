//go:build !unix

package main

// There is no admin socket here: the process does not serve.

func makePrivate(uintptr) error { return nil }

func writable(string) bool { return false }
