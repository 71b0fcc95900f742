package opening

import (
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is the time limit for net/http on a busy machine.
const patience = 20 * time.Second

// upgradeRequest returns an acceptable upgrade with some lines changed: "Name: value"
// replaces the header, "-Name" removes it, and "+Name: value" adds one. A line without a
// colon replaces the request line.
func upgradeRequest(changes ...string) string {
	lines := []string{
		"GET /mqtt HTTP/1.1",
		"Host: broker.example",
		"Connection: Upgrade",
		"Upgrade: websocket",
		"Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
		"Sec-WebSocket-Protocol: mqtt",
	}
	for _, change := range changes {
		name, _, isHeader := strings.Cut(change, ":")
		switch {
		case strings.HasPrefix(change, "+"):
			lines = append(lines, change[1:])
		case !isHeader && !strings.HasPrefix(change, "-"):
			lines[0] = change
		default:
			for i, line := range lines {
				if strings.HasPrefix(line, strings.TrimPrefix(name, "-")+":") {
					lines[i] = change
					if !isHeader {
						lines[i] = ""
					}
				}
			}
		}
	}
	var b strings.Builder
	for _, line := range lines {
		if line != "" {
			b.WriteString(line + "\r\n")
		}
	}
	return b.String() + "\r\n"
}

// upgrades are requests that are close to an acceptable upgrade.
var upgrades = map[string]struct {
	request string
	inline  bool
}{
	"as browsers write it":             {upgradeRequest("+Origin: https://app.example.com", "+Cookie: a=b; c=\"d\"", "+User-Agent: Mozilla/5.0 (X11; Linux x86_64)"), true},
	"with a query":                     {upgradeRequest("GET /mqtt?token=%2F HTTP/1.1"), true},
	"with names in small letters":      {"GET /mqtt HTTP/1.1\r\nhost: b\r\nupgrade: websocket\r\n\r\n", true},
	"over two lines":                   {upgradeRequest("+X: 1\r\n 2"), false},
	"with a body":                      {upgradeRequest("+Content-Length: 5"), false},
	"with two lengths":                 {upgradeRequest("+Content-Length: 0", "+Transfer-Encoding: chunked"), false},
	"that is not whole":                {upgradeRequest()[:60], false},
	"without its last byte":            {upgradeRequest()[:len(upgradeRequest())-1], false},
	"and a frame":                      {upgradeRequest() + "\x81\x80\r\n\r\n", false},
	"and another one":                  {upgradeRequest() + upgradeRequest(), false},
	"and a body that ends as a header": {upgradeRequest("+Content-Length: 5") + "1\r\n\r\n", false},
	"with line feeds alone":            {"GET /mqtt HTTP/1.1\nHost: b\n\n" + upgradeRequest(), false},
	"with one line feed alone":         {"GET /mqtt HTTP/1.1\r\nHost: b\nUpgrade: websocket\r\n\r\n", false},
	"with an empty line before":        {"\r\n" + upgradeRequest(), false},
	"that expects a 100":               {upgradeRequest("+Expect: 100-continue"), false},
	"that expects more":                {upgradeRequest("+Expect: tea"), false},
	"of HTTP/1.0":                      {upgradeRequest("GET /mqtt HTTP/1.0"), false},
	"of HTTP/2":                        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", false},
	"of the whole server":              {upgradeRequest("OPTIONS * HTTP/1.1"), false},
	"of another server":                {strings.Replace(upgradeRequest(), "/mqtt", "http://other.example/mqtt", 1), false},
	"without a host":                   {upgradeRequest("-Host"), false},
	"with an empty host":               {upgradeRequest("Host: "), false},
	"with two hosts":                   {upgradeRequest("+Host: broker.example"), false},
	"with a host that is none":         {upgradeRequest("Host: a/b"), false},
	"with a space in a name":           {upgradeRequest("+X Y: 1"), false},
	"with a NUL":                       {upgradeRequest("+X: \x00"), false},
	"with a tab":                       {upgradeRequest("+X: \t"), false},
	"with a letter beyond ASCII":       {upgradeRequest("+X: é"), false},
	"with half of one":                 {upgradeRequest("+X: \xC3"), false},
}

func TestRequestsThatAreTakenForUpgrades(t *testing.T) {
	q := newRequest()
	for name, c := range upgrades {
		r := q.read([]byte(c.request), 4096)
		if (r != nil) != c.inline {
			t.Errorf("%s: got %v, want %v", name, r != nil, c.inline)
		}
		if c.inline && q.read([]byte(c.request), len(c.request)-1) != nil {
			t.Errorf("%s: taken past the limit of its size", name)
		}
	}
}

// FuzzUpgradeRequest compares every accepted upgrade with net/http's server on the same
// bytes: the server must call its handler, with an equal request, and leave no bytes
// over.
func FuzzUpgradeRequest(f *testing.F) {
	for _, c := range upgrades {
		f.Add([]byte(c.request))
	}
	seen := make(chan *http.Request)
	arrivals := make(pipes)
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, buffered, err := http.NewResponseController(w).Hijack()
			if err == nil && buffered.Reader.Buffered() == 0 {
				seen <- r
			}
			_ = conn.Close()
		}),
		ReadHeaderTimeout: patience,
	}
	go func() { _ = server.Serve(arrivals) }()
	f.Cleanup(func() { _ = server.Close() })
	q := newRequest()
	f.Fuzz(func(t *testing.T, b []byte) {
		got := q.read(b, len(b))
		if got == nil || got.ContentLength != 0 || got.TransferEncoding != nil {
			return // not accepted; CheckUpgrade refuses one with a body
		}
		client, conn := net.Pipe()
		defer client.Close()
		arrivals <- conn
		go func() {
			_, _ = client.Write(b)
			_, _ = io.Copy(io.Discard, client)
		}()
		select {
		case want := <-seen:
			for name, pair := range map[string][2]string{
				"method": {got.Method, want.Method}, "target": {got.RequestURI, want.RequestURI},
				"host": {got.Host, want.Host}, "URL": {got.URL.String(), want.URL.String()},
			} {
				if pair[0] != pair[1] {
					t.Errorf("%s: %q, by net/http %q", name, pair[0], pair[1])
				}
			}
			if !maps.EqualFunc(got.Header, want.Header, slices.Equal) {
				t.Errorf("header %q, by net/http %q", got.Header, want.Header)
			}
		case <-time.After(patience):
			t.Errorf("net/http has not served %q", b)
		}
	})
}

// pipes is a listener that accepts the connections sent to it.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error {
	close(p)
	return nil
}

func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }
