package config

import "net/netip"

// checkAdmin checks the section admin.
func checkAdmin(a *Admin, s *source) {
	const address, tokenFile, public = "admin.address", "admin.token_file", "admin.public"
	if a.TLS != nil {
		// The admin server speaks HTTP, as a listener of this protocol does.
		checkTLS(&Listener{Protocol: HTTP, TLS: a.TLS}, s, "admin.tls", "admin.tls")
	}
	if a.Address.IsZero() {
		for _, at := range []string{tokenFile, public, "admin.hosts", "admin.tls"} {
			if s.written(at) && s.valid(at, address) && (at != public || a.Public != PublicOff) {
				s.errorf(at, "has no meaning with address: off; the socket needs none of it")
			}
		}
		return
	}
	if a.Address.Reachable() && a.TokenFile == "" && a.Public == PublicOff && s.valid(address, tokenFile, public) {
		s.errorf(address, "%s can be reached from other machines: write admin.token_file, and they need its token, "+
			"or admin.public: metrics, and they see only /healthz, /readyz and /metrics; or an address of loopback, as 127.0.0.1:%d",
			quote(a.Address.String()), a.Address.Port)
	}
}

// Reachable reports whether other machines may be able to connect to the address.
func (a Address) Reachable() bool {
	if a.Network != "tcp" {
		return false
	}
	ip, err := netip.ParseAddr(a.Host)
	return err != nil || !ip.IsLoopback()
}
