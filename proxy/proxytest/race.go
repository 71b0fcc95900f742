//go:build race

package proxytest

// RaceDetector says that the tests run with it, and several times slower.
const RaceDetector = true
