package wire

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"dynemu/vm/event"
)

// queue does what an impairment says to the frames of one direction of a port. All
// of it belongs to the machine's goroutine; its time is the guest's, so that frames
// of a machine that is suspended wait until it goes on.
type queue struct {
	port *Port
	dir  Direction

	rule   *Impairment // in force
	random *rand.Rand
	frames waitingHeap
	bytes  int
	free   int64 // when the rate is done with what it was given
	last   int64 // when the last frame leaves that does not overtake
	seq    uint64
	timer  event.Timer
}

// waiting is a frame that waits. Times are guest time in ns.
type waiting struct {
	data []byte
	// The rate lets it through between start and done, bits of it after start.
	start, done int64
	bits        float64
	due         int64 // when it leaves
	seq         uint64
	overtakes   bool
	try         bool // where the wire has no room, it waits
}

// retryAfter is how long a frame waits that its receiver has no room for, in ns.
const retryAfter = 100_000

// verdict is what becomes of a frame.
type verdict uint8

const (
	direct verdict = iota // it need not wait
	queued
	lost
)

func (q *queue) init(p *Port, d Direction) {
	q.port, q.dir = p, d
	q.timer.Fire = func() {
		if r := p.rules.Load(); r != nil {
			q.follow(r)
		}
		q.run()
		if d == Out {
			p.Flush()
		}
	}
}

// follow makes the impairment of r the one in force.
func (q *queue) follow(r *rules) {
	m := r.impair[q.dir]
	if m == q.rule {
		return
	}
	var old, rule Impairment
	if q.rule != nil {
		old = *q.rule
	}
	q.rule = m
	if m != nil {
		rule = *m
		seed := rule.Seed
		if seed == 0 {
			seed = rand.Uint64()
		}
		q.random = rand.New(rand.NewPCG(seed, uint64(q.dir)))
	}
	now := q.port.loop.Now()
	q.free, q.last = 0, 0
	slices.SortFunc(q.frames, func(a, b *waiting) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	for _, f := range q.frames {
		if f.done > now {
			if old.Rate > 0 && f.start < now {
				f.bits = max(0, f.bits-float64(now-f.start)*float64(old.Rate)/1e9)
			}
			q.send(f, now)
		}
		due := f.done
		if !f.overtakes {
			due += q.delay()
		}
		f.due = max(due, q.last)
		q.last = f.due
	}
	heap.Init(&q.frames)
}

// send finds out when the rate lets a frame through.
func (q *queue) send(f *waiting, now int64) {
	f.start = max(now, q.free)
	f.done = f.start
	if q.rule != nil && q.rule.Rate > 0 {
		f.done += int64(math.Ceil(f.bits * 1e9 / float64(q.rule.Rate)))
		q.free = f.done
	}
}

// delay returns how long a frame is under way.
func (q *queue) delay() int64 {
	if q.rule == nil {
		return 0
	}
	d := q.rule.Delay
	if j := q.rule.Jitter; j > 0 {
		d += time.Duration((2*q.random.Float64() - 1) * float64(j))
	}
	return int64(d)
}

// full reports whether a frame of n bytes could not wait.
func (q *queue) full(n int) bool {
	var rule Impairment
	if q.rule != nil {
		rule = *q.rule
	}
	return len(q.frames) >= rule.limit() || q.bytes+n > maxHeld
}

// chance is true for a share of the times.
func (q *queue) chance(share float64) bool { return share > 0 && q.random.Float64() < share }

// offer takes a frame; p.counting is held. Frames that are lost, or that there is no
// room for, are counted. With try, the wire is given it once more when it has no
// room.
func (q *queue) offer(data []byte, try bool) verdict {
	again := false
	if q.rule != nil {
		if q.chance(q.rule.Loss) {
			q.port.drops.drop(q.dir, Lost)
			return lost
		}
		again = q.chance(q.rule.Duplicate)
	}
	if !again && len(q.frames) == 0 && (q.rule == nil || !q.rule.holds()) {
		return direct
	}
	q.hold(data, try)
	if again {
		q.port.duplicated[q.dir]++
		q.hold(data, try)
	}
	return queued
}

// hold has a frame wait; p.counting is held.
func (q *queue) hold(data []byte, try bool) {
	if q.full(len(data)) {
		q.port.drops.drop(q.dir, Queue)
		return
	}
	f := &waiting{data: slices.Clone(data), bits: float64(8 * len(data)), try: try, seq: q.seq}
	q.seq++
	q.send(f, q.port.loop.Now())
	f.due = f.done
	if q.rule != nil && q.chance(q.rule.Reorder) {
		f.overtakes = true
	} else {
		f.due = max(f.due+q.delay(), q.last)
		q.last = f.due
	}
	heap.Push(&q.frames, f)
	q.bytes += len(data)
	q.port.waiting[q.dir]++
}

// run passes on what is due, and reports whether nothing waits any more.
func (q *queue) run() bool {
	if len(q.frames) == 0 {
		return true
	}
	now := q.port.loop.Now()
	pass := q.port.deliver
	if q.dir == Out {
		pass = q.port.transmit
	}
	for len(q.frames) > 0 && q.frames[0].due <= now {
		f := q.frames[0]
		if !pass(f) {
			q.port.loop.Arm(&q.timer, now+retryAfter)
			return false
		}
		q.take()
	}
	if len(q.frames) > 0 {
		q.port.loop.Arm(&q.timer, q.frames[0].due)
		return false
	}
	q.port.loop.Disarm(&q.timer)
	q.port.drained()
	return true
}

// clear drops what waits.
func (q *queue) clear(reason Drop) {
	q.port.counting.Lock()
	defer q.port.counting.Unlock()
	for len(q.frames) > 0 {
		q.take()
		q.port.waiting[q.dir]--
		q.port.drops.drop(q.dir, reason)
	}
	q.free, q.last = 0, 0
}

// take takes the first frame out.
func (q *queue) take() {
	q.bytes -= len(heap.Pop(&q.frames).(*waiting).data)
}

// before reports whether f leaves before g.
func (f *waiting) before(g *waiting) bool { return f.due < g.due || f.due == g.due && f.seq < g.seq }

// waitingHeap has the frame that leaves first in front.
type waitingHeap []*waiting

func (h waitingHeap) Len() int           { return len(h) }
func (h waitingHeap) Less(i, j int) bool { return h[i].before(h[j]) }
func (h waitingHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *waitingHeap) Push(x any)        { *h = append(*h, x.(*waiting)) }
func (h *waitingHeap) Pop() any {
	old := *h
	f := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return f
}
