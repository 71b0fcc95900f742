package web

import (
	"net/http"
	"testing"

	"mqttlb/balancer"
)

func TestFirstRouteThatMatchesTakesTheRequest(t *testing.T) {
	api, dashboard := newNode(t, "api", nil), newNode(t, "dashboard", nil)
	r := start(t, []*node{api, dashboard})
	r.handler.Close()
	o := r.handler.options
	r.pool.Nodes()[1].SetOperator(balancer.Down)
	second := poolOf(t, dashboard)
	o.Routes = []Route{
		{Host: "api.*", Path: "/v5/", Pool: r.pool},
		{Host: "example.com", Pool: second},
	}
	r.handler = NewHandler(o)
	c := r.client()
	if s := c.get("/v5/nodes", "Host", "api.example.com"); s.Node != "api" {
		t.Errorf("/v5/nodes of api.example.com: %s", s.Node)
	}
	if s := c.get("/v5/nodes", "Host", "example.com"); s.Node != "dashboard" {
		t.Errorf("/v5/nodes of example.com: %s", s.Node)
	}
	c.refused(http.StatusNotFound, "nothing is served", http.MethodGet, "/v4/", nil, "Host", "api.example.com")
}
