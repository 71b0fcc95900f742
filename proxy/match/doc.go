// Package match decides which clients match which conditions.
//
//	set := match.NewSet(conditions) // of a listener's rules, in order
//	i := set.First(&facts)          // the index of the first that matches, or -1
//
// A [Match] is a set of conditions, all of which must hold. [Match.Holds] is for a few of them. A [Set] finds the first one
// that holds among thousands: what names an identifier, a user name or a network is found by it, and the rest is tried in order.
//
// The package is pure: [Facts] in, a decision out. No decision allocates, apart from regular expressions, which have
// memory that they share.
package match
