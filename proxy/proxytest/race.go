//go:build race

package proxytest

// raceDetector: the tests run with it, and several times slower.
const raceDetector = true
