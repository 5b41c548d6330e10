package wire

import (
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errClosed is what Receive returns once a wire was closed.
var errClosed = net.ErrClosed

// descriptor is a wire over a descriptor that carries a frame per system call.
// It stays out of the runtime's poller, which would wake a thread of its own for
// each frame that arrives.
type descriptor struct {
	counters
	fd int
	// users is how many calls use fd, with closing once Close was called. Who
	// brings it down to closing closes fd.
	users atomic.Int64
	// ended, if set, is called once fd was closed: it closes what belongs to it.
	ended func()

	// The system calls; they return EAGAIN where they would block.
	read  func(fd int, p []byte) (int, error)
	write func(fd int, p []byte) (int, error)
}

const closing = 1 << 32

// newDescriptor takes f over: it goes on with a duplicate, and closes f, also
// when it fails.
func newDescriptor(f interface {
	syscall.Conn
	Close() error
}, name string) (*descriptor, error) {
	defer f.Close()
	rc, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	cerr := rc.Control(func(old uintptr) {
		if fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0); err == nil {
			err = unix.SetNonblock(fd, true)
		}
	})
	if cerr != nil {
		err = cerr
	}
	if err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &descriptor{fd: fd}, nil
}

// acquire keeps fd open until release. It reports false once it was closed.
func (d *descriptor) acquire() bool {
	if d.users.Add(1) < closing {
		return true
	}
	d.release()
	return false
}

func (d *descriptor) release() {
	if d.users.Add(-1) == closing {
		d.end()
	}
}

// end closes fd, once: the first who finds it unused after Close.
func (d *descriptor) end() {
	if d.users.CompareAndSwap(closing, 2*closing) {
		unix.Close(d.fd)
		if d.ended != nil {
			d.ended()
		}
	}
}

// atEnd has fn called, too, once fd was closed. It is for who makes the wire.
func (d *descriptor) atEnd(fn func()) {
	before := d.ended
	d.ended = func() {
		if before != nil {
			before()
		}
		fn()
	}
}

// Close implements Wire.
func (d *descriptor) Close() error {
	for {
		n := d.users.Load()
		if n >= closing {
			return nil
		}
		if d.users.CompareAndSwap(n, n+closing) {
			break
		}
	}
	d.end()
	return nil
}

// Descriptor implements Wire.
func (d *descriptor) Descriptor() int { return d.fd }

// control calls fn with fd.
func (d *descriptor) control(fn func(fd int) error) error {
	if !d.acquire() {
		return errClosed
	}
	defer d.release()
	return fn(d.fd)
}

// Send implements Wire.
func (d *descriptor) Send(frame []byte) {
	if !d.TrySend(frame) {
		d.drop(Out, Full)
	}
}

// TrySend is Send, but reports false, with nothing counted, where the other side
// cannot take the frame now.
func (d *descriptor) TrySend(frame []byte) bool {
	if len(frame) == 0 || len(frame) > MaxFrame {
		d.drop(Out, Giant)
		return true
	}
	if !d.acquire() {
		d.drop(Out, Unplugged)
		return true
	}
	_, err := d.write(d.fd, frame)
	if err == unix.ECONNREFUSED {
		// The answer to an earlier frame, told instead of sending this one.
		_, err = d.write(d.fd, frame)
	}
	d.release()
	switch err {
	case nil:
		d.sent(len(frame))
	case unix.EAGAIN, unix.ENOBUFS:
		return false
	case unix.EMSGSIZE:
		d.drop(Out, Giant)
	default:
		d.drop(Out, Refused)
	}
	return true
}

// receive makes one attempt; EAGAIN means that there is nothing.
func (d *descriptor) receive(p []byte) (n int, err error) {
	if !d.acquire() {
		return 0, errClosed
	}
	n, err = d.read(d.fd, p)
	d.release()
	return n, err
}

// The calls below do not tell Go's scheduler, since they never wait: telling it
// costs about as much as reading a short frame does.

func readFile(fd int, p []byte) (int, error) {
	return call(unix.SYS_READ, fd, p, 0)
}

func writeFile(fd int, p []byte) (int, error) {
	return call(unix.SYS_WRITE, fd, p, 0)
}

// MSG_DONTWAIT is used on sockets beside O_NONBLOCK, since that flag belongs to
// the open socket, which another process may share and change.

func recv(fd int, p []byte) (int, error) {
	return call(unix.SYS_RECVFROM, fd, p, unix.MSG_DONTWAIT)
}

func send(fd int, p []byte) (int, error) {
	return call(unix.SYS_SENDTO, fd, p, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// call makes a system call whose arguments are a descriptor, a buffer and flags.
func call(trap uintptr, fd int, p []byte, flags uintptr) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(trap, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
