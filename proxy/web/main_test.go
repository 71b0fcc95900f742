package web

import (
	"testing"

	"mqttlb/proxy/proxytest"
)

func TestMain(m *testing.M) { proxytest.Main(m) }
