package main_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"testing"
	"time"
)

// startDownload is a node of HTTP that answers with as many bytes as the test sends it.
func startDownload(t *testing.T) (parts chan<- []byte, addr string) {
	t.Helper()
	in := make(chan []byte)
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for {
			select {
			case part, more := <-in:
				if !more {
					return
				}
				w.Write(part)
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
				return
			}
		}
	}))
	t.Cleanup(func() {
		node.CloseClientConnections()
		node.Close()
	})
	return in, node.Listener.Addr().String()
}

// getOver is get, and tells whether the connection was one that the client had.
func getOver(t *testing.T, browser *http.Client, url string) (status int, node string, again bool) {
	t.Helper()
	trace := httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { again = info.Reused }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), &trace), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := browser.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("X-Node"), again
}

// One connection has requests before and after reloads, and goes by what is in force. A download that had begun goes on, on a
// node that is not in the file any more.
func TestHTTPGoesOnOverReloads(t *testing.T) {
	t.Parallel()
	parts, downloads := startDownload(t)
	dashboards := startDashboards(t, "front", "api", "other")
	r := newReloadee(t, nowhere)
	l := newLab(t)
	write := func(routes, more string) {
		t.Helper()
		pool := func(name, nodes string) string {
			return "  - name: " + name + "\n    protocol: http\n    nodes:\n" + nodes
		}
		listener := func(name, tls string) string {
			return fmt.Sprintf("  - {name: %s, address: \"${%s}\", protocol: http, pool: front, routes: [%s]%s}\n", name, name, routes, tls)
		}
		r.write(t, "127.0.0.1", "\nlisteners:\n"+listener("web", "")+listener("webs", ", tls: "+l.tls())+"pools:\n"+
			pool("front", httpNodes(dashboards[0]))+pool("api", httpNodes(dashboards[1]))+pool("other", httpNodes(dashboards[2]))+
			pool("downloads", fmt.Sprintf("      - {name: d, address: %q}\n", downloads))+
			more+"admin: {address: \"${admin}\", socket: "+r.socket()+"}\n")
	}
	const download = "{path: /download, pool: downloads}"
	write(download+", {path: /api/, pool: api}", "")
	r.run(t)

	browsers := map[string]*http.Client{"http://" + r.addrs["web"]: newBrowser(t, ""), "https://" + r.addrs["webs"]: newSecureBrowser(t, l)}
	visit := func(when, path string, wantStatus int, wantNode string, wantAgain bool) {
		t.Helper()
		for url, browser := range browsers {
			if status, node, again := getOver(t, browser, url+path); status != wantStatus || node != wantNode || again != wantAgain {
				t.Errorf("%s: %s%s has status %d, of node %q, over the connection from before: %v", when, url, path, status, node, again)
			}
		}
	}
	visit("at first", "/api/x", http.StatusOK, "api", false)
	part := bytes.Repeat([]byte("first"), 10_000)
	go func() { parts <- part }()                                                // ends when the node has the request
	resp, err := newBrowser(t, "").Get("http://" + r.addrs["web"] + "/download") //nolint:bodyclose // it is, at the end
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	reads := func(when string) {
		t.Helper()
		got := make([]byte, len(part))
		if n, err := io.ReadFull(resp.Body, got); err != nil || !bytes.Equal(got, part) {
			t.Fatalf("%s: %d bytes of the download, %v", when, n, err)
		}
	}
	reads("at first")
	comes := func(when string) {
		t.Helper()
		part = bytes.Repeat([]byte(when), 10_000)
		select {
		case parts <- part:
		case <-time.After(patience):
			t.Fatalf("%s: the node's download has ended", when)
		}
		reads(when)
	}

	write(download+", {path: /api/, pool: other}", "")
	r.mustReload(t)
	comes("with another route")
	visit("with another route", "/api/x", http.StatusOK, "other", true)
	visit("with another route", "/", http.StatusOK, "front", true)

	write("{path: /live/, pool: other}", "limits: {max_header_size: 1KiB, max_request_size: 1KiB}\ntimeouts: {keep_alive: 30m}\n")
	r.mustReload(t)
	comes("without its route")
	visit("without a route", "/api/x", http.StatusOK, "front", true)
	for url, browser := range browsers {
		body := bytes.NewReader(make([]byte, 2<<10))
		resp, err := browser.Post(url+"/", "text/plain", body)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %s with a body over the new limit", url, resp.Status)
		}
	}

	downloads = "127.0.0.1:1"
	write(download, "")
	r.mustReload(t)
	comes("with its node elsewhere")
	close(parts)
	if n, err := io.Copy(io.Discard, resp.Body); n != 0 || err != nil {
		t.Errorf("the end of the download: %d bytes, %v", n, err)
	}
}
