package config

import (
	"errors"
	"testing"
)

func TestFlagsMeanWhatTheFileMeans(t *testing.T) {
	got, err := FromFlags([]string{":1883", "[::1]:1884"}, []string{"node1:1883", "emqx-2=[2001:db8::2]:1883"}, "")
	if err != nil {
		t.Fatal(err)
	}
	want := parse(t, `
listeners:
  - {name: mqtt, address: ":1883", pool: mqtt}
  - {name: mqtt-2, address: "[::1]:1884", pool: mqtt}
pools:
  - name: mqtt
    nodes:
      - {name: "node1:1883", address: "node1:1883"}
      - {name: emqx-2, address: "[2001:db8::2]:1883"}
`)
	if !equal(got, want) {
		t.Errorf("got:\n%+v\nwant:\n%+v", got, want)
	}
}

func TestWrongFlagsAreNamedWithTheirValues(t *testing.T) {
	for _, c := range []struct {
		name          string
		listen, nodes []string
		admin         string
		want          string
	}{
		{"none", nil, nil, "", "--listen: is missing; write where clients arrive, as --listen :1883\n" +
			"--node: is missing; write the address of a broker, as --node node1:1883"},
		{"no port", []string{"1883"}, []string{"node1"}, "", `--listen "1883": "1883" is a port alone; write an address, as :1883` + "\n" +
			`--node "node1": "node1" has no port; write one, as node1:1883`},
		{"empty", []string{""}, []string{"", "=", "a="}, "", `--listen "": is empty; write an address, as :1883` + "\n" +
			`--node "": is empty; write an address, as node1:1883` + "\n" +
			`--node "=": is empty; write an address, as node1:1883` + "\n" +
			`--node "=": is empty` + "\n" +
			`--node "a=": is empty; write an address, as node1:1883`},
		{"twice", []string{":1883", "*:1883"}, []string{"a:1", "a:1", "x=b:1", "x=c:1", "y=b:1"}, "",
			`--node "a:1": the name "a:1" is taken already` + "\n" +
				`--node "x=c:1": the name "x" is taken already` + "\n" +
				`--node "y=b:1": the address "b:1" is taken already by node x` + "\n" +
				`--listen "*:1883": the address ":1883" is taken already by listener mqtt`},
		{"the port of admin", []string{"127.0.0.1:9090"}, []string{"a:1"}, "", `--listen "127.0.0.1:9090": the address "127.0.0.1:9090" is taken already by admin.address`},
		{"a list", []string{":1883,:1884"}, []string{"a:1,b:1"}, "", `--listen ":1883,:1884": ":1883,:1884" is not an address; write one, as :1883 or [::1]:1883` + "\n" +
			`--node "a:1,b:1": "a:1,b:1" is not an address; write one, as node1:1883 or [::1]:1883`},
		{"control characters", []string{":1\x1b[2J"}, []string{"a\nb=c:1"}, "", `--listen ":1\x1b[2J": ":1\x1b[2J" is not an address; write one, as :1883 or [::1]:1883` + "\n" +
			`--node "a\nb=c:1": "a\nb" has the character '\n'; a name has ASCII letters, digits and any of . _ - : [ ] %`},
		{"admin", []string{":1883"}, []string{"a:1"}, "9090", `--admin "9090": "9090" is a port alone; write an address, as :1883`},
		{"admin on the listener", []string{":1883"}, []string{"a:1"}, ":1883", `--listen ":1883": the address ":1883" is taken already by admin.address`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := FromFlags(c.listen, c.nodes, c.admin)
			var errs Errors
			if !errors.As(err, &errs) || got != nil || err.Error() != c.want {
				t.Errorf("got %v and\n%v\nwant\n%s", got, err, c.want)
			}
		})
	}
}
