package reactor

import "testing"

func TestSlotsAreUsedAgainAndTheirValuesStay(t *testing.T) {
	var s Slots[[2]int]
	const n = 3*slotChunk + 1
	where := map[uint32]*[2]int{}
	for i := range n {
		slot, v := s.Take()
		if *v != [2]int{} {
			t.Fatalf("slot %d is taken with %v in it", slot, *v)
		}
		if where[slot] != nil {
			t.Fatalf("slot %d is taken twice", slot)
		}
		where[slot] = v
		v[0] = i + 1
	}
	for slot, v := range where {
		if s.At(slot) != v || v[0] == 0 {
			t.Fatalf("the value of slot %d has moved", slot)
		}
	}
	if s.Len() != n {
		t.Errorf("%d slots are taken, want %d", s.Len(), n)
	}
	for slot := range where {
		s.Release(slot)
	}
	for slot := range where {
		if *s.At(slot) != [2]int{} {
			t.Fatalf("slot %d is free and holds %v", slot, *s.At(slot))
		}
	}
	if s.Len() != 0 {
		t.Errorf("%d slots are taken after the last release", s.Len())
	}
	for range n {
		if slot, v := s.Take(); s.At(slot) != v {
			t.Fatalf("slot %d has another value", slot)
		}
	}
	if rooms := len(s.chunks); rooms != 4 {
		t.Errorf("%d chunks for %d values that came and went, want 4", rooms, n)
	}
}

func TestAllIsEveryValueAndAllowsRelease(t *testing.T) {
	var s Slots[uint32]
	for range slotChunk + 10 {
		slot, v := s.Take()
		*v = slot + 1
	}
	seen := map[uint32]bool{}
	for v := range s.All() {
		if *v == 0 {
			continue // a free slot
		}
		slot := *v - 1
		seen[slot] = true
		s.Release(slot)
	}
	if len(seen) != slotChunk+10 || s.Len() != 0 {
		t.Errorf("%d values seen, %d slots left", len(seen), s.Len())
	}
	for v := range s.All() {
		if *v != 0 {
			t.Errorf("%d is left", *v)
		}
		break // a loop may also break
	}
}

func TestBirthsDiffer(t *testing.T) {
	var s Slots[int]
	if a, b := s.Birth(), s.Birth(); a == b || a == 0 || b == 0 {
		t.Errorf("births %d and %d", a, b)
	}
}
