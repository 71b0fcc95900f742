package proxy

import (
	"testing"

	"mqttlb/proxy/proxytest"
)

func TestMain(m *testing.M) {
	cores() // before parallel tests raise GOMAXPROCS
	proxytest.Main(m)
}
