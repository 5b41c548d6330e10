package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Opened are the descriptors of a NIO, for a process that may not open one
// itself: it makes the wire of them with FromFiles.
type Opened struct {
	// Kind is what FromFiles is told. To others it is a word, which may be
	// followed by a colon and something: tap, pipe, udp, unix:REMOTE-PATH, vde, tcp,
	// packet or null.
	Kind string
	// File carries the frames; nil with null.
	File *os.File
	// Keep is the connection to a VDE switch that the port lives as long as; nil
	// with other kinds.
	Keep *os.File
	// LocalPort is the port that udp and udp_auto receive at, and tcp_ser listens
	// at.
	LocalPort int
}

// Close closes the descriptors.
func (o Opened) Close() error {
	var errs []error
	for _, f := range []*os.File{o.File, o.Keep} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// Kinds are the first words of the kinds that FromFiles takes.
func Kinds() []string {
	return []string{"tap", "pipe", "udp", "unix", "vde", "tcp", "packet", "null"}
}

// FromFiles returns the wire of descriptors that were opened, maybe by another
// process; kind, file and keep are as in Opened. It takes the descriptors over,
// also when it fails. Of system calls it needs none that opens anything, and for
// a TAP one ioctl(2), TUNGETIFF.
func FromFiles(kind string, file, keep *os.File) (Wire, error) {
	word, rest, _ := strings.Cut(kind, ":")
	fail := func(format string, args ...any) (Wire, error) {
		Opened{File: file, Keep: keep}.Close()
		return nil, fmt.Errorf("wire of kind %q: %s", kind, fmt.Sprintf(format, args...))
	}
	switch {
	case word == "null":
		Opened{File: file, Keep: keep}.Close()
		return NewNull(), nil
	case file == nil:
		return fail("its descriptor is missing")
	case word == "vde" && keep == nil:
		return fail("the descriptor of its control connection is missing")
	case word == "vde":
		return opened(NewVDE(file, keep))
	}
	if keep != nil {
		keep.Close()
	}
	switch word {
	case "tap":
		return opened(NewTAP(file))
	case "pipe":
		return opened(NewPipe(file))
	case "udp":
		return opened(newDatagram(file, "udp"))
	case "unix":
		return opened(newUnix(file, rest))
	case "tcp":
		return opened(NewStream(file))
	case "packet":
		return opened(NewPacket(file))
	}
	keep = nil
	return fail("unknown; wanted: %s", strings.Join(Kinds(), ", "))
}

// OpenFiles opens what n describes, in the network namespace of the current
// thread, and returns its descriptors. It may take some seconds where another
// program has to answer. What n leaves in the file system, Remove removes.
func (n NIO) OpenFiles() (Opened, error) {
	o := Opened{LocalPort: n.LocalPort}
	var err error
	switch n.Type {
	case "null":
		o.Kind = "null"
	case "udp":
		o.Kind = "udp"
		o.File, err = dialUDP(n.LocalPort, n.RemoteHost, n.RemotePort)
	case "udp_auto":
		o.Kind = "udp"
		if o.File, o.LocalPort, err = listenUDP(n.LocalHost, n.PortStart, n.PortEnd); err == nil && n.RemoteHost != "" {
			err = ConnectUDP(o.File, n.RemoteHost, n.RemotePort)
		}
	case "unix":
		o.Kind = "unix:" + n.Remote
		if o.File, err = listenUnix(n.Local, n.Remote); err == nil {
			_ = n.reach(o.File, &identity{}) // it need not be there yet
		}
	case "vde":
		o.Kind = "vde"
		o.File, o.Keep, err = connectVDE(n.Remote, n.Local)
	case "tcp_cli":
		o.Kind = "tcp"
		o.File, err = dialTCP(n.RemoteHost, n.RemotePort)
	case "tcp_ser":
		o.Kind = "tcp"
		o.File, err = listenTCP(n.LocalPort)
	case "tap":
		o.Kind = "tap"
		o.File, err = tapFile(n.Interface)
	case "linux_eth", "gen_eth":
		o.Kind = "packet"
		o.File, err = openPacket(n.Interface)
	case "fifo":
		o.Kind = "pipe"
		o.File, err = openFIFO(n.Name)
	default:
		return Opened{}, fmt.Errorf("NIO type %q is unknown; wanted: %s", n.Type, strings.Join(Types(), ", "))
	}
	if err != nil {
		_ = o.Close() // the first error says more
		return Opened{}, fmt.Errorf("%s: %w", n, plain(err))
	}
	return o, nil
}

// plain takes from the errors of package net the addresses, which the NIO tells.
func plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// Remove removes what n leaves in the file system once its wire was closed.
func (n NIO) Remove() error {
	switch n.Type {
	case "unix", "vde":
		if err := os.Remove(n.Local); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// reachInterval is how often Follow looks.
var reachInterval = time.Second

// Follow connects the socket of a NIO of type unix, which OpenFiles has opened, to
// each socket that comes to be at the path that it sends to, until its own path is
// removed. The wire of a process that may not use that path needs it: without, it
// reaches what was there when the NIO was opened. For other types it does nothing.
func (n NIO) Follow(o Opened) error {
	if n.Type != "unix" || o.File == nil {
		return nil
	}
	own, err := identify(n.Local)
	if err != nil {
		return err
	}
	var f *os.File
	if err := withFD(o.File, func(fd int) error {
		fd, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err == nil {
			f = os.NewFile(uintptr(fd), n.Local)
		}
		return err
	}); err != nil {
		return err
	}
	interval := reachInterval
	go func() {
		defer f.Close()
		reached := identity{}
		for {
			if now, err := identify(n.Local); err != nil || now != own {
				return
			}
			_ = n.reach(f, &reached) // nobody is there
			time.Sleep(interval)
		}
	}()
	return nil
}

// reach connects f to the path that n sends to, unless what is there was reached
// before.
func (n NIO) reach(f *os.File, reached *identity) error {
	there, err := identify(n.Remote)
	if err != nil || there == *reached {
		return err
	}
	if err := connect(f, &unix.SockaddrUnix{Name: n.Remote}); err != nil {
		return err
	}
	*reached = there
	return nil
}

// identity tells a socket from others that had its path.
type identity struct {
	dev, ino uint64
	made     unix.Timespec
}

func identify(path string) (identity, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return identity{}, err
	}
	return identity{st.Dev, st.Ino, st.Mtim}, nil
}

// ConnectUDP gives the socket of a NIO of type udp_auto, or another one of it, the
// other end.
func ConnectUDP(f *os.File, host string, port int) error {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return err
	}
	err = fmt.Errorf("%s: no address", host)
	for _, a := range addrs {
		var to unix.Sockaddr
		if v4 := a.IP.To4(); v4 != nil && domain(f) == unix.AF_INET {
			to = &unix.SockaddrInet4{Port: port, Addr: [4]byte(v4)}
		} else {
			sa := &unix.SockaddrInet6{Port: port, Addr: [16]byte(a.IP.To16())}
			if ifi, err := net.InterfaceByName(a.Zone); err == nil {
				sa.ZoneId = uint32(ifi.Index)
			}
			to = sa
		}
		if err = connect(f, to); err == nil {
			return nil
		}
	}
	return err
}

// connect connects the socket of f.
func connect(f syscall.Conn, to unix.Sockaddr) error {
	return withFD(f, func(fd int) error { return unix.Connect(fd, to) })
}

func domain(f syscall.Conn) (domain int) {
	_ = withFD(f, func(fd int) (err error) {
		domain, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
		return err
	})
	return domain
}

// withFD calls fn with the descriptor of f.
func withFD(f syscall.Conn, fn func(fd int) error) error {
	rc, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if cerr := rc.Control(func(fd uintptr) { err = fn(int(fd)) }); cerr != nil {
		return cerr
	}
	return err
}
