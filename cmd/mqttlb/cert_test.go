package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/tlsterm"
)

// makeCertificates runs mqttlb cert and returns its exit code and its output.
func makeCertificates(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(context.Background(), append([]string{"cert"}, args...), &out, &err)
	return code, out.String(), err.String()
}

func TestCertMakesWhatAListenerAndItsClientsNeed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab")
	code, out, stderr := makeCertificates("--dir", dir, "--name", "broker.example", "--name", "127.0.0.1", "--client", "device 1", "--client", "device-2")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, want := range []string{"server.pem", "client_ca", "lab", "client-device_1.key"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 8 {
		t.Fatalf("%d files: %v", len(files), files)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f, ".key") && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v", f, info.Mode())
		}
	}
	if code, _, stderr := makeCertificates("--dir", dir, "--client", "device-3"); code != 0 { // signed by the same CA
		t.Fatalf("exit code %d: %s", code, stderr)
	}

	at := func(name string) string { return filepath.Join(dir, name) }
	server, err := tlsterm.New(tlsterm.Options{
		Certificates: []tlsterm.CertificateFile{{Cert: at("server.pem"), Key: at("server.key")}},
		ClientAuth:   tlsterm.ClientAuthRequire, ClientCA: at("ca.pem"),
	})
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(at("ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	for file, want := range map[string]string{"client-device_1": "device 1", "client-device-2": "device-2", "client-device-3": "device-3"} {
		pair, err := tls.LoadX509KeyPair(at(file+".pem"), at(file+".key"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"broker.example", "127.0.0.1"} {
			near, far := net.Pipe()
			client := tls.Client(near, &tls.Config{RootCAs: roots, ServerName: name, Certificates: []tls.Certificate{pair}})
			over := make(chan error, 1)
			go func() { // ends with the handshake, or with the pipe
				err := client.Handshake()
				if err == nil {
					_, err = client.Read(make([]byte, 1)) // reads the ticket: on a pipe the server waits until it is read
				}
				over <- err
			}()
			s, err := tlsterm.Accept(t.Context(), far, server.Config())
			if err != nil {
				t.Fatalf("%s, %s: %v", file, name, err)
			}
			if got := s.Info(); got.CommonName != want || !got.Verified {
				t.Errorf("%s: %+v", file, got)
			}
			if _, err := s.Conn().Write([]byte("x")); err != nil {
				t.Error(err)
			}
			if err := <-over; err != nil {
				t.Errorf("%s, %s: the client: %v", file, name, err)
			}
			near.Close()
			far.Close()
		}
	}
	t.Run("openssl", func(t *testing.T) {
		openssl := proxytest.Program(t, "openssl")
		for purpose, file := range map[string]string{"sslserver": "server.pem", "sslclient": "client-device-3.pem"} {
			out, err := exec.Command(openssl, "verify", "-x509_strict", "-purpose", purpose, "-CAfile", at("ca.pem"), at(file)).CombinedOutput()
			if err != nil {
				t.Errorf("openssl verify %s: %v\n%s", file, err, out)
			}
		}
	})
}

func TestCertOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	if code, _, stderr := makeCertificates("--dir", dir, "--name", "broker.example", "--client", "a"); code != 0 {
		t.Fatal(stderr)
	}
	before := contents(t, dir)
	for _, args := range [][]string{
		{"--name", "other.example"},                // server.pem exists
		{"--client", "new", "--client", "a"},       // client-a exists: new is not written, either
		{"--client", "b c", "--client", "b_c"},     // both map to the same file
		{"--name", "x.example", "--client", "new"}, // the server's
	} {
		code, _, stderr := makeCertificates(append([]string{"--dir", dir}, args...)...)
		if code != 1 || !strings.Contains(stderr, "exists already") {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
	if after := contents(t, dir); after != before {
		t.Errorf("the folder has changed from\n%s\nto\n%s", before, after)
	}
	if err := os.Remove(filepath.Join(dir, "ca.key")); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := makeCertificates("--dir", dir, "--client", "b"); code != 1 || !strings.Contains(stderr, "ca.key") {
		t.Errorf("a CA without its key: exit code %d, %s", code, stderr)
	}
}

// contents returns the files of a folder: their text by name.
func contents(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(e.Name() + "\n" + string(b))
	}
	return all.String()
}

func TestCertSaysWhatIsWrongWithItsArguments(t *testing.T) {
	dir := t.TempDir()
	for want, args := range map[string][]string{
		"name a folder":       {"--name", "a.example"},
		"and a server":        {"--dir", dir},
		"neither a DNS name":  {"--dir", dir, "--name", "broker.example:8883"},
		"longer than a DNS":   {"--dir", dir, "--name", strings.Repeat("a.", 130) + "example"},
		"1 to 64 bytes":       {"--dir", dir, "--client", strings.Repeat("c", 65)},
		"without control":     {"--dir", dir, "--client", "a\nb"},
		"unexpected argument": {"--dir", dir, "--client", "a", "b"},
		"there is no flag":    {"--host", "x"},
	} {
		if code, _, stderr := makeCertificates(args...); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit code %d, %s; want %q", args, code, stderr, want)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) > 0 {
		t.Errorf("written all the same: %v", files)
	}
}
