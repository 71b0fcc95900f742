package tlsterm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// offer compares what a client offers in its ClientHello with what its listener allows.
type offer struct {
	hello  *tls.ClientHelloInfo
	certs  []*tls.Certificate // for the name that the client asks for
	config *tls.Config
}

// maxNamed is how many suites, curves or protocols of a client an error names. A ClientHello has room for thousands.
const maxNamed = 24

// explain says, for an operator, what the client offers and which setting would let it in. It is empty if the
// reason is another one than the offer.
func (o offer) explain(reason Reason, err error) string {
	if o.hello == nil {
		return ""
	}
	switch reason {
	case NoSharedVersion:
		return o.explainVersion()
	case NoSharedCipher:
		if strings.Contains(err.Error(), "signature") {
			return o.explainSignature()
		}
		return o.explainCipher()
	case NoSharedCurve:
		return o.explainCurve()
	case NoSharedProtocol:
		return fmt.Sprintf("the client offers the protocols %s in ALPN; tls.alpn allows %s", named(quoted(o.hello.SupportedProtos)), named(quoted(o.config.NextProtos)))
	default:
		return ""
	}
}

func (o offer) explainVersion() string {
	theirs := o.versions()
	if len(theirs) == 0 {
		return "the client offers SSL 3.0 or another version that crypto/tls does not have"
	}
	newest, oldest := slices.Max(theirs), slices.Min(theirs)
	names := make([]string, len(theirs))
	for i, v := range theirs {
		names[i] = tls.VersionName(v)
	}
	setting, ours, would := "tls.min_version", o.config.MinVersion, newest
	if oldest > o.config.MaxVersion {
		setting, ours, would = "tls.max_version", o.config.MaxVersion, oldest
	}
	return fmt.Sprintf("the client offers %s; %s is %s, and %[4]s would allow it", named(names), setting, number(ours), number(would))
}

// number returns a version as the settings have it.
func number(version uint16) string { return strings.TrimPrefix(tls.VersionName(version), "TLS ") }

// versions returns the versions of the client that crypto/tls has.
func (o offer) versions() []uint16 {
	return slices.DeleteFunc(slices.Clone(o.hello.SupportedVersions), func(v uint16) bool { return v < tls.VersionTLS10 || v > tls.VersionTLS13 })
}

// agreed returns the version of this handshake, or 0.
func (o offer) agreed() (version uint16) {
	for _, v := range o.versions() {
		if v >= o.config.MinVersion && v <= o.config.MaxVersion {
			version = max(version, v)
		}
	}
	return version
}

func (o offer) explainCipher() string {
	version := o.agreed()
	allowed := func(id uint16) bool { return slices.Contains(o.config.CipherSuites, id) }
	fits := func(id uint16) bool {
		return isOf(id, version) && slices.ContainsFunc(o.certs, func(c *tls.Certificate) bool { return signedBy(id, c.Leaf.PublicKey) })
	}
	offers := fmt.Sprintf("the client offers %s in %s", named(o.suites()), tls.VersionName(version))
	var shared, otherKey, other []uint16
	for _, id := range ranked {
		switch {
		case !slices.Contains(o.hello.CipherSuites, id):
		case fits(id) && allowed(id): // not agreed on, for want of a curve
			shared = append(shared, id)
		case fits(id) && (o.sharesCurve() || !exchangesCurve(id)):
			other = append(other, id)
		case isOf(id, version) && allowed(id):
			otherKey = append(otherKey, id)
		}
	}
	switch {
	case len(other) > 0:
		return fmt.Sprintf("%s; tls.ciphers does not allow any of them, and with %s it would", offers, CipherName(other[0]))
	case len(shared) > 0:
		return fmt.Sprintf("%s; for %s a common curve is missing: %s", offers, CipherName(shared[0]), o.explainCurve())
	case len(otherKey) > 0:
		return fmt.Sprintf("%s; the certificate has a key of %s, and a second one in tls.certificates, with a key of %s for the same name, would allow %s",
			offers, o.keys(), pick(o.keys() == "RSA", "ECDSA", "RSA"), CipherName(otherKey[0]))
	}
	return offers + "; crypto/tls has none of them for the certificate's key of " + o.keys() + ", so that no setting would allow it; protocol: tls passes TLS on to the nodes"
}

