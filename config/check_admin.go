package config

import (
	"net/netip"
	"path/filepath"
)

// checkAdmin checks the section admin.
func checkAdmin(a *Admin, s *source) {
	checkStateFile(a, s)
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

// checkStateFile checks that the files of the process are different ones.
func checkStateFile(a *Admin, s *source) {
	const file, dir, socket = "admin.state_file", "admin.state_dir", "admin.socket"
	switch path := filepath.Clean(a.StateFile); {
	case a.StateFile == "":
	case a.StateDir != "" && path == filepath.Join(a.StateDir, LastGood) && s.valid(file, dir):
		s.errorf(file, "%s is the file that admin.state_dir keeps the last good configuration in; name another one", quote(a.StateFile))
	case a.Socket != "" && path == filepath.Clean(a.Socket) && s.valid(file, socket):
		s.errorf(file, "%s is the path of admin.socket; name another file", quote(a.StateFile))
	}
}
