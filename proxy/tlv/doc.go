// Package tlv reads and writes the TLVs of a PROXY header of version 2: what a proxy says
// about its client beside the addresses.
//
//	err := tlv.Check(header, at) // the TLVs begin at header[at]
//	set := tlv.Read(header[at:])
//	b, leftOut := set.Append(b, room)
//
// The numbers in the comments are sections of the PROXY protocol's specification. The
// package does not read addresses, and a [Set] has only the TLVs that brokers read.
package tlv
