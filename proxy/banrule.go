package proxy

import (
	"errors"

	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/tlsterm"
)

// What counts towards a ban is a fault that a client repeats: it breaks the protocol, or claims to be somebody
// that it is not. The rest is left out for one of these reasons:
//   - It is a shortage of ours or of the nodes. Good clients come back until it is over, and must then get in.
//   - It is a bad network: a client that is too late, or that has gone.
//   - It is a limit of the address or of the identifier. The limit holds the client off as it is, and after a power
//     failure all good devices behind one address exceed it.
//   - The client gives up itself: it does not accept our certificate, as all clients do once it has expired.

// countsForBan has the outcomes of refusals, and whether they count. An outcome that is not here did not refuse
// anybody.
var countsForBan = map[outcome.Outcome]bool{
	outcome.FrameError:          true, // before the CONNACK
	outcome.HandshakeFailed:     true, // but see blameless
	outcome.IdentityMismatch:    true,
	outcome.Denied:              true,
	outcome.BadRequest:          true,
	outcome.BadUpgrade:          true,
	outcome.WrongProtocol:       true,
	outcome.NotMQTT:             true,
	outcome.MalformedConnect:    true,
	outcome.UnsupportedVersion:  true,
	outcome.IdentifierRejected:  true,
	outcome.ConnectTooLarge:     true,
	outcome.BadProxyHeader:      true, // only of a client behind a trusted proxy: the proxy itself is never banned
	outcome.UntrustedProxy:      true,
	outcome.RefusedHandshake:    false,
	outcome.RefusedOpening:      false,
	outcome.RefusedConnections:  false,
	outcome.RefusedReserve:      false,
	outcome.RefusedRate:         false,
	outcome.RefusedAddress:      false,
	outcome.RefusedAddressRate:  false,
	outcome.RefusedClientIDRate: false,
	outcome.Banned:              false,
	outcome.NodesFull:           false,
	outcome.NodeBusy:            false,
	outcome.NoNode:              false,
	outcome.UpgradeRefused:      false,
	outcome.DialFailed:          false,
	outcome.DescriptorsExceeded: false,
	outcome.PortsExceeded:       false,
	outcome.NoSource:            false,
}

// causeConnack is the cause of a ban whose last refusal was a CONNACK of a node.
const causeConnack = "connack"

// BanCauses returns the causes of bans, as in Ban and BanStats.
func BanCauses() []string {
	causes := []string{causeConnack, causeOperator}
	for o, counts := range countsForBan {
		if counts {
			causes = append(causes, o.String())
		}
	}
	return causes
}

// blameless reports whether a handshake has failed although the client may be a good one: it does not accept our
// certificate, or we stop.
func blameless(err error) bool {
	failed, ok := errors.AsType[*tlsterm.HandshakeError](err)
	return ok && (failed.Reason == tlsterm.ClientRefused || failed.Reason == tlsterm.ClientAlert || failed.Reason == tlsterm.Canceled)
}

// refusesCredentials reports whether a node's CONNACK refuses the credentials of the client.
func refusesCredentials(c *mqttparse.Connack) bool {
	if c.Version != mqttparse.V5 {
		const badUserNameOrPassword, notAuthorized = 4, 5 // MQTT 3.1.1, table 3.1
		return c.Code == badUserNameOrPassword || c.Code == notAuthorized
	}
	switch mqttparse.ReasonCode(c.Code) {
	case mqttparse.BadUserNameOrPassword, mqttparse.NotAuthorized, mqttparse.Banned, mqttparse.BadAuthenticationMethod:
		return true
	default:
		return false
	}
}
