package wire

import (
	"encoding/binary"
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Batch is a wire over a socket that moves many frames in a system call, for who
// has many at once: a switch. Frames that are sent wait until Flush, or until
// there are as many as fit. Frames that were received wait in the wire: Waiting
// reports whether there are any, since the descriptor does not tell.
//
// Over UDP, frames of one length go through the network's layers as a whole
// (UDP_SEGMENT and UDP_GRO, Linux 4.18 and 5.0); whoever does not ask for that
// sees a datagram each.
type Batch struct {
	Wire
	d   *descriptor
	udp bool // the kernel takes and gives many datagrams as one

	rx struct {
		head  []message
		size  []int // of the datagrams in each, from its control message
		count int   // messages that were received
		next  int   // the message that is being read
		at    int   // bytes of it that were read
		empty bool  // there were no more than these
	}
	tx struct {
		buf   []byte
		size  []int // of the frames in buf
		head  []message
		iov   []unix.Iovec
		ctl   []control
		first []int // the number of frames before each message
	}
}

const (
	// batchFrames is the most frames in a system call: what the kernel takes as
	// one (UDP_MAX_SEGMENTS, before Linux 6.9).
	batchFrames = 64
	// batchMessages is how many messages are received at once. Each may be many
	// datagrams, up to messageSize bytes.
	batchMessages = 32
	messageSize   = 1 << 16
	// maxSegment is the longest frame that is sent with others as one, so that it
	// fits into the MTU of Ethernet.
	maxSegment = 1400
	maxUDP     = 65507
)

// message is the kernel's struct mmsghdr.
type message struct {
	unix.Msghdr
	n uint32 // bytes
}

// control is a control message with a number, for UDP_SEGMENT and UDP_GRO.
type control struct {
	unix.Cmsghdr
	value [8]byte
}

// NewBatch returns a wire that does for w what Batch does, or w itself where that
// cannot be: it is not a socket that is connected. It takes w over.
func NewBatch(w Wire) Wire {
	b := &Batch{Wire: w}
	switch w := w.(type) {
	case *Pipe:
		b.d = w.descriptor
	case *Datagram:
		if w.alone {
			return w
		}
		b.d = w.descriptor
	default:
		return w
	}
	kind, err := unix.GetsockoptInt(b.d.fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	b.udp = err == nil && kind == unix.IPPROTO_UDP && unix.SetsockoptInt(b.d.fd, unix.SOL_UDP, unix.UDP_GRO, 1) == nil
	return b
}

// prepareRx makes the buffers that frames are received in. Memory is used as far
// as it is written to.
func (b *Batch) prepareRx() {
	r := &b.rx
	r.head, r.size = make([]message, batchMessages), make([]int, batchMessages)
	iov, ctl := make([]unix.Iovec, batchMessages), make([]control, batchMessages)
	all := make([]byte, batchMessages*messageSize)
	for i := range r.head {
		iov[i].Base = &all[i*messageSize]
		iov[i].SetLen(messageSize)
		r.head[i].Iov = &iov[i]
		r.head[i].SetIovlen(1)
		r.head[i].Control = (*byte)(unsafe.Pointer(&ctl[i]))
	}
}

// Waiting reports whether Receive has a frame without asking the kernel.
func (b *Batch) Waiting() bool { return b.rx.next < b.rx.count }

// Receive implements Wire.
func (b *Batch) Receive(buf []byte) (int, error) {
	r := &b.rx
	if r.head == nil {
		b.prepareRx()
	}
	for {
		for b.Waiting() {
			if n := b.take(buf); n > 0 {
				b.d.received(n)
				return n, nil
			}
		}
		if r.empty {
			r.empty = false // what comes later, the descriptor will tell
			return 0, nil
		}
		switch err := b.refill(); {
		case err == unix.EAGAIN:
			return 0, nil
		case err != nil:
			return b.Wire.Receive(buf) // it knows what that means
		}
	}
}

// take copies the next frame to buf. It returns 0 for an empty one.
func (b *Batch) take(buf []byte) int {
	r := &b.rx
	m := &r.head[r.next]
	size := int(m.n) - r.at
	if one := r.size[r.next]; one > 0 {
		size = min(size, one)
	}
	n := copy(buf, unsafe.Slice(m.Iov.Base, messageSize)[r.at:][:size])
	r.at += size
	if r.at >= int(m.n) {
		r.next, r.at = r.next+1, 0
	}
	return n
}

// refill receives messages. It fails when there are none, and when there is
// nothing in them, which may be the end.
func (b *Batch) refill() error {
	r := &b.rx
	r.next, r.at, r.count = 0, 0, 0
	if !b.d.acquire() {
		return errClosed
	}
	for i := range r.head {
		r.head[i].SetControllen(int(unsafe.Sizeof(control{})))
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(b.d.fd), uintptr(unsafe.Pointer(&r.head[0])), batchMessages, unix.MSG_DONTWAIT, 0, 0)
	b.d.release()
	if errno != 0 {
		return errno
	}
	some := false
	for i := range r.head[:n] {
		some = some || r.head[i].n > 0
		r.size[i] = 0
		c := (*control)(unsafe.Pointer(r.head[i].Control))
		if int(r.head[i].Controllen) >= unix.CmsgLen(4) && c.Level == unix.SOL_UDP && c.Type == unix.UDP_GRO {
			r.size[i] = int(binary.NativeEndian.Uint32(c.value[:]))
		}
	}
	if !some {
		return errNothing
	}
	r.count, r.empty = int(n), n < batchMessages
	return nil
}

var errNothing = errors.New("messages with nothing in them")

// Send implements Wire. The frame waits for Flush.
func (b *Batch) Send(frame []byte) {
	if len(frame) == 0 || len(frame) > MaxFrame {
		b.d.drop(Out, Giant)
		return
	}
	t := &b.tx
	if t.buf == nil {
		t.buf = make([]byte, 0, 2*messageSize)
	}
	if len(t.size) == batchFrames || len(t.buf)+len(frame) > cap(t.buf) {
		b.Flush()
	}
	t.buf = append(t.buf, frame...)
	t.size = append(t.size, len(frame))
}

// Flush sends the frames that wait.
func (b *Batch) Flush() {
	t := &b.tx
	if len(t.size) == 0 {
		return
	}
	if b.d.acquire() {
		b.arrange()
		b.transmit()
		b.d.release()
	} else {
		b.d.drops[Out][Unplugged].Add(uint64(len(t.size)))
	}
	t.buf, t.size = t.buf[:0], t.size[:0]
}

// arrange makes messages of the frames that wait: one each, or of all that
// follow each other with the same length, and a shorter one behind them.
func (b *Batch) arrange() {
	t := &b.tx
	if t.head == nil {
		t.head, t.iov, t.ctl, t.first = make([]message, batchFrames), make([]unix.Iovec, batchFrames), make([]control, batchFrames), make([]int, batchFrames+1)
	}
	at, m := 0, 0
	for i := 0; i < len(t.size); m++ {
		one, total := t.size[i], t.size[i]
		t.first[m] = i
		i++
		for b.udp && one <= maxSegment && i < len(t.size) && t.size[i] <= one && total+t.size[i] <= maxUDP {
			total += t.size[i]
			i++
			if t.size[i-1] < one {
				break
			}
		}
		t.iov[m].Base = &t.buf[at]
		t.iov[m].SetLen(total)
		t.head[m] = message{}
		t.head[m].Iov = &t.iov[m]
		t.head[m].SetIovlen(1)
		if i-t.first[m] > 1 {
			c := &t.ctl[m]
			c.Level, c.Type = unix.SOL_UDP, unix.UDP_SEGMENT
			c.SetLen(unix.CmsgLen(2))
			binary.NativeEndian.PutUint16(c.value[:], uint16(one))
			t.head[m].Control = (*byte)(unsafe.Pointer(c))
			t.head[m].SetControllen(unix.CmsgSpace(2))
		}
		at += total
	}
	t.first[m] = len(t.size)
	t.head = t.head[:m]
}

// transmit sends the messages and counts their frames.
func (b *Batch) transmit() {
	t := &b.tx
	defer func() { t.head = t.head[:cap(t.head)] }()
	retried := false
	for done := 0; done < len(t.head); {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(b.d.fd), uintptr(unsafe.Pointer(&t.head[done])), uintptr(len(t.head)-done),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch {
		case errno == unix.EINTR:
		case errno == unix.ECONNREFUSED && !retried:
			retried = true // it is the answer to an earlier frame
		case errno == 0:
			for range n {
				b.sent(done)
				done++
			}
		case errno != unix.EAGAIN && errno != unix.ENOBUFS && t.head[done].Control != nil:
			// The way to the peer does not take many as one.
			b.udp = false
			b.single(done)
			done++
		default:
			reason := Refused
			if errno == unix.EAGAIN || errno == unix.ENOBUFS {
				reason = Full
			}
			b.d.drops[Out][reason].Add(uint64(t.first[done+1] - t.first[done]))
			done++
		}
	}
}

// sent counts the frames of a message.
func (b *Batch) sent(m int) {
	frames := b.tx.size[b.tx.first[m]:b.tx.first[m+1]]
	b.d.txFrames.Add(uint64(len(frames)))
	b.d.txBytes.Add(uint64(b.tx.iov[m].Len))
}

// single sends the frames of a message one by one.
func (b *Batch) single(m int) {
	data := unsafe.Slice(b.tx.iov[m].Base, b.tx.iov[m].Len)
	for _, n := range b.tx.size[b.tx.first[m]:b.tx.first[m+1]] {
		b.d.Send(data[:n])
		data = data[n:]
	}
}
