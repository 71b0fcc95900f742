// Package compare measures balancers beside each other in one run: the same load, the
// same stub broker, in turns A B B A, each balancer on one core and everything else on
// the others. What counts is the ratio within a pair of turns; absolute figures drift.
//
// The configurations are the files of this folder. Package compare starts and stops the
// balancers; it knows nothing of how they work.
package compare
