package netns

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// EnsureTAP makes the TAP interface ifname in the namespace ns, with an MTU in
// bytes (0: MTU), and brings it up. The interface stays when no router holds it,
// without carrier, so that a capture and the joints to its cable outlive the
// router. It does nothing when the TAP is there, held or not.
func (m *Manager) EnsureTAP(ns, ifname string, mtu int) error {
	if err := errors.Join(m.checkName(ns), checkIfname(ifname)); err != nil {
		return err
	}
	defer m.lock(ns)()
	h, err := open(ns)
	if err != nil {
		return err
	}
	defer h.close()
	l, err := h.find(ifname)
	if err == nil && l == nil {
		err = inNamespace(ns, func() error { return makePersistentTAP(ifname) })
	}
	if err == nil {
		err = h.startTAP(ifname, mtu)
	}
	if err != nil {
		return fmt.Errorf("make TAP %s in namespace %s: %w", ifname, ns, err)
	}
	return nil
}

// OpenTAP takes hold of the TAP interface ifname in the namespace ns for a
// router. It makes the interface when EnsureTAP has not; it then goes away with
// the last copy of the descriptor. Each read and write is one Ethernet frame
// without FCS; a read needs a buffer for the largest frame, since what does not
// fit is lost.
//
// The port has carrier when a cable is in it. Call LinkVeth or AttachLAN again
// after it, to give carrier to the far end as well.
//
// When another process holds the interface, the error wraps EBUSY.
func (m *Manager) OpenTAP(ns, ifname string, mtu int) (*os.File, error) {
	if err := errors.Join(m.checkName(ns), checkIfname(ifname)); err != nil {
		return nil, err
	}
	defer m.lock(ns)()
	var f *os.File
	err := inNamespace(ns, func() (err error) {
		f, err = openTAP(ifname)
		return err
	})
	if errors.Is(err, unix.EBUSY) {
		return nil, fmt.Errorf("TAP %s in namespace %s is held by a running node: %w", ifname, ns, err)
	}
	if err == nil {
		err = attachTAP(ns, ifname, mtu)
		if err != nil {
			f.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open TAP %s in namespace %s: %w", ifname, ns, err)
	}
	return f, nil
}

// attachTAP brings up a TAP that was just opened and joins it to the cable
// beside it, if there is one, which may give it carrier.
func attachTAP(ns, ifname string, mtu int) error {
	h, err := open(ns)
	if err != nil {
		return err
	}
	defer h.close()
	if err := h.startTAP(ifname, mtu); err != nil {
		return err
	}
	if end, err := h.find(LinkName(ifname)); err != nil || end == nil {
		return err
	}
	p, err := h.join(ifname)
	if err != nil || !hasCarrier(p.end) {
		return err
	}
	_, err = h.giveCarrier(p.tap)
	return err
}

// openTAP takes hold of the TAP ifname of the namespace that the calling thread is
// in, or makes it. It has no carrier.
func openTAP(ifname string) (*os.File, error) {
	f, err := openDevice(ifname, unix.IFF_TAP|unix.IFF_NO_PI)
	if err != nil {
		return nil, err
	}
	if err := control(f, unix.TUNSETCARRIER, 0); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func makePersistentTAP(ifname string) error {
	f, err := openTAP(ifname)
	if err != nil {
		return err
	}
	defer f.Close()
	return control(f, unix.TUNSETPERSIST, 1)
}

// openDevice takes hold of the TUN or TAP ifname of the namespace that the calling
// thread is in when it opens the device, or makes it. The descriptor becomes
// non-blocking only after TUNSETIFF, so that the runtime's poller accepts it
// (platform reference 3.1).
func openDevice(ifname string, flags uint16) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	ifr, err := unix.NewIfreq(ifname)
	if err == nil {
		ifr.SetUint16(flags)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr)
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), ifname), nil
}

// control makes a request of a TUN or TAP: TUNSETCARRIER takes a pointer to the
// value, the others the value.
func control(f *os.File, req uint, value int) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	ctlErr := c.Control(func(fd uintptr) {
		if req == unix.TUNSETCARRIER {
			err = unix.IoctlSetPointerInt(int(fd), req, value)
		} else {
			err = unix.IoctlSetInt(int(fd), req, value)
		}
	})
	return errors.Join(ctlErr, err)
}

