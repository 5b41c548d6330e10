package traffic

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Stream is a flow of datagrams from a host on one port to a host on another,
// through a router.
type Stream struct {
	From, To *Port
	Src, Dst Host
	Gateway  [6]byte // the router's address on From's network
	Size     int     // of a frame in bytes without FCS, from MinFrame

	Result Result // of the last Run

	frames   [][]byte
	seq      uint32
	expected uint32
}

// Result is what became of a stream in one run.
type Result struct {
	// Sent counts frames that were given to the interface, whose queue may have
	// been full.
	Sent, Received uint64
	Reordered      uint64 // arrived after a frame that was sent later
	Wrong          uint64 // not what the router should have made of what was sent
	First, Last    time.Time
	Latency        []time.Duration // of each frame, sorted; only where asked for
}

// Lost is how many frames did not arrive.
func (r *Result) Lost() uint64 { return r.Sent - min(r.Sent, r.Received) }

// Rate is how many frames arrived a second.
func (r *Result) Rate() float64 {
	if d := r.Last.Sub(r.First).Seconds(); d > 0 {
		return float64(r.Received-1) / d
	}
	return 0
}

// Options say how streams are sent.
type Options struct {
	Rate     float64       // frames a second of each stream
	Duration time.Duration // of sending
	Latency  bool          // keep the latency of every frame
	// RealTime lets the generator go before all other work of the machine, so
	// that the load is what it should be. It needs root.
	RealTime bool
	// Drain is how long frames may still arrive after the last was sent and
	// none has arrived.
	Drain time.Duration
}

const (
	// pause is how long the generator sleeps when nothing is due.
	pause = 200 * time.Microsecond
	// maxLate is how many frames the generator sends in a row after it was itself
	// held up; what was due beyond is left out. It is less than the queue of a TAP,
	// 1000 frames.
	maxLate = 256
)

var runs atomic.Uint32

// Run sends all streams at the same time and fills their Results. Frames that
// an interface does not take are not sent later.
func Run(o Options, streams ...*Stream) error {
	id := runs.Add(1) << 8
	for i, s := range streams {
		if s.Size < MinFrame || s.Size > slotSize-256 {
			return fmt.Errorf("a frame of a stream has %d to %d bytes, not %d", MinFrame, slotSize-256, s.Size)
		}
		s.Result = Result{}
		s.seq, s.expected = 0, 0
		s.frames = make([][]byte, maxBatch)
		for j := range s.frames {
			s.frames[j] = frame(s.Size, s.Src, s.Dst, s.Gateway, id|uint32(i))
		}
	}
	ports := map[*Port]bool{}
	for _, s := range streams {
		ports[s.From], ports[s.To] = true, true
	}
	receive := func() (n int) {
		for p := range ports {
			p.Receive(func(f []byte, at time.Time) {
				if i, ok := ours(f); ok && i < len(streams) {
					streams[i].arrived(f, at, o.Latency)
					n++
				}
			})
		}
		return n
	}
	if o.RealTime {
		end, err := realTime()
		if err != nil {
			return err
		}
		defer end()
	}
	receive() // what is left of earlier runs
	start := time.Now()
	done := 0 // of the frames of each stream that were due
	for {
		elapsed := time.Since(start)
		due := int(min(elapsed, o.Duration).Seconds() * o.Rate)
		done = max(done, due-maxLate)
		n := min(due-done, maxBatch)
		for _, s := range streams {
			if err := s.send(n); err != nil {
				return err
			}
		}
		done += n
		receive()
		if elapsed >= o.Duration && done == due {
			break
		}
		if done == due {
			sleep(min(pause, time.Duration(float64(due+1)/o.Rate*1e9)-time.Since(start)))
		}
	}
	for last := time.Now(); time.Since(last) < o.Drain; sleep(pause) {
		if receive() > 0 {
			last = time.Now()
		}
	}
	for _, s := range streams {
		slices.Sort(s.Result.Latency)
	}
	return nil
}

// realTime gives the goroutine a thread of the lowest real-time priority until
// end is called.
func realTime() (end func(), err error) {
	runtime.LockOSThread()
	set := func(policy, priority uint32) error {
		return unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: policy, Priority: priority, Flags: unix.SCHED_FLAG_RESET_ON_FORK}, 0)
	}
	if err := set(unix.SCHED_FIFO, 1); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("real-time priority: %w", err)
	}
	return func() {
		_ = set(unix.SCHED_NORMAL, 0)
		runtime.UnlockOSThread()
	}, nil
}

// sleep sleeps in the kernel: Go's scheduler would wake the goroutine by way of
// another thread, which has no priority.
func sleep(d time.Duration) {
	if d > 0 {
		t := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&t, nil) // too short where it is interrupted
	}
}

// send sends the next n frames.
func (s *Stream) send(n int) error {
	if n <= 0 {
		return nil
	}
	now := uint64(time.Now().UnixNano())
	for i, f := range s.frames[:n] {
		binary.BigEndian.PutUint32(f[atSeq:], s.seq+uint32(i))
		binary.BigEndian.PutUint64(f[atTime:], now)
	}
	if _, err := s.From.Send(s.frames[:n]); err != nil {
		return err
	}
	s.seq += uint32(n)
	s.Result.Sent += uint64(n)
	return nil
}

// ours returns the number of the stream of this run that f belongs to.
func ours(f []byte) (int, bool) {
	if len(f) < MinFrame || f[12] != 0x08 || f[13] != 0x00 || f[23] != 17 {
		return 0, false
	}
	id := binary.BigEndian.Uint32(f[atStream:])
	return int(id & 0xff), id>>8 == runs.Load()&0xffffff
}

func (s *Stream) arrived(f []byte, at time.Time, latency bool) {
	r := &s.Result
	if r.Received++; r.Received == 1 {
		r.First = at
	}
	r.Last = at
	seq := binary.BigEndian.Uint32(f[atSeq:])
	if seq < s.expected {
		r.Reordered++
	} else {
		s.expected = seq + 1
	}
	if len(f) != s.Size || [6]byte(f) != s.Dst.MAC || f[22] != 63 {
		r.Wrong++
	}
	if latency {
		r.Latency = append(r.Latency, at.Sub(time.Unix(0, int64(binary.BigEndian.Uint64(f[atTime:])))))
	}
}
