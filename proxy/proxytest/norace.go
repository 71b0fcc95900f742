//go:build !race

package proxytest

const RaceDetector = false
