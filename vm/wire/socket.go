package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

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
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		// ppoll, since sandboxes need not allow poll as well.
		_, err := unix.Ppoll(fds, &unix.Timespec{}, nil)
		if err == nil {
			up = fds[0].Revents&(unix.POLLHUP|unix.POLLRDHUP) != 0
		}
		return err
	})
	return up
}

// Datagram is a wire over a datagram socket: a frame is a datagram. Errors that
// a peer causes are not the wire's end: it may come back.
type Datagram struct {
	*descriptor
	named   bool   // it names its peer with each frame, which is not connected
	cleanup func() // run once, after closing
	unlink  sync.Once
}

// NewDatagram returns the wire of a connected datagram socket. It takes f over,
// also when it fails.
func NewDatagram(f *os.File) (*Datagram, error) { return newDatagram(f, f.Name()) }

func newDatagram(f interface {
	syscall.Conn
	Close() error
}, name string) (*Datagram, error) {
	d, err := newDescriptor(f, name)
	if err != nil {
		return nil, err
	}
	d.read, d.write = recv, send
	for _, opt := range []int{unix.SO_RCVBUF, unix.SO_SNDBUF} {
		if n, err := unix.GetsockoptInt(d.fd, unix.SOL_SOCKET, opt); err == nil && n < socketBuffer {
			_ = unix.SetsockoptInt(d.fd, unix.SOL_SOCKET, opt, socketBuffer)
		}
	}
	return &Datagram{descriptor: d}, nil
}

// NewUDP returns the wire of a NIO of type udp: it sends from port lport to rport
// of rhost, a name or an address, and receives from there only.
//
// Source: netio-hypervisor reference, 7.
func NewUDP(lport int, rhost string, rport int) (*Datagram, error) {
	conn, err := dialUDP(lport, rhost, rport)
	if err != nil {
		return nil, err
	}
	return newDatagram(conn, "udp")
}

func dialUDP(lport int, rhost string, rport int) (*net.UDPConn, error) {
	dialer := net.Dialer{
		LocalAddr: &net.UDPAddr{Port: lport},
		Timeout:   10 * time.Second,
		Control: func(_, _ string, c syscall.RawConn) error {
			var err error
			if cerr := c.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
			}); cerr != nil {
				return cerr
			}
			return err
		},
	}
	conn, err := dialer.DialContext(context.Background(), "udp", net.JoinHostPort(rhost, strconv.Itoa(rport)))
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, fmt.Errorf("udp:%d:%s:%d: %w", lport, rhost, rport, err)
	}
	return conn.(*net.UDPConn), nil
}

// NewUnix returns the wire of a NIO of type unix: it receives at the socket that
// it makes at path local, and sends to the one at path remote, which need not
// exist yet. A socket that a program left behind at local is replaced.
//
// Source: netio-hypervisor reference, 7.
func NewUnix(local, remote string) (*Datagram, error) {
	conn, err := listenUnix(local, remote)
	if err != nil {
		return nil, err
	}
	d, err := newUnix(conn, remote)
	if err != nil {
		os.Remove(local)
		return nil, err
	}
	d.cleanup = func() { os.Remove(local) }
	return d, nil
}

func listenUnix(local, remote string) (*net.UnixConn, error) {
	name := fmt.Sprintf("unix:%s:%s", local, remote)
	for _, path := range []string{local, remote} {
		if n := len(path); n == 0 || n >= 108 {
			return nil, fmt.Errorf("%s: a socket's path has 1 to 107 bytes, this one has %d", name, n)
		}
	}
	removeStale(local)
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: local, Net: "unixgram"})
	if err != nil {
		if errors.Is(err, unix.EADDRINUSE) {
			return nil, fmt.Errorf("%s: %s exists", name, local)
		}
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return conn, nil
}

// newUnix is newDatagram for a socket that sends to the one at path remote.
func newUnix(f interface {
	syscall.Conn
	Close() error
}, remote string) (*Datagram, error) {
	d, err := newDatagram(f, "unix")
	if err != nil {
		return nil, err
	}
	d.named = true
	to := &unix.SockaddrUnix{Name: remote}
	d.write = func(fd int, p []byte) (int, error) {
		return len(p), unix.Sendto(fd, p, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, to)
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

// Close implements Wire.
func (d *Datagram) Close() error {
	err := d.descriptor.Close()
	if d.cleanup != nil {
		d.unlink.Do(d.cleanup)
	}
	return err
}
