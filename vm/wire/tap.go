package wire

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// TAP is a wire into a TAP interface of the host.
type TAP struct {
	*descriptor
	name string
}

// NewTAP returns the wire of a TAP interface, given the descriptor that it was
// configured with (IFF_TAP, IFF_NO_PI). It takes f over, also when it fails.
func NewTAP(f *os.File) (*TAP, error) {
	d, err := newDescriptor(f, f.Name())
	if err != nil {
		return nil, err
	}
	t := &TAP{descriptor: d}
	d.read, d.write = readFile, writeFile
	err = t.control(func(fd int) error {
		ifr, err := unix.NewIfreq("")
		if err == nil {
			err = unix.IoctlIfreq(fd, unix.TUNGETIFF, ifr)
		}
		if err != nil {
			return fmt.Errorf("not a TAP interface: %w", err)
		}
		if flags := ifr.Uint16(); flags&unix.IFF_TAP == 0 || flags&unix.IFF_NO_PI == 0 || flags&unix.IFF_VNET_HDR != 0 {
			return fmt.Errorf("interface %s has flags %#x; wanted IFF_TAP and IFF_NO_PI", ifr.Name(), flags)
		}
		t.name = ifr.Name()
		return nil
	})
	if err != nil {
		d.Close()
		return nil, err
	}
	return t, nil
}

// OpenTAP returns the wire of the TAP interface name of the current network
// namespace. An interface that does not exist is made; it is down and goes away with
// the wire.
func OpenTAP(name string) (*TAP, error) {
	f, err := tapFile(name)
	if err != nil {
		return nil, err
	}
	return NewTAP(f)
}

func tapFile(name string) (*os.File, error) {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return nil, fmt.Errorf("TAP interface %q: a name has 1 to %d bytes", name, unix.IFNAMSIZ-1)
	}
	ifr.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("TAP interface %s: %w", name, err)
	}
	rc, err := f.SyscallConn()
	if err == nil {
		if cerr := rc.Control(func(fd uintptr) { err = unix.IoctlIfreq(int(fd), unix.TUNSETIFF, ifr) }); cerr != nil {
			err = cerr
		}
	}
	if err != nil {
		f.Close()
		switch {
		case errors.Is(err, unix.EBUSY):
			err = errors.New("another program has it open")
		case errors.Is(err, unix.EINVAL):
			err = errors.New("there is an interface of this name that is not a TAP")
		case errors.Is(err, unix.EPERM):
			err = errors.New("no permission: CAP_NET_ADMIN is needed, or a TAP that belongs to this user")
		}
		return nil, fmt.Errorf("TAP interface %s: %w", name, err)
	}
	return f, nil
}

// Name returns the interface's name.
func (t *TAP) Name() string { return t.name }

// SetCarrier sets whether the interface shows a carrier.
func (t *TAP) SetCarrier(up bool) error {
	v := 0
	if up {
		v = 1
	}
	return t.control(func(fd int) error { return unix.IoctlSetPointerInt(fd, unix.TUNSETCARRIER, v) })
}

// Receive implements Wire. It fails when the interface was deleted.
func (t *TAP) Receive(buf []byte) (int, error) {
	n, err := t.receive(buf)
	switch err {
	case nil:
		t.received(n)
		return n, nil
	case unix.EAGAIN:
		return 0, nil
	}
	return 0, err
}
