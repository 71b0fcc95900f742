//go:build race

package proxytest

// RaceDetector: the tests run with it, and several times slower.
const RaceDetector = true
