package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// dialTimeout is how long another program may take to answer.
const dialTimeout = 5 * time.Second

// option is an option of sockets that is set before they are bound.
type option struct{ level, name, value int }

// setOptions is for the field Control of net.Dialer and net.ListenConfig.
func setOptions(options []option) func(_, _ string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var errs []error
		cerr := c.Control(func(fd uintptr) {
			for _, o := range options {
				errs = append(errs, unix.SetsockoptInt(int(fd), o.level, o.name, o.value))
			}
		})
		return errors.Join(append(errs, cerr)...)
	}
}

// fileOf returns a descriptor of its own for conn, which it closes.
func fileOf(conn any) (*os.File, error) {
	c := conn.(interface {
		File() (*os.File, error)
		Close() error
	})
	f, err := c.File()
	return f, errors.Join(err, c.Close())
}

func dialUDP(lport int, rhost string, rport int) (*os.File, error) {
	// Without SO_REUSEADDR, which would let two sockets have the port.
	dialer := net.Dialer{LocalAddr: &net.UDPAddr{Port: lport}, Timeout: dialTimeout}
	conn, err := dialer.Dial("udp", net.JoinHostPort(rhost, strconv.Itoa(rport)))
	if err != nil {
		return nil, err
	}
	return fileOf(conn)
}

// listenUDP binds the first port of a range that is free. One that is bound to
// an address of IPv6 takes frames of IPv4 as well.
func listenUDP(host string, first, last int) (*os.File, int, error) {
	if first < 1 || last > 65535 || first > last {
		return nil, 0, fmt.Errorf("ports %d to %d; wanted: from 1 to 65535, the lower one first", first, last)
	}
	address, err := net.ResolveUDPAddr("udp", net.JoinHostPort(host, strconv.Itoa(first)))
	if err != nil {
		return nil, 0, err
	}
	for port := first; port <= last; port++ {
		address.Port = port
		conn, err := net.ListenUDP("udp", address)
		if errors.Is(err, unix.EADDRINUSE) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		f, err := fileOf(conn)
		return f, port, err
	}
	return nil, 0, errors.New("no port of the range is free")
}

// streamOptions end a connection whose other end went away without a word, within
// about half a minute; sockets that were accepted inherit them.
var streamOptions = []option{
	{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
	{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
	{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 10},
	{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 5},
	{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 4},
	{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 30_000}, // ms
}

func dialTCP(host string, port int) (*os.File, error) {
	dialer := net.Dialer{Timeout: dialTimeout, KeepAlive: -1, Control: setOptions(streamOptions)}
	conn, err := dialer.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if errors.Is(err, unix.ECONNREFUSED) {
		return nil, errors.New("nobody listens there")
	}
	if err != nil {
		return nil, err
	}
	return fileOf(conn)
}

func listenTCP(port int) (*os.File, error) {
	l, err := (&net.ListenConfig{KeepAlive: -1, Control: setOptions(streamOptions)}).Listen(context.Background(), "tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return nil, err
	}
	return fileOf(l)
}

// listenUnix makes the socket at path local. One that a program left behind is
// replaced.
func listenUnix(local, remote string) (*os.File, error) {
	if err := errors.Join(checkPath(local), checkPath(remote)); err != nil {
		return nil, err
	}
	removeStale(local)
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: local, Net: "unixgram"})
	if errors.Is(err, unix.EADDRINUSE) {
		return nil, fmt.Errorf("%s exists", local)
	}
	if err != nil {
		return nil, err
	}
	return fileOf(conn)
}

// fifos holds, by name, the second end of each pair of which only the first was
// opened.
var fifos = struct {
	sync.Mutex
	ends map[string]*os.File
}{ends: map[string]*os.File{}}

// openFIFO returns an end of the pair of that name in this process. When both are
// taken, the next is the first of a new pair.
func openFIFO(name string) (*os.File, error) {
	fifos.Lock()
	defer fifos.Unlock()
	if f := fifos.ends[name]; f != nil {
		delete(fifos.ends, name)
		gone := true // the first end is
		if err := withFD(f, func(fd int) error {
			gone = hungUp(fd)
			return nil
		}); err == nil && !gone {
			return f, nil
		}
		f.Close()
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	fifos.ends[name] = os.NewFile(uintptr(fds[1]), name)
	return os.NewFile(uintptr(fds[0]), name), nil
}
