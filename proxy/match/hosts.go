package match

import (
	"strings"

	"mqttlb/proxy/hostname"
)

// addHost adds a match that is found by its ServerName: by the name, or by what a pattern has beside its star, as .example.com or ws.
func (s *Set) addHost(pattern string, number int32) {
	if s.hosts == nil {
		s.hosts = map[string][]int32{}
	}
	fixed := strings.Trim(hostname.Canonical(pattern), "*")
	s.hosts[fixed] = append(s.hosts[fixed], number)
}

// firstOfHost returns the first match before a limit that holds, fits and names a host; the limit if there is none.
func (s *Set) firstOfHost(host string, f *Facts, fits func(int) bool, limit int32) int32 {
	limit = s.earlier(s.hosts[host], f, fits, limit)
	for i := range len(host) {
		if host[i] == '.' {
			limit = s.earlier(s.hosts[host[i:]], f, fits, limit)
			limit = s.earlier(s.hosts[host[:i+1]], f, fits, limit)
		}
	}
	return limit
}
