package reactor

import "iter"

// slotChunk is how many slots are allocated at once: for most types that is a whole
// number of pages.
const slotChunk = 1024

// Slots holds values by slot, the number by which a loop knows them. A value never
// moves, and a slot is used again after its release. The zero Slots is empty and
// ready to use, by one goroutine.
type Slots[T any] struct {
	chunks []*[slotChunk]T
	free   []uint32
	taken  int
	births uint32
}

// Take returns a slot and its value, which is zero.
func (s *Slots[T]) Take() (uint32, *T) {
	if len(s.free) == 0 {
		base := uint32(len(s.chunks) * slotChunk)
		s.chunks = append(s.chunks, new([slotChunk]T))
		for i := range uint32(slotChunk) {
			s.free = append(s.free, base+slotChunk-1-i)
		}
	}
	slot := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	s.taken++
	return slot, s.At(slot)
}

// At is the value in a slot that was taken once. While the slot is free it is zero.
func (s *Slots[T]) At(slot uint32) *T {
	return &s.chunks[slot/slotChunk][slot%slotChunk]
}

// Release gives a taken slot back and makes its value zero.
func (s *Slots[T]) Release(slot uint32) {
	var zero T
	*s.At(slot) = zero
	s.free = append(s.free, slot)
	s.taken--
}

// Len is how many slots are taken.
func (s *Slots[T]) Len() int { return s.taken }

// Cap is how many slots there are, taken or free: those below it have a value.
func (s *Slots[T]) Cap() int { return len(s.chunks) * slotChunk }

// All is every value that there is room for, those of free slots included, which are
// zero. The loop body may take and release slots; whether it sees a slot that it
// takes is not defined.
func (s *Slots[T]) All() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for _, chunk := range s.chunks {
			for i := range chunk {
				if !yield(&chunk[i]) {
					return
				}
			}
		}
	}
}

// Birth returns a number for a descriptor that is about to be watched: its
// [Target] has it, and so have its events. Those of an earlier descriptor in the same
// slot have another one. Never 0, until it wraps around after 2^32 descriptors.
func (s *Slots[T]) Birth() uint32 {
	s.births++
	return s.births
}
