package proxy

import (
	"testing"

	"mqttlb/proxy/proxytest"
)

func TestMain(m *testing.M) {
	cores() // before tests that run abreast have Go use more
	proxytest.Main(m)
}
