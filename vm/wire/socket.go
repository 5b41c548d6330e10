package wire

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socketBuffer is asked for as the buffer of a socket in bytes, so that a burst
// survives until the machine's goroutine takes it. The kernel may give less.
const socketBuffer = 1 << 20

// Pipe is one end of a pair of connected sockets of type SOCK_SEQPACKET, the
// wire of serial links.
type Pipe struct{ *descriptor }

// NewPipe returns the wire of one end of a socket pair. It takes f over, also
// when it fails. When nobody holds the other end any more, frames are dropped and
// Receive returns io.EOF.
func NewPipe(f *os.File) (*Pipe, error) {
	d, err := newDescriptor(f, f.Name())
	if err != nil {
		return nil, err
	}
	d.read, d.write = recv, send
	return &Pipe{d}, nil
}

// Receive implements Wire.
func (p *Pipe) Receive(buf []byte) (int, error) {
	for {
		n, err := p.receive(buf)
		switch {
		case err == nil && n > 0:
			p.received(n)
			return n, nil
		case err == nil && !p.hungUp(): // an empty packet
		case err == nil:
			return 0, io.EOF
		case err == unix.ECONNRESET: // it left frames unread
		case err == unix.EAGAIN:
			return 0, nil
		default:
			return 0, err
		}
	}
}

// hungUp tells the two meanings of an empty read apart: the end, and a packet
// without content. Where it cannot tell, it says the end, since reading on would
// never end.
func (p *Pipe) hungUp() bool {
	up := true
	_ = p.control(func(fd int) error {
		up = hungUp(fd)
		return nil
	})
	return up
}

// hungUp reports whether nobody holds the other end of the socket fd any more.
func hungUp(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	// ppoll, since sandboxes need not allow poll as well.
	_, err := unix.Ppoll(fds, &unix.Timespec{}, nil)
	return err != nil || fds[0].Revents&(unix.POLLHUP|unix.POLLRDHUP) != 0
}

// Datagram is a wire over a datagram socket: a frame is a datagram. Errors that
// a peer causes are not the wire's end: it may come back.
type Datagram struct {
	*descriptor
	// alone tells that the socket is not connected: who sends looks where to.
	alone bool
	lost  atomic.Uint32 // what the socket had no room for, when it was asked last
}

// Stats implements Wire. Frames for which the socket had no room are among those that
// were dropped on arrival; some that came as one datagram count once.
func (d *Datagram) Stats() Stats {
	_ = d.control(func(fd int) error { // one that is closed counts no more
		info := make([]uint32, skMemInfoDrops+1)
		size := uint32(4 * len(info))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info[0])), uintptr(unsafe.Pointer(&size)), 0)
		if errno == 0 && size == uint32(4*len(info)) {
			d.lost.Store(info[skMemInfoDrops])
		}
		return nil
	})
	s := d.descriptor.Stats()
	s.drop(In, Full, uint64(d.lost.Load()))
	return s
}

// skMemInfoDrops is the place of the frames that were dropped in what SO_MEMINFO
// tells (linux/sock_diag.h, SK_MEMINFO_DROPS).
const skMemInfoDrops = 8

// NewDatagram returns the wire of a datagram socket. It takes f over, also when
// it fails. A socket of UDP that is not connected sends to whoever it received
// from last; frames before that are dropped.
func NewDatagram(f *os.File) (*Datagram, error) { return newDatagram(f, f.Name()) }

// connection is a descriptor that can be had another one of.
type connection interface {
	syscall.Conn
	Close() error
}

func newDatagram(f connection, name string) (*Datagram, error) {
	d, err := newDescriptor(f, name)
	if err != nil {
		return nil, err
	}
	d.read, d.write = recv, send
	growBuffers(d.fd)
	w := &Datagram{descriptor: d}
	if _, err := unix.Getpeername(d.fd); err == unix.ENOTCONN {
		w.alone = true
		var last unix.Sockaddr
		d.read = func(fd int, p []byte) (int, error) {
			n, from, err := unix.Recvfrom(fd, p, unix.MSG_DONTWAIT)
			if err == nil && from != nil {
				last = from
			}
			return n, err
		}
		d.write = func(fd int, p []byte) (int, error) {
			n, err := send(fd, p)
			if last != nil && (err == unix.EDESTADDRREQ || err == unix.ENOTCONN) {
				return len(p), unix.Sendto(fd, p, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, last)
			}
			return n, err // somebody has connected it
		}
	}
	return w, nil
}

