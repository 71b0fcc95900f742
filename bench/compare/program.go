//go:build linux

package compare

import (
	"bytes"
	"context"
	"net/netip"
	"time"
)

// Program is a balancer that another measurement has started in the way of this package:
// with one thread, on a core of its own if there are two.
type Program struct{ process *process }

// StartProgram starts a program and returns when it accepts connections on ready. The
// caller must call Stop.
func StartProgram(ctx context.Context, ready netip.AddrPort, path string, args ...string) (*Program, error) {
	own, err := usableCores()
	if err != nil {
		return nil, err
	}
	if c, err := splitCores(1); err == nil { // fails with a single core only
		own = c.balancer
	}
	p, err := start(ctx, own, []netip.AddrPort{ready}, []string{"GOMAXPROCS=1"}, path, args...)
	if err != nil {
		return nil, err
	}
	return &Program{p}, nil
}

// CPU returns the CPU time that the program has used so far. It fails once the program has
// ended.
func (p *Program) CPU() (time.Duration, error) { return p.process.cpu() }

// Stop kills the program and waits for its end. Then Output may be called.
func (p *Program) Stop() { p.process.stop() }

// Output returns what the program wrote.
func (p *Program) Output() []byte { return bytes.TrimSpace(p.process.stderr.Bytes()) }

// LeaveCore moves this process, which is the load, from the core of StartProgram for good.
// With a single core it does nothing.
func LeaveCore() error {
	c, err := splitCores(1)
	if err != nil {
		return nil //nolint:nilerr // a single core is shared
	}
	return pin("self", c.rest)
}

// Version returns the first line of what the program prints when it is started with arg.
func Version(path, arg string) string { return firstLine(path, arg) }

// ThisMachine describes the machine.
func ThisMachine() Machine { return thisMachine() }

// Ports for listeners of other measurements, as those of this package: from first up to
// last, outside of the kernel's range of local ports.
func Ports() (first, last int) { return firstPort, lastPort }

// Text appends a line of text to an SVG picture; x and y are the start of its base line.
func Text(b *bytes.Buffer, x, y, size int, color, s string) { text(b, x, y, size, color, s) }

// Colors are the colors of the candidates in pictures, in the order of the tables.
func Colors() []string { return barColors }
