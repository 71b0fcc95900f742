package snapshot

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/match"
)

func emptyPool(name string) *Pool { return &Pool{Pool: &balancer.Pool{Name: name}} }

func withPrefix(p string) match.Match {
	return match.Match{ClientID: match.NewPattern(nil, []string{p}, nil, false)}
}

// The index finds the route that a search through all of them finds.
func TestTheIndexFindsTheFirstRoute(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	share := balancer.NewShare("p", 500_000)
	routeOf := func(i int) Route {
		r := Route{Name: fmt.Sprintf("routes[%d]", i), Pool: emptyPool("p")}
		if random.IntN(2) == 0 {
			r.SNI = pick("a.example", "*.example", "b.*", "*.b.example", "x.a.example")
		}
		switch random.IntN(4) {
		case 0:
			r.Match = withPrefix(pick("a", "ab", "abc", "b"))
		case 1:
			r.Match.Username = match.NewPattern([]string{pick("u", "v")}, nil, nil, false)
		case 2:
			r.Match.Networks = match.NewNetworks([]netip.Prefix{netip.MustParsePrefix(pick("10.0.0.0/8", "10.1.0.0/16", "::/0"))})
		}
		if random.IntN(3) == 0 {
			r.Share = &share
		}
		return r
	}
	found := map[bool]int{}
	for range 300 {
		ln := &Listener{Protocol: MQTT, Pool: emptyPool("rest")}
		for i := range random.IntN(12) {
			ln.Routes = append(ln.Routes, routeOf(i))
		}
		indexed := *ln
		indexed.IndexRoutes()
		for range 30 {
			user := pick("", "u", "v")
			facts := match.Facts{
				Address: netip.MustParseAddr(pick("10.0.0.1", "10.1.0.1", "192.0.2.1", "2001:db8::1")), ServerName: pick("", "A.example", "c.b.example", "b.x", "x.a.example"),
				Connect: &mqttparse.Connect{ClientID: []byte(pick("a1", "ab1", "abc1", "b1", "c1")), Username: []byte(user), HasUsername: user != "", Version: mqttparse.V5},
			}
			want, got := ln.ConnectionRoute(facts), indexed.ConnectionRoute(facts)
			if want != got {
				t.Fatalf("the index finds %+v, the search %+v, of %+v", got, want, facts)
			}
			found[got != nil]++
		}
	}
	if found[true] < 100 || found[false] < 100 {
		t.Errorf("%v: the clients say little", found)
	}
}

func TestTheShareOfAClientIsByWhatItHas(t *testing.T) {
	address := netip.MustParseAddr("192.0.2.1")
	connect := func(id, user string) *mqttparse.Connect {
		return &mqttparse.Connect{ClientID: []byte(id), Username: []byte(user)}
	}
	for name, c := range map[string]struct {
		facts match.Facts
		key   uint64
		keyed bool
	}{
		"identifier":         {match.Facts{Address: address, Connect: connect("c", "u")}, balancer.Hash([]byte("c")), true},
		"user name":          {match.Facts{Address: address, Connect: connect("", "u")}, balancer.Hash([]byte("u")), true},
		"address":            {match.Facts{Address: address, Connect: connect("", "")}, balancer.HashAddr(address), true},
		"no CONNECT":         {match.Facts{Address: address}, balancer.HashAddr(address), true},
		"nothing":            {match.Facts{Connect: connect("", "")}, 0, false},
		"a client of a sock": {match.Facts{}, 0, false},
	} {
		if key, keyed := ShareKey(&c.facts); key != c.key || keyed != c.keyed {
			t.Errorf("%s: %x, %v, want %x, %v", name, key, keyed, c.key, c.keyed)
		}
	}
	half, whole := balancer.NewShare("p", 500_000), balancer.NewShare("p", balancer.WholeShare)
	for share, want := range map[*balancer.Share]bool{&half: false, &whole: true} {
		ln := &Listener{Routes: []Route{{Share: share, Pool: emptyPool("p")}}}
		if got := ln.ConnectionRoute(match.Facts{Connect: connect("", "")}) != nil; got != want {
			t.Errorf("a client of whom nothing is known is in: %v, want %v", got, want)
		}
	}
}

