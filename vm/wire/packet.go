package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"
)

// Packet is a wire into an interface of the host, beside the host's own use of
// it: what the interface receives, and what others send through it, comes out as
// it is on the cable. VLAN tags that the kernel took out are put back, checksums
// that it left to the interface completed, and what it takes for many segments
// at once cut into these. What the host itself receives through the interface,
// it does not get from here (linux reference, 7.1).
//
// Frames that cannot be sent, being shorter than an Ethernet header or longer
// than the interface's MTU, are dropped, and all while the interface is down.
type Packet struct {
	*descriptor

	rx struct {
		unix.Msghdr
		iov     [2]unix.Iovec // header and frame
		header  [offloadSize]byte
		frame   []byte
		control [auxSpace]byte
	}
	tx struct {
		unix.Msghdr
		iov    [2]unix.Iovec
		header [offloadSize]byte // zero: the frame is finished
	}
	lost sync.Mutex // held while the kernel is asked

	// When the interface goes down, the socket tells once, and when it is deleted
	// then, not at all: somebody has to look.
	set      gather
	event    int         // eventfd(2), that says over
	down     atomic.Bool // since the last frame
	watching atomic.Bool // somebody looks
	over     atomic.Bool // the interface is gone

	segments segments // of the frame in rx
	tpid     uint16   // of the tag that they get, 0: none
	tci      uint16
}

const (
	// maxSuper is the longest frame in bytes that is taken from the kernel: 64 KiB
	// of an IP packet, an Ethernet header and two tags.
	maxSuper = 1<<16 + 22

	// auxSpace is room for a control message with a struct tpacket_auxdata, which
	// has 20 bytes.
	auxSize  = 20
	auxSpace = 64

	// Bits of its tp_status.
	statusTag  = 0x10 // TP_STATUS_VLAN_VALID: tp_vlan_tci is a tag that was taken out
	statusType = 0x40 // TP_STATUS_VLAN_TPID_VALID: so is tp_vlan_tpid

	arphrdEthernet = 1
	arphrdLoopback = 772

	// packetBuffer is asked for as the socket's receive buffer in bytes: frames of
	// 64 KiB count with all that is around them.
	packetBuffer = 8 << 20
)

// errGone is what Receive returns when the interface does not exist any more.
var errGone = errors.New("the interface is gone")

// NewPacket returns the wire of a packet socket that is bound to an interface and
// has PACKET_AUXDATA and PACKET_VNET_HDR set. It takes f over, also when it
// fails.
func NewPacket(f *os.File) (*Packet, error) {
	d, err := newDescriptor(f, "packet")
	if err != nil {
		return nil, err
	}
	for _, o := range []struct {
		option
		what string
	}{
		{option{unix.SOL_SOCKET, unix.SO_DOMAIN, unix.AF_PACKET}, "not a packet socket"},
		{option{unix.SOL_SOCKET, unix.SO_TYPE, unix.SOCK_RAW}, "not a raw packet socket"},
		{option{unix.SOL_PACKET, unix.PACKET_AUXDATA, 1}, "option PACKET_AUXDATA is not set"},
		{option{unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1}, "option PACKET_VNET_HDR is not set"},
	} {
		v, err := unix.GetsockoptInt(d.fd, o.level, o.name)
		if err == nil && v != o.value {
			err = errors.New(o.what)
		}
		if err != nil {
			d.Close()
			return nil, fmt.Errorf("packet: %w", err)
		}
	}
	p := &Packet{descriptor: d, set: gather{-1}}
	d.write = p.write
	if p.event, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err == nil {
		d.atEnd(func() { unix.Close(p.event) })
		p.set, err = newGather()
		d.atEnd(func() { p.set.close() })
	}
	if err == nil {
		err = errors.Join(p.set.add(d.fd, unix.EPOLLIN), p.set.add(p.event, unix.EPOLLIN))
	}
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("packet: %w", err)
	}
	p.tx.iov[0].Base = &p.tx.header[0]
	p.tx.iov[0].SetLen(offloadSize)
	p.tx.Iov = &p.tx.iov[0]
	p.tx.SetIovlen(2)
	return p, nil
}

// openPacket opens the interface name of the current network namespace.
func openPacket(name string) (*os.File, error) {
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("there is no interface %s", name)
	}
	conn, err := packet.Listen(ifi, packet.Raw, unix.ETH_P_ALL, nil)
	if errors.Is(err, unix.EPERM) {
		return nil, errors.New("no permission: CAP_NET_RAW is needed")
	}
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetPromiscuous(true); err != nil {
		return nil, err
	}
	rc, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var f *os.File
	cerr := rc.Control(func(fd uintptr) { f, err = duplicatePacket(int(fd), name) })
	if cerr != nil {
		err = cerr
	}
	return f, err
}

// duplicatePacket sets the options of a bound packet socket and returns another
// descriptor of it.
func duplicatePacket(fd int, name string) (*os.File, error) {
	address, err := unix.Getsockname(fd)
	if err != nil {
		return nil, err
	}
	if at, ok := address.(*unix.SockaddrLinklayer); !ok || at.Hatype != arphrdEthernet && at.Hatype != arphrdLoopback {
		return nil, fmt.Errorf("interface %s is not an Ethernet", name)
	}
	for _, o := range []int{unix.PACKET_AUXDATA, unix.PACKET_VNET_HDR} {
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, o, 1); err != nil {
			return nil, err
		}
	}
	// Beyond the system's limit, where this process may; less is no failure.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, packetBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, packetBuffer)
	}
	fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Descriptor implements Wire.
func (p *Packet) Descriptor() int { return p.set.fd }

// Waiting reports whether Receive has a frame without asking the kernel.
func (p *Packet) Waiting() bool { return p.segments.more() }

