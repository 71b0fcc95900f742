package bench

// fifo is a queue of clients, each with a time at which it is due. All entries of one
// queue have the same period, so the last one in is due last, and no heap is needed.
type fifo struct {
	items []timed // a ring
	first int
	n     int
}

type timed struct {
	due        int64 // in nanoseconds of the fleet's clock
	slot       int32
	generation int32
}

func (q *fifo) push(t timed) {
	if q.n == len(q.items) {
		grown := make([]timed, max(64, 2*q.n))
		for i := range q.n {
			grown[i] = q.items[(q.first+i)%len(q.items)]
		}
		q.items, q.first = grown, 0
	}
	q.items[(q.first+q.n)%len(q.items)] = t
	q.n++
}

// peek returns the first entry; ok is false if the queue is empty.
func (q *fifo) peek() (t timed, ok bool) {
	if q.n == 0 {
		return timed{}, false
	}
	return q.items[q.first], true
}

func (q *fifo) pop() {
	q.first = (q.first + 1) % len(q.items)
	q.n--
}
