package config

import (
	"fmt"
	"strings"
)

// A Cipher is a cipher suite of TLS 1.2 and below, by OpenSSL's name.
type Cipher string

// A Curve is a key exchange of TLS 1.3, and with the same name in ECDHE of TLS 1.2 and below.
type Curve string

// suite describes a cipher suite.
type suite struct {
	name Cipher
	iana string // the name in crypto/tls
	old  bool   // it is also of TLS 1.0 and 1.1
	weak string // why nobody should need it; empty: it is strong
}

const (
	weakCBC  = "CBC with SHA-1 or SHA-256, which is open to padding oracles (Lucky 13)"
	weakRSA  = "RSA key exchange: whoever gets the key of the certificate can read what was recorded before"
	weakDES  = "3DES, which collisions break after some gigabytes (Sweet32)"
	weakRC4  = "RC4, which is broken (RFC 7465)"
	noCipher = "; where devices need it, pass TLS on to the brokers with protocol: tls"
)

// suites are all suites of crypto/tls, the best first.
var suites = []suite{
	{"ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", false, ""},
	{"ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", false, ""},
	{"ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", false, ""},
	{"ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", false, ""},
	{"ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", false, ""},
	{"ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", false, ""},
	{"ECDHE-ECDSA-AES128-SHA", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", true, weakCBC},
	{"ECDHE-RSA-AES128-SHA", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", true, weakCBC},
	{"ECDHE-ECDSA-AES256-SHA", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", true, weakCBC},
	{"ECDHE-RSA-AES256-SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", true, weakCBC},
	{"ECDHE-ECDSA-AES128-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", false, weakCBC},
	{"ECDHE-RSA-AES128-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", false, weakCBC},
	{"AES128-GCM-SHA256", "TLS_RSA_WITH_AES_128_GCM_SHA256", false, weakRSA},
	{"AES256-GCM-SHA384", "TLS_RSA_WITH_AES_256_GCM_SHA384", false, weakRSA},
	{"AES128-SHA", "TLS_RSA_WITH_AES_128_CBC_SHA", true, weakRSA},
	{"AES256-SHA", "TLS_RSA_WITH_AES_256_CBC_SHA", true, weakRSA},
	{"AES128-SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA256", false, weakRSA},
	{"ECDHE-RSA-DES-CBC3-SHA", "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", true, weakDES},
	{"DES-CBC3-SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", true, weakDES},
	{"ECDHE-ECDSA-RC4-SHA", "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", true, weakRC4},
	{"ECDHE-RSA-RC4-SHA", "TLS_ECDHE_RSA_WITH_RC4_128_SHA", true, weakRC4},
	{"RC4-SHA", "TLS_RSA_WITH_RC4_128_SHA", true, weakRC4},
}

// suite returns what c is; the zero suite for a name that could not be read.
func (c Cipher) suite() suite {
	for _, s := range suites {
		if s.name == c {
			return s
		}
	}
	return suite{}
}

// exchangesCurve reports whether a curve is used with c.
func (c Cipher) exchangesCurve() bool { return strings.HasPrefix(string(c), "ECDHE-") }

// parseCipher parses a name of OpenSSL, or the same of the IANA.
func parseCipher(s string) (Cipher, error) {
	names := make([]string, 0, 2*len(suites))
	for _, suite := range suites {
		if strings.EqualFold(s, string(suite.name)) || strings.EqualFold(s, suite.iana) {
			return suite.name, nil
		}
		names = append(names, string(suite.name), suite.iana)
	}
	if why := notInGo(strings.ToUpper(strings.ReplaceAll(s, "_", "-"))); why != "" {
		return "", fmt.Errorf("%s %s", quote(s), why)
	}
	known := make([]string, len(suites))
	for i := range suites {
		known[i] = string(suites[i].name)
	}
	err := fmt.Sprintf("%s is no cipher suite; the suites are %s, or the same by the IANA's names", quote(s), joinWords(known))
	if word := nearestWord(s, names); word != "" {
		err = fmt.Sprintf("%s is no cipher suite; did you mean %s?", quote(s), word)
	}
	return "", fmt.Errorf("%s", err)
}

// notInGo says why a suite, by its name in upper case with hyphens, cannot be had; empty: it is not known.
func notInGo(name string) string {
	has := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains("-"+name+"-", "-"+part+"-") {
				return true
			}
		}
		return false
	}
	switch {
	case strings.ContainsAny(name, ":+!@, ") || has("HIGH", "MEDIUM", "LOW", "ALL", "DEFAULT", "COMPLEMENTOFDEFAULT") && !has("SHA", "SHA256"):
		return "is an expression of OpenSSL; list the names of suites, as [ECDHE-RSA-AES128-GCM-SHA256, AES128-SHA]"
	case has("CCM", "CCM8") || has("8") && has("CCM"):
		return "cannot be had: crypto/tls has no CCM" + noCipher
	case strings.HasPrefix(name, "TLS-AES-") || strings.HasPrefix(name, "TLS-CHACHA20-"):
		return "is of TLS 1.3, whose suites cannot be chosen: crypto/tls always offers all three; max_version: \"1.2\" turns TLS 1.3 off"
	case has("PSK", "SRP"):
		return "cannot be had: crypto/tls has neither PSK nor SRP" + noCipher
	case has("DHE", "EDH", "ADH", "DH"):
		return "cannot be had: crypto/tls has no DHE, only ECDHE" + noCipher
	case has("CAMELLIA", "CAMELLIA128", "CAMELLIA256", "ARIA128", "ARIA256", "ARIA", "SEED", "IDEA", "NULL", "MD5", "DES", "EXP", "EXPORT", "ECDH", "AECDH", "KRB5"),
		has("SHA384") && !has("GCM") && has("ECDHE", "RSA"), name == "AES256-SHA256", name == "TLS-RSA-WITH-AES-256-CBC-SHA256":
		return "cannot be had: crypto/tls has no such suite" + noCipher
	}
	return ""
}

// curves are the key exchanges, with the names that OpenSSL has for them.
var curves = []struct {
	name  Curve
	other []string
	only3 bool // only in TLS 1.3
}{
	{"X25519MLKEM768", nil, true},
	{"SecP256r1MLKEM768", nil, true},
	{"SecP384r1MLKEM1024", nil, true},
	{"X25519", nil, false},
	{"P-256", []string{"prime256v1", "secp256r1", "P256"}, false},
	{"P-384", []string{"secp384r1", "P384"}, false},
	{"P-521", []string{"secp521r1", "P521"}, false},
}

// parseCurve parses a name of a key exchange.
func parseCurve(s string) (Curve, error) {
	var names []string
	for _, c := range curves {
		for _, name := range append([]string{string(c.name)}, c.other...) {
			if strings.EqualFold(s, name) {
				return c.name, nil
			}
		}
		names = append(names, string(c.name))
	}
	if word := nearestWord(s, names); word != "" {
		return "", fmt.Errorf("%s is no key exchange; did you mean %s?", quote(s), word)
	}
	return "", fmt.Errorf("%s is not one of the key exchanges of crypto/tls, which are %s", quote(s), joinWords(names))
}

// only3 reports whether c is of TLS 1.3 alone.
func (c Curve) only3() bool {
	for _, known := range curves {
		if known.name == c {
			return known.only3
		}
	}
	return false
}
