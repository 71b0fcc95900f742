//go:build linux

package compare

import (
	"errors"
	"time"
)

// window is a period of work; CPU time is read at both of its ends.
type window struct {
	process *process      // of the candidate; nil: direct
	own     time.Duration // of the candidate
	helpers time.Duration // of load and broker
	machine time.Duration // of all cores
}

func (b *bench) openWindow(r *running) (window, error) {
	w := window{process: r.process}
	return w, w.read(b)
}

func (w *window) read(b *bench) (err error) {
	if w.process != nil {
		if w.own, err = w.process.cpu(); err != nil {
			return err
		}
	}
	broker, err := b.broker.cpu()
	if err != nil {
		return err
	}
	self, err := cpuOf("self")
	if err != nil {
		return err
	}
	w.helpers = broker + self
	w.machine, err = machineCPU()
	return err
}

// close returns the CPU time per unit, in microseconds, and adds to the CPU time that
// others used.
func (w window) close(b *bench, units uint64) (sample, error) {
	if units == 0 {
		return sample{}, errors.New("nothing got through")
	}
	end := w
	if err := end.read(b); err != nil {
		return sample{}, err
	}
	own, helpers, machine := end.own-w.own, end.helpers-w.helpers, end.machine-w.machine
	b.busy += machine
	b.elsewhere += machine - own - helpers
	micro := func(d time.Duration) float64 { return float64(d) / float64(units) / 1e3 }
	return sample{value: micro(own), machine: micro(machine)}, nil
}