// words describes ways: the route, and in brackets what is undecided.
func words(ways []Way) string {
	var all []string
	for _, w := range ways {
		name := "the rest"
		if w.Route != nil {
			name = w.Route.Name
		}
		if len(w.Undecided) > 0 {
			name += fmt.Sprint(w.Undecided)
		}
		all = append(all, name)
	}
	return strings.Join(all, ", ")
}

func TestWaysSayWhatIsUndecided(t *testing.T) {
	share := balancer.NewShare("canary", 500_000)
	in, out := "", ""
	for i := 0; in == "" || out == ""; i++ {
		if id := fmt.Sprintf("c%d", i); share.Takes(balancer.Hash([]byte(id))) {
			in = id
		} else {
			out = id
		}
	}
	routes := []Route{
		{Name: "name", SNI: "a.example", Pool: emptyPool("a")},
		{Name: "office", Match: match.Match{Networks: match.NewNetworks([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}), Versions: match.Versions(0).With(mqttparse.V5)}, Pool: emptyPool("b")},
		{Name: "user", Match: match.Match{Username: match.NewPattern([]string{"u"}, nil, nil, false), Will: match.Yes}, Pool: emptyPool("c")},
		{Name: "acme", Match: withPrefix("acme-"), Pool: emptyPool("d")},
		{Name: "canary", Share: &share, Pool: emptyPool("canary")},
	}
	tls := &TLS{}
	upgrades := slices.Clone(routes)
	for i := range upgrades {
		upgrades[i].WebSocket, upgrades[i].Path = true, "/mqtt"
	}
	upgrades[0].Host, upgrades[3].Path = "h.example", "/acme"
	upgrades = append(upgrades, Route{Name: "all", Path: "/mqtt", WebSocket: true, Pool: emptyPool("all")}, Route{Name: "web", Pool: emptyPool("web")})
	mqtt := &Listener{Protocol: MQTT, TLS: tls, Pool: emptyPool("rest"), Routes: routes}
	web := &Listener{Protocol: HTTP, TLS: tls, Routes: upgrades}
	tcp := &Listener{Protocol: TCP, TLS: tls, Pool: emptyPool("rest"), Routes: []Route{routes[0], routes[4]}}
	plain := &Listener{Protocol: MQTT, Pool: emptyPool("rest"), Routes: routes[3:]}
	office := netip.MustParseAddr("10.0.0.1")
	for _, c := range []struct {
		name  string
		ln    *Listener
		id    string
		know  Known
		facts match.Facts
		want  string
	}{
		{"nothing is known", mqtt, out, 0, match.Facts{}, "name[sni], office[cidr version], user[username will], the rest"},
		{"nothing is known of one in the share", mqtt, in, 0, match.Facts{}, "name[sni], office[cidr version], user[username will], canary"},
		{"a prefix ends it", mqtt, "acme-1", 0, match.Facts{}, "name[sni], office[cidr version], user[username will], acme"},
		{"the name", mqtt, out, KnownSNI, match.Facts{ServerName: "A.example."}, "name"},
		{"another name", mqtt, out, KnownSNI, match.Facts{ServerName: "b.example"}, "office[cidr version], user[username will], the rest"},
		{"all but the Will", mqtt, out, KnownSNI | KnownUsername | KnownAddress | KnownVersion, match.Facts{Address: office}, "the rest"},
		{"the office", mqtt, out, KnownSNI | KnownAddress, match.Facts{Address: office}, "office[version], user[username will], the rest"},
		{"no identifier", mqtt, "", KnownSNI | KnownVersion, match.Facts{}, "user[username will], canary[share], the rest"},
		{"a name in the clear", plain, out, KnownSNI, match.Facts{ServerName: "a.example"}, ""},
		{"upgrades", web, out, KnownSNI | KnownAddress | KnownVersion | KnownUsername, match.Facts{ServerName: "a.example"}, "name[host path], all[path]"},
		{"upgrades of a prefix", web, "acme-1", KnownSNI | KnownAddress | KnownVersion | KnownUsername, match.Facts{}, "acme[path], canary[path], all[path]"}, // it is in the share
		{"no CONNECT", tcp, in, KnownSNI, match.Facts{}, "canary[share], the rest"},
	} {
		q := &Question{Facts: c.facts, Known: c.know}
		q.Connect = &mqttparse.Connect{ClientID: []byte(c.id), Version: mqttparse.V311}
		if got := words(c.ln.Ways(q)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
