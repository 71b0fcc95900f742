package config

import (
	"os"
	"path/filepath"
	"testing"
)

// The content of a file is read after the configuration: its errors have the line that names the file.
func TestFaultHasThePositionOfItsSetting(t *testing.T) {
	t.Setenv("CA", "ca.pem")
	main := filepath.Join(t.TempDir(), "main.yaml")
	included := filepath.Join(filepath.Dir(main), "more.yaml")
	for file, text := range map[string]string{
		main:     "include: more.yaml\nlisteners:\n- {name: a, address: \":1\", pool: p, tls: {certificates: [{cert: c.pem}], client_ca: \"${CA}\"}}\npools: [{name: p, nodes: [{name: n, address: \"h:1\"}]}]\n",
		included: "listeners:\n- {name: b, address: \":2\", pool: p, tls: {certificates: [{cert: d.pem}]}}\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Load(main)
	if err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{
		"listeners[0].tls.certificates[0].cert": main + ":3:65: listeners[0].tls.certificates[0].cert: wrong",
		"listeners[0].tls.certificates[0].key":  main + ":3:58: listeners[0].tls.certificates[0].key: wrong", // not written
		"listeners[0].tls.client_ca":            main + ":3:85: listeners[0].tls.client_ca: wrong (from ${CA})",
		"listeners[1].tls.certificates[0].cert": included + ":2:65: listeners[1].tls.certificates[0].cert: wrong",
		"admin.token_file":                      "admin.token_file: wrong",
	} {
		if got := c.Fault(setting, "wrong").Error(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := c.Fault("listeners[1].tls", "doubtful").Warning(); got != included+":2:42: warning: listeners[1].tls: doubtful" {
		t.Error(got)
	}
	flags, err := FromFlags([]string{":1"}, []string{"h:1"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := flags.Fault("pools[0].tls", "wrong"); got.Error() != "pools[0].tls: wrong" || got.Warning() != "warning: pools[0].tls: wrong" {
		t.Errorf("%+v", got)
	}
}
