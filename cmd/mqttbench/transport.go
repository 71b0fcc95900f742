//go:build linux

package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"

	"mqttlb/bench"
)

// transportFlags configure the layers below MQTT. If emqtt_bench has a flag, its name is
// the same.
type transportFlags struct {
	ssl        bool
	caCertFile string
	certFile   string
	keyFile    string
	sni        string
	resume     bool
	ws         bool
	wsPath     string
}

func (t *transportFlags) register(fs *flag.FlagSet) {
	addBoth(fs.BoolVar, &t.ssl, "S", "ssl", false, "TLS; the server's certificate is not verified unless --cacertfile is given")
	fs.StringVar(&t.caCertFile, "cacertfile", "", "with --ssl: `file` of CA certificates (PEM) that the server is verified with, and its name")
	fs.StringVar(&t.certFile, "certfile", "", "with --ssl: `file` of the clients' certificate (PEM)")
	fs.StringVar(&t.keyFile, "keyfile", "", "with --ssl: `file` of the private key of --certfile (PEM)")
	fs.StringVar(&t.sni, "sni", "", "with --ssl: server `name` to ask for and to verify, instead of the host")
	fs.BoolVar(&t.resume, "resume", false, "with --ssl: resume sessions, which one cache holds for all clients")
	fs.BoolVar(&t.ws, "ws", false, "MQTT over WebSocket")
	fs.StringVar(&t.wsPath, "ws-path", "/mqtt", "with --ws: `path` of the WebSocket")
}

// apply sets the fields of o from the flags.
func (t *transportFlags) apply(fs *flag.FlagSet, o *bench.Options) error {
	var wrong error
	fs.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "cacertfile", "certfile", "keyfile", "sni", "resume":
			if !t.ssl {
				wrong = fmt.Errorf("--%s needs --ssl", f.Name)
			}
		case "ws-path":
			if !t.ws {
				wrong = fmt.Errorf("--%s needs --ws", f.Name)
			}
		}
	})
	if wrong != nil {
		return wrong
	}
	o.WebSocket, o.Path = t.ws, t.wsPath
	if !t.ssl {
		return nil
	}
	var err error
	o.TLS, err = t.config()
	return err
}

// config returns the TLS configuration of the clients.
func (t *transportFlags) config() (*tls.Config, error) {
	c := &tls.Config{
		ServerName: t.sni,
		// The user's own server gets the load. emqtt_bench never verifies.
		InsecureSkipVerify: t.caCertFile == "", //nolint:gosec // see above; --help and the documentation say so
		// As with OpenSSL's clients: records as large as the data.
		DynamicRecordSizingDisabled: true,
	}
	if t.caCertFile != "" {
		pem, err := os.ReadFile(t.caCertFile)
		if err != nil {
			return nil, fmt.Errorf("--cacertfile: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--cacertfile %s: no certificate in PEM", t.caCertFile)
		}
	}
	if (t.certFile == "") != (t.keyFile == "") {
		return nil, errors.New("--certfile and --keyfile need each other")
	}
	if t.certFile != "" {
		pair, err := tls.LoadX509KeyPair(t.certFile, t.keyFile)
		if err != nil {
			return nil, fmt.Errorf("--certfile and --keyfile: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if t.resume {
		c.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	}
	return c, nil
}
