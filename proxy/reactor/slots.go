package reactor

import "iter"

// slotChunk is how many slots are allocated at once. For most types that is a whole number of pages.
const slotChunk = 1024

// Slots holds values by slot, the number by which a loop knows them. A value never moves. A released
// slot is taken again. The zero Slots is empty and ready for use by one goroutine.
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

// At returns the value in a slot that was taken at least once. The value of a free slot is zero.
func (s *Slots[T]) At(slot uint32) *T {
	return &s.chunks[slot/slotChunk][slot%slotChunk]
}

// Release frees a taken slot and zeroes its value.
func (s *Slots[T]) Release(slot uint32) {
	var zero T
	*s.At(slot) = zero
	s.free = append(s.free, slot)
	s.taken--
}

// Len returns the number of taken slots.
func (s *Slots[T]) Len() int { return s.taken }

// Cap returns the number of allocated slots, taken or free. At accepts any slot number below Cap.
func (s *Slots[T]) Cap() int { return len(s.chunks) * slotChunk }

// All iterates over all values, including those of free slots, which are zero. The loop body may take
// and release slots. Whether it sees a slot that it takes is not defined.
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

// Birth returns a number for a descriptor that is about to be watched. The number is in its [Target]
// and so in its events, and events of an earlier descriptor in the same slot have another number. It
// is never 0 until it wraps around after 2^32 descriptors.
func (s *Slots[T]) Birth() uint32 {
	s.births++
	return s.births
}
