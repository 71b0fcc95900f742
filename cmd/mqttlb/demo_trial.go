package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"mqttlb/balancer"
	"mqttlb/config"
)

const (
	loopback = "127.0.0.1"
	// mqttPort is where clients look for MQTT.
	mqttPort = 1883
	// statusPort is the default port of admin.address.
	statusPort = 9090
	// brokerPort is the port of the first broker. The others follow 1000 apart. All are
	// below the ephemeral ports, so that no connection takes the port of a broker that
	// is down.
	brokerPort = 11883
	// bindTries is how often to look for free ports: another process may take one before
	// the balancer binds it.
	bindTries = 5
	// maxPortsTried is how many ports in a row are tried.
	maxPortsTried = 100
	// lookInterval is how often the states of the nodes are read from the balancer.
	lookInterval = 100 * time.Millisecond
)

// trial is the demo without its display: brokers, the balancer before them and devices
// as clients. It records events on the board.
type trial struct {
	board   *board
	brokers []*broker
	server  *server
	devices []*device
	// portTaken reports that mqttPort was in use, so that the balancer has another port.
	portTaken bool
	counts    string // the address of /metrics
}

// newTrial starts the brokers and binds the balancer's addresses. The caller must call
// run, which stops them all. An error of type config.Errors is about the flags.
func newTrial(f demoFlags, p pace) (t *trial, err error) {
	t = &trial{}
	defer func() {
		if err != nil {
			t.killAll()
		}
	}()
	var names []string
	for i := range f.brokers {
		names = append(names, fmt.Sprintf("broker-%d", i+1))
	}
	home, err := homeOf(names)
	if err != nil {
		return t, err
	}
	t.board = newBoard(names, home)
	for i, name := range names {
		t.brokers = append(t.brokers, &broker{name: name, port: brokerPort + 1000*i, board: t.board})
	}
	for i, b := range t.brokers {
		b.others = append(append(b.others, t.brokers[:i]...), t.brokers[i+1:]...)
		if err := b.start(); err != nil {
			return t, err
		}
	}
	if t.server, err = t.newBalancer(f.listen); err != nil {
		return t, err
	}
	address := t.address()
	for _, id := range deviceNames(f.clients) {
		t.devices = append(t.devices, &device{id: id, balancer: &address, pace: p})
	}
	return t, nil
}

// newBalancer makes the balancer. listen is the value of --listen.
func (t *trial) newBalancer(listen string) (s *server, err error) {
	for range bindTries {
		var cfg *config.Config
		if cfg, err = t.newConfig(listen); err != nil {
			return nil, err
		}
		log := slog.New(slog.DiscardHandler)
		first := &revision{config: cfg}
		if first.plan, err = newPlan(cfg, nil, nil, log); err != nil {
			return nil, err
		}
		s, err = newServer(first, log)
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	if err == nil {
		t.counts = s.status.listener.Addr().String()
	}
	return s, err
}

// newConfig makes the configuration of the balancer. listen is the value of --listen.
func (t *trial) newConfig(listen string) (*config.Config, error) {
	var err error
	if listen == "" {
		if listen, err = freeAddress(mqttPort); err != nil {
			return nil, err
		}
		t.portTaken = listen != net.JoinHostPort(loopback, strconv.Itoa(mqttPort))
	}
	var nodes []string
	for _, b := range t.brokers {
		nodes = append(nodes, b.name+"="+b.address)
	}
	cfg, err := config.FromFlags([]string{listen}, nodes, "")
	if err != nil {
		return nil, err
	}
	pool := &cfg.Pools[0]
	pool.ProxyProtocol = config.ProxyV2
	// With the defaults a killed broker would be up for another 15 s.
	pool.Health = config.Health{Probe: []config.Probe{config.ProbeMQTT}, Interval: time.Second, Timeout: time.Second, Rise: 2, Fall: 2}
	cfg.Timeouts.Dial = time.Second
	cfg.Timeouts.Shutdown = time.Second

	status, err := freeAddress(statusPort)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(status)
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, err
	}
	cfg.Admin.Address = config.Address{Network: "tcp", Host: loopback, Port: uint16(n)}
	return cfg, nil
}

// run runs balancer and devices until ctx is done, and then stops them and the brokers.
func (t *trial) run(ctx context.Context) {
	// The balancer stops after devices and brokers. No session is left by then, so it
	// has nothing to wait for.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	var balancing sync.WaitGroup
	defer balancing.Wait()
	defer stop()
	balancing.Go(func() { t.server.run(serving) })

	var using sync.WaitGroup
	for _, d := range t.devices {
		using.Go(func() { d.run(ctx) })
	}
	t.watchNodes(ctx)
	t.board.end()
	using.Wait()
	t.killAll()
}

// watchNodes reports the states of the nodes to the board until ctx is done.
func (t *trial) watchNodes(ctx context.Context) {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		for _, pool := range t.server.plan.Load().pools {
			for _, n := range pool.Nodes() {
				t.board.setHealth(n.Name, n.State() == balancer.Up)
			}
		}
		t.board.forget()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// toggle kills the broker with this index if it runs, and starts it otherwise.
func (t *trial) toggle(i int) {
	if t.brokers[i].running() {
		t.brokers[i].kill()
		return
	}
	t.restart(i)
}

// restart starts a broker again. It records a failure on the board.
func (t *trial) restart(i int) {
	if err := t.brokers[i].start(); err != nil {
		t.board.brokerFailed(t.brokers[i].name, err)
	}
}

func (t *trial) killAll() {
	for _, b := range t.brokers {
		b.kill()
	}
}

// address is the address that a client on this machine dials.
func (t *trial) address() net.TCPAddr {
	a := *t.server.Addr(t.server.plan.Load().snapshot.Listeners[0].Name).(*net.TCPAddr)
	if a.IP.IsUnspecified() {
		a.IP = net.ParseIP(loopback)
	}
	return a
}

// homeOf returns a function that returns the home of a client: the node that the
// balancer chooses when all are up.
func homeOf(nodes []string) (func(client string) string, error) {
	spec := balancer.PoolSpec{Name: "homes", Algorithm: balancer.ConsistentHash, HashKey: balancer.ByClientID}
	for _, name := range nodes {
		spec.Nodes = append(spec.Nodes, balancer.NodeSpec{Name: name, Address: loopback + ":1"}) // never dialled
	}
	pool, err := balancer.NewPool(spec)
	if err != nil {
		return nil, err
	}
	return func(client string) string {
		candidates := pool.Candidates(balancer.Client{Key: balancer.Hash([]byte(client)), Keyed: true})
		return candidates.Next().Name
	}, nil
}

// freeAddress returns a loopback address with this port, or with the first free port
// after it.
func freeAddress(port int) (string, error) {
	ln, err := listenNear(port)
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// listenNear listens on loopback at this port, or at the first free port after it.
func listenNear(port int) (ln net.Listener, err error) {
	for p := port; p < port+maxPortsTried; p++ {
		ln, err = listenAt(net.JoinHostPort(loopback, strconv.Itoa(p)))
		if err == nil {
			return ln, nil
		}
	}
	return nil, fmt.Errorf("none of the ports %d to %d is free: %w", port, port+maxPortsTried-1, err)
}

func listenAt(address string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
}
