package proxy

import "mqttlb/proxy/outcome"

// Outcome says how a session ended; see package outcome.
type Outcome = outcome.Outcome

// The outcomes, each described in package outcome.
const (
	outcomeNone = outcome.None

	ClientClosed        = outcome.ClientClosed
	ServerClosed        = outcome.ServerClosed
	ClientReset         = outcome.ClientReset
	ServerReset         = outcome.ServerReset
	IdleTimeout         = outcome.IdleTimeout
	ConnackTimeout      = outcome.ConnackTimeout
	HalfClosedTimeout   = outcome.HalfClosedTimeout
	Shutdown            = outcome.Shutdown
	Kicked              = outcome.Kicked
	Drained             = outcome.Drained
	Moved               = outcome.Moved
	FrameError          = outcome.FrameError
	HTTPServed          = outcome.HTTPServed
	RequestTimeout      = outcome.RequestTimeout
	ClientGone          = outcome.ClientGone
	ConnectTimeout      = outcome.ConnectTimeout
	HandshakeFailed     = outcome.HandshakeFailed
	RefusedHandshake    = outcome.RefusedHandshake
	RefusedOpening      = outcome.RefusedOpening
	IdentityMismatch    = outcome.IdentityMismatch
	BadUpgrade          = outcome.BadUpgrade
	NotMQTT             = outcome.NotMQTT
	MalformedConnect    = outcome.MalformedConnect
	UnsupportedVersion  = outcome.UnsupportedVersion
	IdentifierRejected  = outcome.IdentifierRejected
	ConnectTooLarge     = outcome.ConnectTooLarge
	BadProxyHeader      = outcome.BadProxyHeader
	UntrustedProxy      = outcome.UntrustedProxy
	RefusedConnections  = outcome.RefusedConnections
	RefusedRate         = outcome.RefusedRate
	RefusedAddress      = outcome.RefusedAddress
	RefusedAddressRate  = outcome.RefusedAddressRate
	NodesFull           = outcome.NodesFull
	NoNode              = outcome.NoNode
	UpgradeRefused      = outcome.UpgradeRefused
	DialFailed          = outcome.DialFailed
	DescriptorsExceeded = outcome.DescriptorsExceeded
	PortsExceeded       = outcome.PortsExceeded

	outcomes = outcome.Count
)
