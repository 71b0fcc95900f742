//go:build linux

package compare

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// cores are the cores of the balancers, and those of load and broker.
type cores struct{ balancer, rest unix.CPUSet }

// splitCores gives the first cores to the balancers, one for each of their threads, and
// the others to load and broker. If none is left for the load, balancers with several
// threads share all cores with it.
func splitCores(threads int) (cores, error) {
	all, err := usableCores()
	if err != nil {
		return cores{}, err
	}
	if all.Count() < 2 {
		return cores{}, errors.New("a comparison needs 2 cores: one for the balancer, one for load and broker")
	}
	if threads >= all.Count() {
		return cores{all, all}, nil
	}
	var c cores
	for cpu := range 64 * len(all) {
		switch {
		case !all.IsSet(cpu):
		case c.balancer.Count() < threads:
			c.balancer.Set(cpu)
		default:
			c.rest.Set(cpu)
		}
	}
	return c, nil
}

// usableCores returns the cores that this process was started on.
var usableCores = sync.OnceValues(func() (unix.CPUSet, error) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return all, fmt.Errorf("sched_getaffinity: %w", err)
	}
	return all, nil
})

// place moves load and broker to the cores that the balancers of w do not use, with the
// time slices of w.
func (b *bench) place(w work) (err error) {
	if b.cores, err = splitCores(w.balancerThreads()); err != nil {
		return err
	}
	for _, pid := range []string{"self", strconv.Itoa(b.broker.cmd.Process.Pid)} {
		if err := pin(pid, b.cores.rest); err != nil {
			return fmt.Errorf("pin process %s: %w", pid, err)
		}
		err := schedule(pid, w.slice)
		if err != nil {
			return fmt.Errorf("schedule process %s: %w", pid, err)
		}
	}
	return nil
}

// pin moves every thread of a process to cores; later threads inherit it. pid may be
// "self".
func pin(pid string, cores unix.CPUSet) error {
	return eachThread(pid, func(tid int) error { return unix.SchedSetaffinity(tid, &cores) })
}

// schedule gives every thread of a process the normal policy and time slices of the given
// length; 0: the kernel's default. A kernel before 6.12 only has the default.
func schedule(pid string, slice time.Duration) error {
	a := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Runtime: uint64(slice)}
	return eachThread(pid, func(tid int) error { return unix.SchedSetAttr(tid, &a, 0) })
}

func eachThread(pid string, do func(tid int) error) error {
	tasks, err := os.ReadDir(filepath.Join("/proc", pid, "task"))
	if err != nil {
		return err
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := do(tid); err != nil && !errors.Is(err, unix.ESRCH) { // the thread has ended since
			return err
		}
	}
	return nil
}

// startOn starts cmd from a thread that is pinned meanwhile: a child inherits the cores
// of the thread that forks it.
func startOn(cores unix.CPUSet, cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	if err := unix.SchedSetaffinity(0, &cores); err != nil {
		return err
	}
	return errors.Join(cmd.Start(), unix.SchedSetaffinity(0, &before))
}