// Receive implements Wire. It fails when the interface was deleted.
func (p *Packet) Receive(buf []byte) (int, error) {
	for range burst {
		if p.segments.more() {
			return p.give(buf, p.segments.next(buf)), nil
		}
		n, err := p.message()
		switch {
		case err == unix.EAGAIN:
			return 0, nil
		case err == unix.ENETDOWN:
			if p.gone() {
				p.over.Store(true)
			} else {
				p.watch()
			}
			continue
		case err == unix.EINVAL, err == unix.ENOBUFS:
			// A frame that the kernel cannot describe: segments of SCTP, on some
			// kernels of UDP.
			p.drop(In, Malformed)
			continue
		case err != nil:
			return 0, err
		}
		if p.down.Load() {
			p.down.Store(false)
		}
		p.readTag()
		frame, o := p.rx.frame[:min(n, maxSuper)], readOffload(p.rx.header[:])
		switch {
		case n > maxSuper, o.kind == segmentsNone && n > MaxFrame-tagSize:
			p.drop(In, Giant)
		case n < tagAt:
			p.drop(In, Malformed)
		case o.kind != segmentsNone:
			if !p.segments.start(frame, o) {
				p.drop(In, Malformed)
			}
		case !o.finish(frame):
			p.drop(In, Malformed)
		default:
			return p.give(buf, copy(buf, frame)), nil
		}
	}
	return 0, nil
}

// give finishes and counts the frame buf[:n].
func (p *Packet) give(buf []byte, n int) int {
	if p.tpid != 0 {
		n = insertTag(buf, n, p.tpid, p.tci)
	}
	p.received(n)
	return n
}

// message receives what the kernel has, and returns the length of the frame in
// bytes, which may be more than there was room for.
func (p *Packet) message() (int, error) {
	if !p.acquire() {
		return 0, errClosed
	}
	defer p.release()
	if p.over.Load() {
		return 0, errGone
	}
	rx := &p.rx
	if rx.frame == nil {
		rx.frame = make([]byte, maxSuper)
		rx.iov[0].Base, rx.iov[1].Base = &rx.header[0], &rx.frame[0]
		rx.iov[0].SetLen(offloadSize)
		rx.iov[1].SetLen(maxSuper)
		rx.Iov = &rx.iov[0]
		rx.SetIovlen(2)
		rx.Control = &rx.control[0]
	}
	rx.SetControllen(auxSpace)
	n, err := message1(unix.SYS_RECVMSG, p.fd, &rx.Msghdr, unix.MSG_TRUNC|unix.MSG_DONTWAIT)
	return n - offloadSize, err
}

// message1 sends or receives one message.
func message1(trap uintptr, fd int, m *unix.Msghdr, flags uintptr) (int, error) {
	for {
		n, _, errno := unix.RawSyscall(trap, uintptr(fd), uintptr(unsafe.Pointer(m)), flags)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// readTag finds the tag of the frame that was received.
func (p *Packet) readTag() {
	p.tpid, p.tci = 0, 0
	rx := &p.rx
	if int(rx.Controllen) < unix.CmsgLen(auxSize) {
		return
	}
	c := (*unix.Cmsghdr)(unsafe.Pointer(&rx.control[0]))
	if c.Level != unix.SOL_PACKET || c.Type != unix.PACKET_AUXDATA {
		return
	}
	// tp_status, tp_len, tp_snaplen (4 bytes each), tp_mac, tp_net, tp_vlan_tci,
	// tp_vlan_tpid (2 each).
	aux := rx.control[unix.CmsgLen(0):]
	if status := binary.NativeEndian.Uint32(aux); status&statusTag != 0 {
		p.tci, p.tpid = binary.NativeEndian.Uint16(aux[16:]), 0x8100
		if status&statusType != 0 {
			p.tpid = binary.NativeEndian.Uint16(aux[18:])
		}
	}
}

// Stats implements Wire. Frames for which the socket had no room are among those
// that were dropped on arrival.
func (p *Packet) Stats() Stats {
	p.lost.Lock()
	_ = p.control(func(fd int) error {
		// The kernel counts from the last time that it was asked.
		s, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err == nil {
			p.drops[In][Full].Add(uint64(s.Drops))
		}
		return err
	})
	p.lost.Unlock()
	return p.descriptor.Stats()
}

// watch has somebody look, first soon and then once a second, whether the
// interface is gone, until a frame comes.
func (p *Packet) watch() {
	p.down.Store(true)
	if p.watching.Swap(true) {
		return
	}
	go func() {
		for wait := 10 * time.Millisecond; p.down.Load(); wait = min(2*wait, time.Second) {
			time.Sleep(wait)
			if p.gone() {
				p.over.Store(true)
				_ = p.control(func(int) error { // it was closed, or else
					_, err := unix.Write(p.event, []byte{1, 0, 0, 0, 0, 0, 0, 1})
					return err
				})
				return
			}
		}
		p.watching.Store(false)
		if p.down.Load() { // it went down meanwhile
			p.watch()
		}
	}()
}

// gone reports whether the interface was deleted or moved to another namespace:
// the socket is bound to none then.
func (p *Packet) gone() bool {
	gone := true
	_ = p.control(func(fd int) error {
		address, err := unix.Getsockname(fd)
		at, ok := address.(*unix.SockaddrLinklayer)
		gone = err != nil || !ok || at.Ifindex <= 0
		return nil
	})
	return gone
}

// write sends a frame.
func (p *Packet) write(fd int, frame []byte) (int, error) {
	p.tx.iov[1].Base = unsafe.SliceData(frame)
	p.tx.iov[1].SetLen(len(frame))
	return message1(unix.SYS_SENDMSG, fd, &p.tx.Msghdr, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}
