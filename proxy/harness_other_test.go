//go:build !linux

package proxy

import "time"

func (*rig) checkEngine() {}

func (*rig) held() int { return 0 }

func (*rig) idleLimits() map[string]time.Duration { return nil }
