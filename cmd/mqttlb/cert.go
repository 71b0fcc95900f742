package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
	"mqttlb/proxy/hostname"
)

const (
	// labValidity is the longest validity that iOS and macOS accept for a server.
	labValidity = 825 * 24 * time.Hour

	// labSkew is how far the clock of a device may be behind.
	labSkew = time.Hour

	// maxCommonName is the limit of X.520 in characters; we count bytes.
	maxCommonName = 64
)

// certCommand writes certificates for a lab: a CA, a server with the given names, and
// clients.
func certCommand() *cobra.Command {
	l := lab{}
	cmd := &cobra.Command{
		Use:   "cert",
		Short: "write certificates for a lab: a CA, a server, clients",
		Long: `Write certificates for a lab: a CA, a server with the given names, and
clients. A CA that is in the folder already signs further ones. Files that
exist are never overwritten.`,
		Example: "  mqttlb cert --dir lab --name localhost --name 127.0.0.1 --client device-1",
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if l.dir == "" || len(l.names)+len(l.clients) == 0 {
				return cli.Usagef("name a folder with --dir, and a server with --name or a client with --client")
			}
			l.now = time.Now()
			if err := l.write(); err != nil {
				return err
			}
			l.explain(cmd.OutOrStdout())
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&l.dir, "dir", "", "the `FOLDER` to write to; a CA that is there is used again")
	flags.Func("name", "a `NAME` or address by which clients reach the server; may be repeated", func(s string) error {
		if !strings.Contains(s, ":") && strings.ContainsFunc(s, func(c rune) bool { return c >= utf8.RuneSelf }) {
			s = hostname.Canonical(s) // a certificate has A-labels
		}
		l.names = append(l.names, s)
		return checkServerName(s)
	})
	flags.Func("client", "the `NAME` of a client, its certificate's CN; may be repeated", func(s string) error {
		l.clients = append(l.clients, s)
		return checkClientName(s)
	})
	cli.MayRepeat(flags, "name")
	cli.MayRepeat(flags, "client")
	return cmd
}

// checkServerName accepts an IP address, a DNS name, or a wildcard.
func checkServerName(s string) error {
	if _, err := netip.ParseAddr(s); err == nil {
		return nil
	}
	labels := strings.Split(strings.TrimPrefix(s, "*."), ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return errors.New("neither a DNS name nor an address, without a port")
		}
	}
	if len(s) > 253 {
		return errors.New("longer than a DNS name can be")
	}
	return nil
}

func checkClientName(s string) error {
	if s == "" || len(s) > maxCommonName || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd }) {
		return fmt.Errorf("want 1 to %d bytes of UTF-8 without control characters", maxCommonName)
	}
	return nil
}

// lab is a set of certificates to write, and the CA that signs them.
type lab struct {
	dir     string
	names   []string // of the server; none: no server certificate is made
	clients []string
	now     time.Time

	ca    *x509.Certificate
	key   *ecdsa.PrivateKey
	files []labFile // in the order in which they are written
}

// labFile is a file with one PEM block.
type labFile struct {
	path, kind string
	der        []byte
	mode       os.FileMode
}

// write makes all certificates in memory, and writes them only if none of the files exists.
func (l *lab) write() error {
	if err := l.loadOrCreateCA(); err != nil {
		return err
	}
	if len(l.names) > 0 {
		if err := l.issue("server", l.serverTemplate()); err != nil {
			return err
		}
	}
	for _, name := range l.clients {
		if err := l.issue(clientFile(name), clientTemplate(name)); err != nil {
			return err
		}
	}
	taken := map[string]bool{}
	for _, f := range l.files {
		if _, err := os.Lstat(f.path); err == nil || taken[f.path] {
			return fmt.Errorf("%s exists already; nothing was written", f.path)
		}
		taken[f.path] = true
	}
	if err := os.MkdirAll(l.dir, 0o755); err != nil {
		return err
	}
	for _, f := range l.files {
		if err := f.write(); err != nil {
			return err
		}
	}
	return nil
}

// write creates the file, which must not exist yet.
func (f *labFile) write() error {
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode)
	if err != nil {
		return err
	}
	if err := pem.Encode(file, &pem.Block{Type: f.kind, Bytes: f.der}); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}

