// Package compare measures several balancers in one run, with the same load and the same
// stub broker. The balancers take turns A B B A, each on one core, with everything else
// on the others. The result is the ratio within a pair of turns; absolute figures drift.
//
// The configurations are the files of this folder. The package starts and stops the
// balancers and knows nothing else about them.
package compare