func (o offer) explainCurve() string {
	theirs := make([]string, 0, len(o.hello.SupportedCurves))
	would := ""
	for _, id := range o.hello.SupportedCurves {
		if isGrease(uint16(id)) {
			continue
		}
		theirs = append(theirs, curveName(id))
		if would == "" && !strings.HasPrefix(curveName(id), "0x") {
			would = curveName(id)
		}
	}
	ours := make([]string, 0, len(curves))
	for _, id := range o.config.CurvePreferences {
		ours = append(ours, curveName(id))
	}
	s := fmt.Sprintf("the client offers the curves %s, and tls.curves allows %s", named(theirs), named(ours))
	if len(ours) == 0 {
		s = fmt.Sprintf("the client offers the curves %s, and crypto/tls has none of them", named(theirs))
	} else if would != "" {
		s += "; with " + would + " it would be accepted"
	}
	return s
}

func (o offer) explainSignature() string {
	const sha1 = "; it can only verify SHA-1, which the environment variable GODEBUG=tlssha1=1 allows"
	if len(o.hello.SignatureSchemes) == 0 {
		return "the client offers no signature algorithms, which means SHA-1 in TLS 1.2" + sha1
	}
	names := make([]string, len(o.hello.SignatureSchemes))
	only := true
	for i, scheme := range o.hello.SignatureSchemes {
		names[i] = scheme.String()
		only = only && scheme>>8 == 2 // the hash (RFC 5246, 7.4.1.4.1)
	}
	s := fmt.Sprintf("the client verifies the signatures %s, none of which the certificate's key of %s makes", named(names), o.keys())
	if only {
		s += sha1
	}
	return s
}

// suites names the client's suites for the version that was agreed on.
func (o offer) suites() (names []string) {
	const fallbackSCSV, renegotiationSCSV = 0x5600, 0x00ff
	for _, id := range o.hello.CipherSuites {
		tls13 := id>>8 == 0x13
		if id == fallbackSCSV || id == renegotiationSCSV || isGrease(id) || tls13 {
			continue
		}
		names = append(names, offeredName(id))
	}
	return names
}

// offeredName returns the name of a suite, also of one that crypto/tls does not have.
func offeredName(id uint16) string {
	if name := foreign[id]; name != "" {
		return name
	}
	return CipherName(id)
}

// keys names the kinds of key of the certificates.
func (o offer) keys() string {
	var kinds []string
	for _, c := range o.certs {
		if kind := keyName(c.Leaf.PublicKey); !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return strings.Join(kinds, " or ")
}

func (o offer) sharesCurve() bool {
	return slices.ContainsFunc(o.hello.SupportedCurves, func(id tls.CurveID) bool {
		if len(o.config.CurvePreferences) > 0 {
			return slices.Contains(o.config.CurvePreferences, id)
		}
		return slices.ContainsFunc(curves, func(c curve) bool { return c.id == id })
	})
}

// ranked are all suites for TLS 1.2 and below, the best first.
var ranked = slices.Concat(defaultCiphers, oldCiphers, []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
	tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_RSA_WITH_AES_128_CBC_SHA256,
	tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA,
	tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA,
	tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA, tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA, tls.TLS_RSA_WITH_RC4_128_SHA,
})

// isOf reports whether a suite of crypto/tls is of a version.
func isOf(id, version uint16) bool {
	for _, list := range [][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
		for _, s := range list {
			if s.ID == id {
				return slices.Contains(s.SupportedVersions, version)
			}
		}
	}
	return false
}

// signedBy reports whether a certificate with this key can be used with a suite.
func signedBy(id uint16, key crypto.PublicKey) bool {
	ec := strings.HasPrefix(openssl[id], "ECDHE-ECDSA-")
	switch key.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return ec
	case *rsa.PublicKey:
		return !ec
	}
	return false
}

func exchangesCurve(id uint16) bool { return strings.HasPrefix(openssl[id], "ECDHE-") }

func keyName(key crypto.PublicKey) string {
	switch key.(type) {
	case *ecdsa.PublicKey:
		return "ECDSA"
	case ed25519.PublicKey:
		return "Ed25519"
	case *rsa.PublicKey:
		return "RSA"
	}
	return "no known kind"
}

// curveName returns the name of a key exchange in the settings, or its number.
func curveName(id tls.CurveID) string {
	for _, c := range curves {
		if c.id == id {
			return c.names[0]
		}
	}
	return fmt.Sprintf("0x%04x", uint16(id))
}

// isGrease reports whether a number stands for nothing (RFC 8701).
func isGrease(id uint16) bool { return id&0x0f0f == 0x0a0a && id>>8 == id&0xff }

func quoted(names []string) []string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = fmt.Sprintf("%.40q", name)
	}
	return list
}

// named joins names for an error.
func named(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	if n := len(names) - maxNamed; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), n)
	}
	return strings.Join(names, ", ")
}

func pick(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}
