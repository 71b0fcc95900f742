//go:build !linux

package reactor

// Supported returns ErrUnsupported on systems without an event loop.
func Supported() error { return ErrUnsupported }

// poller fails to open here, so its other methods are never called.
type poller struct{}

func (*poller) open() error                                        { return ErrUnsupported }
func (*poller) close()                                             {}
func (*poller) wake()                                              {}
func (*poller) clearWakeups()                                      {}
func (*poller) wait(int) int                                       { return 0 }
func (*poller) event(int) (tag int32, birth uint32, events Events) { return 0, 0, 0 }
func (*poller) watch(int32, int32, uint32, Watch, Watch) error     { return ErrUnsupported }
func (*poller) listen(int32, int32) error                          { return ErrUnsupported }
func (*poller) ignore(int32)                                       {}

func cpuTime() int64 { return 0 }
