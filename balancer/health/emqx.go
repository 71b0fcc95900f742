package health

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	"mqttlb/balancer"
)

// The paths of EMQX's management API: the node status, in every version, and whether the node
// wants new clients, in 5.x and in the Enterprise edition of 4.x.
const (
	statusPath         = "/status"
	availabilityPathV5 = "/api/v5/load_rebalance/availability_check"
	availabilityPathV4 = "/api/v4/load_rebalance/availability_check"
)

// offer is what the management API of a node has been found to offer. It is found again after
// a probe that failed, since the node may come back as another version, and when the path is
// gone.
type offer struct {
	known        bool
	availability string // the path of the availability check; empty: there is none
}

// askEMQX asks the management API of a node. The error is nil if the node runs and wants new
// clients, and a drainingError if it runs and wants none. The warning says why the probe
// cannot know whether it wants any: then the status decides alone, because a wrong key must not
// take a cluster down.
func (p *prober) askEMQX(ctx context.Context, n *balancer.Node, addr netip.AddrPort) (warning string, err error) {
	addr = netip.AddrPortFrom(addr.Addr(), p.check.portOf(n))
	status, err := p.get(ctx, n, addr, statusPath)
	if err == nil {
		err = judgeStatus(status)
	}
	if err != nil {
		*p.offer = offer{}
		return "", err
	}
	for {
		paths := []string{p.offer.availability}
		switch {
		case !p.offer.known:
			paths = []string{availabilityPathV5, availabilityPathV4}
		case p.offer.availability == "":
			return "", nil
		}
		for _, path := range paths {
			a, err := p.get(ctx, n, addr, path)
			if err != nil {
				*p.offer = offer{}
				return "", err
			}
			if a.code != http.StatusNotFound {
				*p.offer = offer{known: true, availability: path}
				return p.judgeAvailability(path, a.code)
			}
		}
		if !p.offer.known {
			*p.offer = offer{known: true} // the open source edition of 4.x and of early 5.x
			return "", nil
		}
		*p.offer = offer{} // gone: look again
	}
}

// judgeStatus judges the answer to a request for the node status.
func judgeStatus(a answer) error {
	switch {
	case a.code == http.StatusNotFound:
		return fmt.Errorf("its answer to GET %s is 404 Not Found: the management port of EMQX 4 is another one (8081), see health.port", statusPath)
	case a.code != http.StatusOK:
		return fmt.Errorf("its answer to GET %s is %s, not 200", statusPath, statusText(a.code))
	case bytes.Contains(a.body, []byte("emqx is not_running")): // with 200 before 4.4
		return fmt.Errorf("its answer to GET %s says that emqx is not running", statusPath)
	}
	return nil
}

// judgeAvailability judges the status of an availability check, of a node that runs.
func (p *prober) judgeAvailability(path string, code int) (warning string, err error) {
	switch code {
	case http.StatusOK:
		return "", nil
	case http.StatusServiceUnavailable:
		return "", &drainingError{"availability check 503"}
	case http.StatusUnauthorized, http.StatusForbidden:
		what := "without an API key, see health.credentials_file"
		if p.check.APIKey != "" {
			what = "with the API key in health.credentials_file"
		}
		return fmt.Sprintf("the availability check answers %s %s: GET %s decides alone, and an evacuation goes unseen", statusText(code), what, statusPath), nil
	}
	return fmt.Sprintf("the answer to GET %s is %s: GET %s decides alone", path, statusText(code), statusPath), nil
}

// answer is a response of the management API.
type answer struct {
	code int
	body []byte // the first maxStatus bytes
}

// get asks the management API on a connection of its own. The error names the path.
func (p *prober) get(ctx context.Context, n *balancer.Node, addr netip.AddrPort, path string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(n.Host, strconv.Itoa(int(addr.Port())))+path, nil)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("User-Agent", "mqttlb") // for the server's access log
	request.Close = true
	if path != statusPath && p.check.APIKey != "" {
		request.SetBasicAuth(p.check.APIKey, p.check.APISecret)
	}
	c, release, err := p.dial(ctx, addr)
	if err != nil {
		return answer{}, fmt.Errorf("management port: %w", err)
	}
	defer release()
	conn := c
	if p.check.PortSecure != nil {
		if conn, err = p.handshake(ctx, c, n, p.check.PortSecure); err != nil {
			_ = c.Close()
			return answer{}, fmt.Errorf("management port: %w", err)
		}
	}
	a, err := exchange(conn, request)
	if err != nil {
		_ = conn.Close()
		return answer{}, fmt.Errorf("management port: %w", p.explain(ctx, err, "answer to GET "+path))
	}
	_ = hangUp(ctx, conn)
	return a, nil
}

// exchange sends a request and reads the response.
func exchange(conn net.Conn, request *http.Request) (a answer, err error) {
	var b bytes.Buffer
	if err := request.Write(&b); err != nil {
		return a, err
	}
	if err := write(conn, b.Bytes()); err != nil {
		return a, err
	}
	response, err := readHeader(conn, request)
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	a.code = response.StatusCode
	a.body, err = io.ReadAll(io.LimitReader(response.Body, maxStatus))
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it closed the connection within its answer")
	}
	return a, err
}