// loadOrCreateCA reads the folder's CA, or makes one.
func (l *lab) loadOrCreateCA() error {
	certFile, keyFile := filepath.Join(l.dir, "ca.pem"), filepath.Join(l.dir, "ca.key")
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	switch key, ok := pair.PrivateKey.(*ecdsa.PrivateKey); {
	case missing(certFile) && missing(keyFile):
		return l.createCA(certFile, keyFile)
	case err != nil:
		return fmt.Errorf("the CA in %s: %w", l.dir, err)
	case !ok || !pair.Leaf.IsCA:
		return fmt.Errorf("%s is not the certificate of a CA that mqttlb cert has made", certFile)
	case l.now.After(pair.Leaf.NotAfter):
		return fmt.Errorf("%s has expired at %s: begin again in a new folder", certFile, pair.Leaf.NotAfter.Format(time.DateOnly))
	default:
		l.ca, l.key = pair.Leaf, key
		return nil
	}
}

func missing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, os.ErrNotExist)
}

// createCA makes the CA.
func (l *lab) createCA(certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{Organization: []string{"mqttlb cert"}, CommonName: "Lab CA of " + l.now.Format(time.DateTime)},
		NotBefore: l.now.Add(-labSkew), NotAfter: l.now.Add(labValidity - labSkew),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	if l.ca, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	l.key = key
	return l.add(certFile, keyFile, der, key)
}

// serverTemplate is the template of the server's certificate.
func (l *lab) serverTemplate() *x509.Certificate {
	c := &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if len(l.names[0]) <= maxCommonName {
		c.Subject.CommonName = l.names[0] // for people; clients read the names below
	}
	for _, name := range l.names {
		if addr, err := netip.ParseAddr(name); err == nil {
			c.IPAddresses = append(c.IPAddresses, addr.AsSlice())
		} else {
			c.DNSNames = append(c.DNSNames, name)
		}
	}
	return c
}

// clientTemplate is the template of a client's certificate.
func clientTemplate(name string) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
}

// issue makes a key, and a certificate for it that the CA signs.
func (l *lab) issue(name string, c *x509.Certificate) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	c.KeyUsage = x509.KeyUsageDigitalSignature
	c.NotBefore, c.NotAfter = l.now.Add(-labSkew), l.now.Add(labValidity-labSkew)
	if c.NotAfter.After(l.ca.NotAfter) {
		c.NotAfter = l.ca.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, c, l.ca, key.Public(), l.key)
	if err != nil {
		return err
	}
	return l.add(filepath.Join(l.dir, name+".pem"), filepath.Join(l.dir, name+".key"), der, key)
}

// add adds a certificate and its key to the files to write.
func (l *lab) add(certFile, keyFile string, der []byte, key *ecdsa.PrivateKey) error {
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	l.files = append(l.files, labFile{keyFile, "PRIVATE KEY", secret, 0o600}, labFile{certFile, "CERTIFICATE", der, 0o644})
	return nil
}

// clientFile is the file name for a client. It replaces characters that are unsafe in file names.
func clientFile(name string) string {
	return "client-" + strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, name)
}

// explain prints which files were written and how to use them.
func (l *lab) explain(w io.Writer) {
	path := func(name string) string { return filepath.Join(l.dir, name) }
	for _, f := range l.files {
		fmt.Fprintln(w, "wrote", f.path)
	}
	fmt.Fprintf(w, "\nGood for a lab until %s, not for the public: whoever has %s is every server and every client.\n",
		l.ca.NotAfter.Format(time.DateOnly), path("ca.key"))
	fmt.Fprintln(w, "\nmqttlb.yaml, in a listener:")
	fmt.Fprintf(w, "    tls:\n      certificates: [{cert: %q, key: %q}]\n", path("server.pem"), path("server.key"))
	fmt.Fprintf(w, "      client_ca: %q        # to ask clients for a certificate of this CA\n", path("ca.pem"))
	if len(l.clients) > 0 {
		file := clientFile(l.clients[0])
		fmt.Fprintf(w, "\nA client:\n    mosquitto_pub -h NAME -p 8883 --cafile %s --cert %s --key %s -t hello -m world\n",
			path("ca.pem"), path(file+".pem"), path(file+".key"))
	}
}
