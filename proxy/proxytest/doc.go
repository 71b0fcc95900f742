// Package proxytest has what tests of TLS and of real programs need: certificate
// authorities, files, openssl, ports, servers. Only tests import it, so what cannot fail but
// for a defect of the package or of the machine panics.
//
//	ca := proxytest.NewCA("a CA")
//	broker := ca.Issue("broker.example", "127.0.0.1")
//	config := &tls.Config{Certificates: []tls.Certificate{broker.TLS}} // the server's
//	client := ca.Trust("broker.example")                               // the client's
//	file := broker.File(t)                                             // certificate and key in PEM
//	addr := proxytest.FreeAddr(t, "127.0.0.1")                         // for a program that listens
//
// It knows nothing of MQTT and of mqttlb.
package proxytest

// must is for what fails only by a defect.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
