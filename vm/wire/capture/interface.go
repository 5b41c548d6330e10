package capture

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/vm/wire"
)

// Interface shows the frames of a port at a TUN interface, for programs such as
// tcpdump: what the machine sent arrives there, what it received leaves.
//
// Source: Linux platform reference, 4.
type Interface struct {
	mu      sync.Mutex
	tun     *os.File // nil once closed
	packet  *os.File
	tunFD   int
	pktFD   int
	buf     []byte
	frames  uint64
	dropped uint64
}

// The header before a frame at the descriptor of a TUN: no flags, and
// ETH_P_HDLC, a protocol that nothing in the kernel takes up.
var tunHeader = [4]byte{0, 0, 0, 0x19}

// maxDrain is how many frames are read from a TUN after one was sent to it: that
// one, and what somebody else sent.
const maxDrain = 16

// NewInterface returns a monitor that shows frames at an interface, given a
// descriptor that it was configured with (IFF_TUN, without IFF_NO_PI), and a packet
// socket (SOCK_RAW) that is bound to it. It takes both over, also when it fails.
func NewInterface(tun, packet *os.File) (*Interface, error) {
	i := &Interface{tun: tun, packet: packet, buf: make([]byte, len(tunHeader)+wire.MaxFrame)}
	copy(i.buf, tunHeader[:])
	for _, d := range []struct {
		f  *os.File
		fd *int
	}{{tun, &i.tunFD}, {packet, &i.pktFD}} {
		f, err := pollable(d.f)
		if err != nil {
			i.Close()
			return nil, fmt.Errorf("interface %s: %w", d.f.Name(), err)
		}
		if d.f == tun {
			i.tun = f
		} else {
			i.packet = f
		}
		rc, err := f.SyscallConn()
		if err == nil {
			err = rc.Control(func(fd uintptr) { *d.fd = int(fd) })
		}
		if err != nil {
			i.Close()
			return nil, fmt.Errorf("interface %s: %w", d.f.Name(), err)
		}
	}
	return i, nil
}

// Frame implements wire.Monitor.
func (i *Interface) Frame(d wire.Direction, _ time.Time, frame []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.tun == nil {
		return
	}
	var err error
	if d == wire.Out {
		n := copy(i.buf[len(tunHeader):], frame)
		_, err = unix.Write(i.tunFD, i.buf[:len(tunHeader)+n])
	} else {
		err = unix.Send(i.pktFD, frame, unix.MSG_DONTWAIT)
		i.drain()
	}
	if err != nil {
		i.dropped++
		return
	}
	i.frames++
}

// drain takes what was sent to the interface out of it again: it goes nowhere.
func (i *Interface) drain() {
	var b [len(tunHeader)]byte // the rest is cut off
	for range maxDrain {
		if n, err := unix.Read(i.tunFD, b[:]); n <= 0 || err != nil {
			return
		}
	}
}

// Stats returns how many frames were shown, and how many the interface did not take:
// it is down, or they are longer than its MTU.
func (i *Interface) Stats() (frames, dropped uint64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.frames, i.dropped
}

// Close ends showing frames. Closing twice is harmless.
func (i *Interface) Close() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.tun == nil {
		return nil
	}
	err := i.tun.Close()
	if perr := i.packet.Close(); err == nil {
		err = perr
	}
	i.tun = nil
	return err
}