// startTAP sets the MTU of a TAP and brings it up.
func (h *handle) startTAP(ifname string, mtu int) error {
	if mtu == 0 {
		mtu = MTU
	}
	l, err := h.LinkByName(ifname)
	if err != nil {
		return err
	}
	if l.Type() != "tuntap" {
		return fmt.Errorf("interface %s is a %s, not a TAP", ifname, l.Type())
	}
	if l.Attrs().MTU != mtu {
		if err := h.LinkSetMTU(l, mtu); err != nil {
			return fmt.Errorf("set MTU %d: %w", mtu, err)
		}
	}
	return h.setUp(l, true)
}

// giveCarrier gives a TAP carrier. It returns false for one that nobody holds: the
// kernel refuses it with EPERM.
func (h *handle) giveCarrier(tap netlink.Link) (held bool, err error) {
	if hasCarrier(tap) {
		return true, nil
	}
	err = h.setCarrier(tap, true)
	if errors.Is(err, unix.EPERM) {
		return false, nil
	}
	return err == nil, err
}

// dropCarrier takes the carrier of a TAP; a nil one has none. Reading the
// interface then has a newer kernel show it everywhere at once.
func (h *handle) dropCarrier(tap netlink.Link) error {
	if tap == nil {
		return nil
	}
	if err := h.setCarrier(tap, false); err != nil {
		return err
	}
	_, err := h.LinkByIndex(tap.Attrs().Index)
	return err
}

// SetCarrier turns the carrier of the TAP ifname on or off, as a cable or the
// router's shutdown would. LinkVeth and AttachLAN set it too. A TAP that no
// router holds cannot have carrier: EPERM.
func (m *Manager) SetCarrier(ns, ifname string, on bool) error {
	h, l, err := openLink(ns, ifname)
	if err != nil {
		return err
	}
	defer h.close()
	return h.setCarrier(l, on)
}

func (h *handle) setCarrier(l netlink.Link, on bool) error {
	req := nl.NewNetlinkRequest(unix.RTM_SETLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(l.Attrs().Index)
	req.AddData(msg)
	value := []byte{0}
	if on {
		value[0] = 1
	}
	req.AddData(nl.NewRtAttr(unix.IFLA_CARRIER, value))
	if err := h.execute(req); err != nil {
		return fmt.Errorf("set carrier of %s: %w", l.Attrs().Name, err)
	}
	return nil
}

func hasCarrier(l netlink.Link) bool { return l.Attrs().RawFlags&unix.IFF_LOWER_UP != 0 }

// Stats counts frames and bytes of a port as its router sees them: Rx is what
// the router received.
type Stats struct {
	RxFrames, RxBytes uint64
	TxFrames, TxBytes uint64
	// RxDrops are frames that the router did not read in time, TxDrops those
	// that the kernel refused from it.
	RxDrops, TxDrops uint64
}

// Stats returns the counters of the TAP ifname since it was made. The kernel
// counts from its own side: what it received is what the router sent.
func (m *Manager) Stats(ns, ifname string) (Stats, error) {
	h, l, err := openLink(ns, ifname)
	if err != nil {
		return Stats{}, err
	}
	defer h.close()
	s := l.Attrs().Statistics
	if s == nil {
		return Stats{}, fmt.Errorf("interface %s in namespace %s has no counters", ifname, ns)
	}
	return Stats{
		RxFrames: s.TxPackets, RxBytes: s.TxBytes, RxDrops: s.TxDropped,
		TxFrames: s.RxPackets, TxBytes: s.RxBytes, TxDrops: s.RxDropped,
	}, nil
}

// MAC returns the address of the kernel interface, which is not the router's.
func (m *Manager) MAC(ns, ifname string) (net.HardwareAddr, error) {
	h, l, err := openLink(ns, ifname)
	if err != nil {
		return nil, err
	}
	defer h.close()
	return l.Attrs().HardwareAddr, nil
}

// Carrier reports whether the interface has carrier.
func (m *Manager) Carrier(ns, ifname string) (bool, error) {
	h, l, err := openLink(ns, ifname)
	if err != nil {
		return false, err
	}
	defer h.close()
	return hasCarrier(l), nil
}

func openLink(ns, ifname string) (*handle, netlink.Link, error) {
	h, err := open(ns)
	if err != nil {
		return nil, nil, err
	}
	l, err := h.LinkByName(ifname)
	if err != nil {
		h.close()
		return nil, nil, fmt.Errorf("interface %s in namespace %s: %w", ifname, ns, err)
	}
	return h, l, nil
}
