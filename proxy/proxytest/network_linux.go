package proxytest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// withinNetwork is the variable that holds the name of the test which runs in a network of its own.
const withinNetwork = "MQTTLB_TEST_NETWORK"

// OwnNetwork runs a test once more, in a process with a network of its own that has nothing but loopback and of which
// it is the administrator. In that process OwnNetwork returns true. In the first one it returns false once the other one
// has passed. It needs no root, but a system that lets its users make namespaces; on others the test is skipped.
func OwnNetwork(t *testing.T) bool {
	t.Helper()
	if os.Getenv(withinNetwork) == t.Name() {
		if err := loopbackUp(); err != nil {
			t.Skip(skipNetwork, err)
		}
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+regexp.QuoteMeta(t.Name())+"$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), withinNetwork+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	out, err := cmd.CombinedOutput()
	if _, ran := errors.AsType[*exec.ExitError](err); err != nil && !ran {
		t.Skip(skipNetwork, err)
	}
	if err != nil || !strings.Contains(string(out), "--- ") {
		t.Errorf("in a network of its own: %v\n%s", err, out)
	}
	if err == nil && testing.Verbose() {
		t.Logf("%s", out)
	}
	if strings.Contains(string(out), "--- SKIP: "+t.Name()) {
		t.Skipf("%s", out)
	}
	return false
}

const skipNetwork = "a network of its own cannot be made here:"

// Sysctl writes a setting of the network that the test has of its own: its path below /proc/sys/net.
func Sysctl(t *testing.T, name, value string) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0); err != nil {
		t.Skip(skipNetwork, err)
	}
}

// loopbackUp brings up the interface of loopback.
func loopbackUp() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	request := struct { // ifreq of netdevice(7)
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{name: [syscall.IFNAMSIZ]byte{'l', 'o'}, flags: syscall.IFF_UP}
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request))); errno != 0 { //nolint:gosec // package syscall has no such call
		return fmt.Errorf("loopback: %w", errno)
	}
	return nil
}
