package tlsterm

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// openssl holds OpenSSL's names of all cipher suites of crypto/tls for TLS 1.2 and below, which HAProxy, EMQX and their users write. The
// suites of TLS 1.3 have the same name everywhere.
var openssl = map[uint16]string{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:       "ECDHE-ECDSA-AES128-GCM-SHA256",
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:         "ECDHE-RSA-AES128-GCM-SHA256",
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:       "ECDHE-ECDSA-AES256-GCM-SHA384",
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:         "ECDHE-RSA-AES256-GCM-SHA384",
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-ECDSA-CHACHA20-POLY1305",
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256:   "ECDHE-RSA-CHACHA20-POLY1305",
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA:          "ECDHE-ECDSA-AES128-SHA",
	tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA:            "ECDHE-RSA-AES128-SHA",
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA:          "ECDHE-ECDSA-AES256-SHA",
	tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA:            "ECDHE-RSA-AES256-SHA",

	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: "ECDHE-ECDSA-AES128-SHA256",
	tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256:   "ECDHE-RSA-AES128-SHA256",
	tls.TLS_RSA_WITH_AES_128_GCM_SHA256:         "AES128-GCM-SHA256",
	tls.TLS_RSA_WITH_AES_256_GCM_SHA384:         "AES256-GCM-SHA384",
	tls.TLS_RSA_WITH_AES_128_CBC_SHA:            "AES128-SHA",
	tls.TLS_RSA_WITH_AES_256_CBC_SHA:            "AES256-SHA",
	tls.TLS_RSA_WITH_AES_128_CBC_SHA256:         "AES128-SHA256",
	tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA:     "ECDHE-RSA-DES-CBC3-SHA",
	tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA:           "DES-CBC3-SHA",
	tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA:        "ECDHE-ECDSA-RC4-SHA",
	tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA:          "ECDHE-RSA-RC4-SHA",
	tls.TLS_RSA_WITH_RC4_128_SHA:                "RC4-SHA",
}

// defaultCiphers are the suites of TLS 1.2 with forward secrecy and authenticated encryption: Mozilla's
// "intermediate" list. Operators whose devices need others can list them.
var defaultCiphers = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// oldCiphers are those with forward secrecy for TLS 1.0 and 1.1, which have no authenticated encryption.
var oldCiphers = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
}

// CipherName returns OpenSSL's name of a suite, or the IANA's if OpenSSL has no other.
func CipherName(id uint16) string {
	if name := openssl[id]; name != "" {
		return name
	}
	return tls.CipherSuiteName(id)
}

// parseCiphers parses names of cipher suites of TLS 1.2 and below, OpenSSL's or the IANA's. Without names it returns those
// that are allowed by default, where least is the oldest version.
func parseCiphers(list []string, least uint16) ([]uint16, error) {
	if len(list) == 0 {
		if least < tls.VersionTLS12 {
			return slices.Concat(defaultCiphers, oldCiphers), nil
		}
		return defaultCiphers, nil
	}
	var ids []uint16
	for _, name := range list {
		id, ok := cipherByName(name)
		if !ok {
			return nil, fmt.Errorf("ciphers: %q is not one of crypto/tls's for TLS 1.2 and below: %s", name, strings.Join(cipherNames(), ", "))
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func cipherByName(name string) (uint16, bool) {
	for id, other := range openssl {
		if strings.EqualFold(name, other) || strings.EqualFold(name, tls.CipherSuiteName(id)) {
			return id, true
		}
	}
	return 0, false
}

func cipherNames() []string {
	var list []string
	for _, name := range openssl {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// curve is a key exchange with its names here and in OpenSSL.
type curve struct {
	id    tls.CurveID
	names []string
}

// curves are the key exchanges of crypto/tls.
var curves = []curve{
	{tls.X25519MLKEM768, []string{"X25519MLKEM768"}},
	{tls.SecP256r1MLKEM768, []string{"SecP256r1MLKEM768"}},
	{tls.SecP384r1MLKEM1024, []string{"SecP384r1MLKEM1024"}},
	{tls.X25519, []string{"X25519"}},
	{tls.CurveP256, []string{"P-256", "prime256v1", "secp256r1"}},
	{tls.CurveP384, []string{"P-384", "secp384r1"}},
	{tls.CurveP521, []string{"P-521", "secp521r1"}},
}

// parseCurves parses names of key exchanges. An empty list means those of crypto/tls,
// post-quantum ones first.
func parseCurves(list []string) ([]tls.CurveID, error) {
	var ids []tls.CurveID
next:
	for _, name := range list {
		for _, c := range curves {
			if slices.ContainsFunc(c.names, func(s string) bool { return strings.EqualFold(s, name) }) {
				ids = append(ids, c.id)
				continue next
			}
		}
		var known []string
		for _, c := range curves {
			known = append(known, c.names[0])
		}
		return nil, fmt.Errorf("curves: %q is not one of %s", name, strings.Join(known, ", "))
	}
	return ids, nil
}

// parseVersion parses "1.0" to "1.3". It returns fallback for "".
func parseVersion(setting, text string, fallback uint16) (uint16, error) {
	switch text {
	case "":
		return fallback, nil
	case "1.0":
		return tls.VersionTLS10, nil
	case "1.1":
		return tls.VersionTLS11, nil
	case "1.2":
		return tls.VersionTLS12, nil
	case "1.3":
		return tls.VersionTLS13, nil
	}
	return 0, fmt.Errorf("%s: %q is not 1.0, 1.1, 1.2 or 1.3", setting, text)
}
