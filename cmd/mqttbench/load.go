//go:build linux

package main

import (
	"context"
)

func runConn(ctx context.Context, args []string) error { return nil }
func runPub(ctx context.Context, args []string) error  { return nil }
func runSub(ctx context.Context, args []string) error  { return nil }
