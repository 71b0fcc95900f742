package proxy

import "testing"

// The CONNECT is kept for every session until its CONNACK.
func TestTheCONNECTIsKeptWithoutAnAllocation(t *testing.T) {
	var o pending
	if n := testing.AllocsPerRun(100, func() {
		o.bytes, o.owned = connect5, false // a view into the scratch buffer
		o.ownBytes()
		if &o.bytes[0] == &connect5[0] || string(o.bytes) != string(connect5) {
			t.Fatal("the bytes are still in the scratch buffer, or others")
		}
		o = pending{attempt: attempt{buffer: o.reusable()}}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	o.bytes = make([]byte, smallBytes+1)
	o.ownBytes()
	if o.reusable() != nil {
		t.Error("a large buffer stays in the free struct")
	}
}

// What is not kept any more is not counted either, so it must not stay until the CONNACK.
func TestALargeBufferIsFreedWhenTheBytesAreNotKept(t *testing.T) {
	for size, want := range map[int]int{smallBytes: smallBytes, smallBytes + 1: 0} {
		o := pending{attempt: attempt{bytes: make([]byte, size), buffer: make([]byte, 0, size)}}
		o.ownBytes()
		if o.stopKeeping(); o.bytes != nil || cap(o.buffer) != want {
			t.Errorf("%d bytes: %d are kept, %d stay allocated", size, len(o.bytes), cap(o.buffer))
		}
	}
}
