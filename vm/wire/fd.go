package wire

import (
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errClosed is what Receive returns once a wire was closed.
var errClosed = net.ErrClosed

// counters are the Stats of a wire; they may be read while frames flow.
type counters struct {
	rxFrames, rxBytes, txFrames, txBytes, txDrops atomic.Uint64
}

// Stats implements Wire.
func (c *counters) Stats() Stats {
	return Stats{
		RxFrames: c.rxFrames.Load(), RxBytes: c.rxBytes.Load(),
		TxFrames: c.txFrames.Load(), TxBytes: c.txBytes.Load(),
		TxDrops: c.txDrops.Load(),
	}
}

func (c *counters) received(n int) {
	c.rxFrames.Add(1)
	c.rxBytes.Add(uint64(n))
}

func (c *counters) sent(n int) {
	c.txFrames.Add(1)
	c.txBytes.Add(uint64(n))
}

// descriptor is a wire over a descriptor that carries a frame per system call.
// Sending never waits; receiving waits in the runtime's poller, so that Close
// ends it.
type descriptor struct {
	counters
	f      *os.File
	rc     syscall.RawConn
	closed chan struct{}
	once   sync.Once

	// The system calls; they return EAGAIN where they would block.
	read  func(fd uintptr, p []byte) (int, error)
	write func(fd uintptr, p []byte) (int, error)

	tx, rx transfer
}

// transfer is one system call under way, kept so that a frame costs no
// allocation.
type transfer struct {
	mu  sync.Mutex
	p   []byte
	n   int
	err error
	fn  func(fd uintptr) bool // for RawConn
}

// newDescriptor takes f over: it goes on with a duplicate that the poller
// knows, and closes f, also when it fails.
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
	d := &descriptor{f: os.NewFile(uintptr(fd), name), closed: make(chan struct{})}
	if d.rc, err = d.f.SyscallConn(); err != nil {
		d.f.Close()
		return nil, err
	}
	d.tx.fn = func(fd uintptr) bool {
		d.tx.n, d.tx.err = d.write(fd, d.tx.p)
		return true
	}
	d.rx.fn = func(fd uintptr) bool {
		d.rx.n, d.rx.err = d.read(fd, d.rx.p)
		return d.rx.err != unix.EAGAIN
	}
	return d, nil
}

// send makes one attempt.
func (d *descriptor) send(p []byte) (n int, err error) {
	d.tx.mu.Lock()
	defer d.tx.mu.Unlock()
	d.tx.p = p
	err = d.rc.Write(d.tx.fn)
	d.tx.p = nil
	if err == nil {
		n, err = d.tx.n, d.tx.err
	}
	return n, err
}

// receive waits for one frame.
func (d *descriptor) receive(p []byte) (n int, err error) {
	d.rx.mu.Lock()
	defer d.rx.mu.Unlock()
	d.rx.p = p
	err = d.rc.Read(d.rx.fn)
	d.rx.p = nil
	if err != nil {
		select {
		case <-d.closed:
			return 0, errClosed
		default:
			return 0, err
		}
	}
	return d.rx.n, d.rx.err
}

// Send implements Wire.
func (d *descriptor) Send(frame []byte) {
	if len(frame) == 0 || len(frame) > MaxFrame {
		d.txDrops.Add(1)
		return
	}
	_, err := d.send(frame)
	if err == unix.ECONNREFUSED {
		// The answer to an earlier frame, told instead of sending this one.
		_, err = d.send(frame)
	}
	if err != nil {
		d.txDrops.Add(1)
		return
	}
	d.sent(len(frame))
}

// Close implements Wire.
func (d *descriptor) Close() error {
	var err error
	d.once.Do(func() {
		close(d.closed)
		err = d.f.Close()
	})
	return err
}

// untilClosed is a Receive that has nothing more to wait for.
func (d *descriptor) untilClosed() (int, error) {
	<-d.closed
	return 0, errClosed
}

// MSG_DONTWAIT is used on sockets beside O_NONBLOCK, since that flag belongs to
// the open socket, which another process may share and change.

func recv(fd uintptr, p []byte) (int, error) {
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
			unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

func send(fd uintptr, p []byte) (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
