package ctl

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"mqttlb/cmd/cli"
)

// maxToken limits a token file in bytes.
const maxToken = 4 << 10

// connection is the flags that name the process to ask.
type connection struct {
	sockets func() []string // the default paths of the admin socket

	socket, address   string // at most one is set; none: the first socket that there is
	tokenFile, caFile string
	json, wide        bool
}

// define defines the flags.
func (c *connection) define(flags *pflag.FlagSet) {
	set := func(to *string) func(string) error {
		return func(s string) error {
			if *to = s; s == "" { // a script with an empty variable would reach another process
				return errors.New("must not be empty")
			}
			return nil
		}
	}
	flags.Func("socket", "the `PATH` of the admin socket (default: mqttlb.sock in the runtime directory)", set(&c.socket))
	flags.Func("address", "the `ADDRESS` of the admin server in place of the socket, as lb-2:9090 or https://lb-2:9090; without a scheme it is https, for this machine http", set(&c.address))
	flags.StringVar(&c.tokenFile, "token-file", "", "with --address: the `FILE` with the token of admin.token_file")
	flags.StringVar(&c.caFile, "ca", "", "with --address: the `FILE` with the CA of the server's certificate (default: those of the system)")
	flags.BoolVar(&c.json, "json", false, "print the answer as JSON")
}

// client makes the client of the process that the flags name.
func (c *connection) client() (*client, error) {
	switch {
	case c.address == "" && c.tokenFile != "":
		return nil, cli.Usagef("--token-file goes with --address: the socket asks for no token")
	case c.address == "" && c.caFile != "":
		return nil, cli.Usagef("--ca goes with --address: the socket has no TLS")
	case c.address == "":
		return socketClient(c.socketPath()), nil
	case c.socket != "":
		return nil, cli.Usagef("--socket excludes --address")
	}
	base, err := baseURL(c.address, c.caFile != "")
	if err != nil {
		return nil, err
	}
	token, err := readToken(c.tokenFile)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{}
	if c.caFile != "" {
		if config.RootCAs, err = readCA(c.caFile); err != nil {
			return nil, err
		}
	}
	return serverClient(base, token, config), nil
}

// socketPath returns the path of --socket, or else the first default path at which
// there is a socket, or else the first default path.
func (c *connection) socketPath() string {
	if c.socket != "" {
		return c.socket
	}
	paths := c.sockets()
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
			return path
		}
	}
	return paths[0]
}

// baseURL reads --address. A token must not cross a network in clear because nobody has
// thought of it, so only http:// asks for that.
func baseURL(address string, secure bool) (*url.URL, error) {
	wrong := func(what string) error {
		return cli.Usagef("--address %q: %s; it must be HOST:PORT, http://HOST:PORT or https://HOST:PORT", address, what)
	}
	full := address
	if !strings.Contains(address, "://") {
		scheme := "https://"
		if host, _, err := net.SplitHostPort(address); err == nil && isLoopback(host) && !secure {
			scheme = "http://"
		}
		full = scheme + address
	}
	base, err := url.Parse(full)
	switch {
	case err != nil:
		return nil, wrong("is no address")
	case base.Scheme != "http" && base.Scheme != "https":
		return nil, wrong("has another scheme")
	case base.Scheme == "http" && secure:
		return nil, wrong("has no TLS, for which --ca is")
	case base.Hostname() == "" || base.Port() == "":
		return nil, wrong("has no host or no port")
	case strings.Trim(base.Path, "/") != "" || base.RawQuery != "" || base.Fragment != "" || base.User != nil:
		return nil, wrong("has more than a host and a port")
	default:
		return &url.URL{Scheme: base.Scheme, Host: base.Host}, nil
	}
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// readToken reads the token in a file; without a file there is none.
func readToken(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || len(text) > maxToken || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("--token-file %s: must hold one token, of at most %d printable characters and no space", file, maxToken)
	}
	return token, nil
}

// readCA reads the certificates in a file.
func readCA(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--ca %s: has no certificate in the form of PEM", file)
	}
	return pool, nil
}
