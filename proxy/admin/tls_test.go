package admin

import (
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/tlsterm"
)

func TestTheAddressSpeaksTLS(t *testing.T) {
	ca, devices := proxytest.NewCA("ca"), proxytest.NewCA("devices")
	server := ca.Issue("127.0.0.1")
	terminator, err := tlsterm.New(tlsterm.Options{
		Certificates: []tlsterm.CertificateFile{{Cert: server.File(t)}}, Protocols: []string{"http/1.1"},
		ClientAuth: tlsterm.ClientAuthRequire, ClientCA: proxytest.TempFile(t, "devices.pem", devices.Cert),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, nil)
	ask := func(config *tls.Config) (int, error) {
		client := &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: config}}
		defer client.CloseIdleConnections()
		response, err := client.Get(strings.Replace(r.url, "http:", "https:", 1) + "/api/v1/status")
		if err != nil {
			return 0, err
		}
		response.Body.Close()
		return response.StatusCode, nil
	}
	if response, _ := r.do(t, "GET", "/healthz", ""); response.StatusCode != http.StatusOK {
		t.Error(response.StatusCode)
	}
	r.server.SetAccess(&Access{TLS: terminator.Config})
	// The connection in the clear is kept alive, and is not served any more.
	if response, text := r.do(t, "GET", "/api/v1/status", ""); response.StatusCode != http.StatusForbidden || !strings.Contains(text, "TLS") {
		t.Errorf("in the clear: %d %s", response.StatusCode, text)
	}
	if code, err := ask(ca.Trust("127.0.0.1", devices.Issue("operator"))); err != nil || code != http.StatusOK {
		t.Errorf("with a certificate: %d, %v", code, err)
	}
	if code, err := ask(ca.Trust("127.0.0.1")); err == nil {
		t.Errorf("without a certificate: %d", code)
	}
	if code, err := ask(ca.Trust("127.0.0.1", ca.Issue("operator"))); err == nil {
		t.Errorf("with a certificate of another CA: %d", code)
	}
	r.server.SetAccess(&Access{})
	if response, _ := newRigLike(r).do(t, "GET", "/healthz", ""); response.StatusCode != http.StatusOK {
		t.Errorf("without TLS again: %d", response.StatusCode)
	}
}

func TestTheTokenIsTheFirstLineOfItsFile(t *testing.T) {
	dir := t.TempDir()
	write := func(text string, mode os.FileMode) string {
		path := filepath.Join(dir, "token")
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for text, want := range map[string]string{
		rightToken: rightToken, rightToken + "\n": rightToken, rightToken + "\r\nmore\n": rightToken, " \t" + rightToken + " \n": rightToken,
		"abcdefghijklmnop": "abcdefghijklmnop",
	} {
		path := write(text, 0o600)
		if token, warning, err := ReadToken(path); err != nil || token != want || warning != "" {
			t.Errorf("%q: %q, %q, %v", text, token, warning, err)
		}
	}
	for text, want := range map[string]string{
		"": "is empty", "\n" + rightToken: "is empty", "abcdefghijklmno": "15 characters; it needs 16", "two words in the line": "no spaces", "pässwörtersindlang": "ASCII",
	} {
		path := write(text, 0o600)
		if token, _, err := ReadToken(path); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), path+": ") || strings.Contains(err.Error(), "two words") {
			t.Errorf("%q: %q, %v", text, token, err)
		}
	}
	if _, warning, err := ReadToken(write(rightToken, 0o644)); err != nil || !strings.Contains(warning, "everybody on this machine may read it (mode 0644)") {
		t.Errorf("a file for all: %q, %v", warning, err)
	}
	for path, want := range map[string]string{filepath.Join(dir, "none"): "no such file", dir: "not a regular file", "/dev/null": "not a regular file"} {
		if _, _, err := ReadToken(path); err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: %v", path, err)
		}
	}
}
