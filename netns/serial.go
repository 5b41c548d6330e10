package netns

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// LinkType is the ARP hardware type of a serial interface (ARPHRD_…), from which
// packet analysers learn how its frames begin (platform reference 4).
type LinkType uint16

// The link types that analysers decode on a live interface.
const (
	HDLC       LinkType = unix.ARPHRD_HDLC // Cisco HDLC, link type C_HDLC
	FrameRelay LinkType = unix.ARPHRD_FRAD // Q.922 frames, link type FRELAY
)

// String is the type as "ip link" shows it: hdlc, frad.
func (t LinkType) String() string {
	msg := nl.IfInfomsg{IfInfomsg: unix.IfInfomsg{Type: uint16(t)}}
	return msg.EncapType()
}

// serialQueue is how many frames a serial interface keeps that were sent into it
// and that its node has not read away yet.
const serialQueue = 1000

// EnsureTUN makes the TUN interface ifname of a serial port in the namespace ns,
// which shows the port's frames as ones of link type t, and brings it up. It
// stays when nobody holds it. One of another type that is there is made anew: who
// reads or holds it loses it, since nobody can go on with frames of another type.
func (m *Manager) EnsureTUN(ns, ifname string, t LinkType) error {
	if err := errors.Join(m.checkName(ns), checkIfname(ifname)); err != nil {
		return err
	}
	defer m.lock(ns)()
	if err := ensureTUN(ns, ifname, t); err != nil {
		return fmt.Errorf("make TUN %s in namespace %s: %w", ifname, ns, err)
	}
	return nil
}

func ensureTUN(ns, ifname string, t LinkType) error {
	h, err := open(ns)
	if err != nil {
		return err
	}
	defer h.close()
	l, err := h.find(ifname)
	if err != nil {
		return err
	}
	if l != nil && !isTUN(l) {
		return fmt.Errorf("interface %s is a %s, not a TUN", ifname, l.Type())
	}
	// An interface that is not up has not been finished.
	if l != nil && (l.Attrs().EncapType != t.String() || l.Attrs().RawFlags&unix.IFF_UP == 0) {
		if err := h.remove(ifname); err != nil {
			return err
		}
		l = nil
	}
	if l != nil {
		return nil
	}
	if err := inNamespace(ns, func() error { return makePersistentTUN(ifname, t) }); err != nil {
		return err
	}
	if l, err = h.LinkByName(ifname); err != nil {
		return err
	}
	if err := h.LinkSetMTU(l, MTU); err != nil {
		return fmt.Errorf("set MTU %d: %w", MTU, err)
	}
	if err := h.LinkSetTxQLen(l, serialQueue); err != nil {
		return fmt.Errorf("set queue length %d: %w", serialQueue, err)
	}
	return h.setUp(l, true)
}

// makePersistentTUN makes a TUN with the header of packet information, without
// which the kernel takes nothing but IP packets (platform reference 4).
func makePersistentTUN(ifname string, t LinkType) error {
	f, err := openDevice(ifname, unix.IFF_TUN)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := control(f, unix.TUNSETLINK, int(t)); err != nil {
		return fmt.Errorf("set link type %s: %w", t, err)
	}
	if err := setInterface(ifname, "disable_ipv6", "1"); err != nil {
		return err
	}
	return control(f, unix.TUNSETPERSIST, 1)
}

// PacketProtocol is the protocol in the header of a TUN's frames, ETH_P_HDLC: the
// kernel has nothing that reacts to it (platform reference 4).
const PacketProtocol = 0x0019

// OpenTUN takes hold of the TUN ifname in the namespace ns. What is written to
// tun, after a header of four bytes (platform reference 4: 0, 0 and
// PacketProtocol, high byte first), shows as received by the interface; a frame
// that is written to packet, an AF_PACKET socket bound to it that receives nothing,
// shows as sent. The latter comes out at tun, with the same header, and is to be
// read away: the interface keeps 1000 of them and counts the rest as dropped.
//
// When another process holds the interface, the error wraps EBUSY.
func (m *Manager) OpenTUN(ns, ifname string) (tun, packet *os.File, err error) {
	if err := errors.Join(m.checkName(ns), checkIfname(ifname)); err != nil {
		return nil, nil, err
	}
	defer m.lock(ns)()
	err = inNamespace(ns, func() (err error) {
		tun, packet, err = openTUN(ifname)
		return err
	})
	if err == nil {
		if err = awaitStart(ns, ifname); err != nil {
			tun.Close()
			packet.Close()
		}
	}
	if errors.Is(err, unix.EBUSY) {
		return nil, nil, fmt.Errorf("TUN %s in namespace %s is held by a running node: %w", ifname, ns, err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open TUN %s in namespace %s: %w", ifname, ns, err)
	}
	return tun, packet, nil
}

// openTUN opens the descriptors of a TUN of the calling thread's namespace. It
// fails with ENODEV when there is none, rather than make one.
func openTUN(ifname string) (tun, packet *os.File, err error) {
	packet, err = openPacket(ifname)
	if err != nil {
		return nil, nil, err
	}
	tun, err = openDevice(ifname, unix.IFF_TUN)
	if err != nil {
		packet.Close()
		return nil, nil, err
	}
	return tun, packet, nil
}

// awaitStart waits until an interface that was just opened takes frames.
func awaitStart(ns, ifname string) error {
	h, l, err := openLink(ns, ifname)
	if err != nil {
		return err
	}
	defer h.close()
	return h.awaitUp(l)
}

// nothing is a filter that accepts no frame.
var nothing = []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K}}

// openPacket opens a packet socket for sending into an interface. It is the
// receiver of PacketProtocol there, which its filter lets none of through: the
// kernel counts a frame as dropped for which it finds no receiver at all.
func openPacket(ifname string) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	ifr, err := unix.NewIfreq(ifname)
	if err == nil {
		err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, ifr)
	}
	if err == nil {
		err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(nothing)), Filter: &nothing[0]})
	}
	if err == nil {
		protocol := binary.NativeEndian.Uint16([]byte{PacketProtocol >> 8, PacketProtocol & 0xff})
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: int(ifr.Uint32()), Protocol: protocol})
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("packet socket of %s: %w", ifname, err)
	}
	return os.NewFile(uintptr(fd), ifname), nil
}

// RemoveInterface removes the TAP or TUN ifname from the namespace ns, also when
// it is held. It does nothing when there is none.
func (m *Manager) RemoveInterface(ns, ifname string) error {
	if err := errors.Join(m.checkName(ns), checkIfname(ifname)); err != nil {
		return err
	}
	defer m.lock(ns)()
	h, err := open(ns)
	if isGone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer h.close()
	if err := h.removeTUNTAP(ifname); err != nil {
		return fmt.Errorf("remove %s in namespace %s: %w", ifname, ns, err)
	}
	return nil
}

func (h *handle) removeTUNTAP(ifname string) error {
	l, err := h.find(ifname)
	if err != nil || l == nil {
		return err
	}
	if l.Type() != "tuntap" {
		return fmt.Errorf("it is a %s, not a TAP or TUN", l.Type())
	}
	return h.remove(ifname)
}

// isTUN reports whether an interface is a TUN, and no TAP.
func isTUN(l netlink.Link) bool {
	t, ok := l.(*netlink.Tuntap)
	return ok && t.Mode == netlink.TUNTAP_MODE_TUN
}