// growBuffers makes the buffers of a socket large enough for a burst.
func growBuffers(fd int) {
	for _, opt := range []int{unix.SO_RCVBUF, unix.SO_SNDBUF} {
		if n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, opt); err == nil && n < socketBuffer {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt, socketBuffer)
		}
	}
}

// NewUDP returns the wire of a NIO of type udp: it sends from port lport to rport
// of rhost, a name or an address, and receives from there only.
//
// Source: netio-hypervisor reference, 7.
func NewUDP(lport int, rhost string, rport int) (*Datagram, error) {
	return openDatagram(NIO{Type: "udp", LocalPort: lport, RemoteHost: rhost, RemotePort: rport})
}

// NewUnix returns the wire of a NIO of type unix: it receives at the socket that
// it makes at path local, and sends to the one at path remote, which need not
// exist yet. A socket that a program left behind at local is replaced.
//
// Source: netio-hypervisor reference, 7.
func NewUnix(local, remote string) (*Datagram, error) {
	return openDatagram(NIO{Type: "unix", Local: local, Remote: remote})
}

func openDatagram(n NIO) (*Datagram, error) {
	w, err := n.Open()
	if err != nil {
		return nil, err
	}
	return w.(*Datagram), nil
}

// maxPath is the length in bytes of the longest path of a socket (unix(7)).
const maxPath = 107

func checkPath(path string) error {
	if n := len(path); n == 0 || n > maxPath {
		return fmt.Errorf("a socket's path has 1 to %d bytes, this one has %d", maxPath, n)
	}
	return nil
}

// newUnix is newDatagram for a socket that sends to the one at path remote. Where
// this process may not, it sends over the socket's connection, which one that
// may has made; see NIO.Follow.
func newUnix(f connection, remote string) (*Datagram, error) {
	d, err := newDatagram(f, "unix")
	if err != nil {
		return nil, err
	}
	if err := checkPath(remote); err != nil {
		d.Close()
		return nil, fmt.Errorf("unix: %w", err)
	}
	d.alone, d.read = true, recv
	to := &unix.SockaddrUnix{Name: remote}
	connected := false
	d.write = func(fd int, p []byte) (n int, err error) {
		if connected {
			if n, err = send(fd, p); err == nil || err == unix.EAGAIN {
				return n, err
			}
		}
		if err = unix.Sendto(fd, p, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, to); err != unix.EACCES {
			connected = false
			return len(p), err
		}
		n, err = send(fd, p)
		connected = err == nil
		return n, err
	}
	return d, nil
}

// removeStale removes a socket at path that no program has bound any more.
func removeStale(path string) {
	if fi, err := os.Lstat(path); err != nil || fi.Mode()&os.ModeSocket == 0 {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err == nil {
		conn.Close()
		return
	}
	if errors.Is(err, unix.ECONNREFUSED) {
		os.Remove(path)
	}
}

// Receive implements Wire. Empty datagrams are left out.
func (d *Datagram) Receive(buf []byte) (int, error) {
	for {
		n, err := d.receive(buf)
		switch {
		case err == nil && n > 0:
			d.received(n)
			return n, nil
		case err == nil, fromPeer(err):
		case err == unix.EAGAIN:
			return 0, nil
		default:
			return 0, err
		}
	}
}

// fromPeer reports errors that say something of the peer or of the way to it.
// The kernel reports each once.
func fromPeer(err error) bool {
	for _, e := range []error{unix.ECONNREFUSED, unix.ECONNRESET, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EHOSTDOWN,
		unix.ENETDOWN, unix.EMSGSIZE, unix.EPROTO, unix.EACCES, unix.ETIMEDOUT, unix.ENOPROTOOPT} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
