package netns

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/vishvananda/netlink"
)

// LinkVeth joins two Ethernet ports by a cable: a veth pair with one end beside
// each TAP, and redirects between TAP and veth end both ways. The cable passes
// every frame unchanged.
//
// Both TAPs have carrier when both ports are up: aUp and bUp tell that the port
// is not shut and that the link is not cut there. A TAP that is not there, or
// that no router holds, counts as one that is not up. Call LinkVeth again when
// one of this has changed; the pair stays in place. An older cable in one of the
// ports is pulled out.
func (m *Manager) LinkVeth(a, b Endpoint, aUp, bUp bool) error {
	if err := m.checkEnds(a, b); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.linkVeth(a, b, aUp, bUp); err != nil {
		return fmt.Errorf("link %s to %s: %w", a, b, err)
	}
	return nil
}

func (m *Manager) linkVeth(a, b Endpoint, aUp, bUp bool) error {
	ha, err := open(a.Namespace)
	if err != nil {
		return err
	}
	defer ha.close()
	hb, err := open(b.Namespace)
	if err != nil {
		return err
	}
	defer hb.close()
	if err := ensurePair(ha, LinkName(a.Ifname), b.String(), hb, LinkName(b.Ifname), a.String()); err != nil {
		return err
	}
	tapA, err := ha.find(a.Ifname)
	if err != nil {
		return err
	}
	tapB, err := hb.find(b.Ifname)
	if err != nil {
		return err
	}
	heldA, err := ha.held(tapA)
	if err != nil {
		return err
	}
	heldB, err := hb.held(tapB)
	if err != nil {
		return err
	}
	aUp, bUp = aUp && heldA, bUp && heldB
	if err := ha.plug(tapA, LinkName(a.Ifname), aUp, bUp); err != nil {
		return err
	}
	if err := hb.plug(tapB, LinkName(b.Ifname), bUp, aUp); err != nil || !aUp || !bUp {
		return err
	}
	if err := ha.awaitUp(a.Ifname, LinkName(a.Ifname)); err != nil {
		return err
	}
	return hb.awaitUp(b.Ifname, LinkName(b.Ifname))
}

// awaitUp waits until the kernel has started the interfaces, which it does a
// moment after they got carrier: a frame sent before would be lost. It gives up
// after a second, as an interface may have lost its carrier again meanwhile.
func (h *handle) awaitUp(names ...string) error {
	end := time.Now().Add(time.Second)
	for _, name := range names {
		for {
			l, err := h.find(name)
			if err != nil {
				return err
			}
			if l == nil || l.Attrs().OperState == netlink.OperUp || !time.Now().Before(end) {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

// plug joins the TAP (nil: none) to the veth end beside it and gives it carrier
// as told. When the port is not up, the veth end goes down, which takes the
// carrier from the far one.
func (h *handle) plug(tap netlink.Link, veth string, up, carrier bool) error {
	end, err := h.LinkByName(veth)
	if err != nil {
		return fmt.Errorf("interface %s: %w", veth, err)
	}
	if tap == nil {
		if err := h.setUp(end, false); err != nil {
			return err
		}
		return h.clearRedirect(end)
	}
	if err := h.redirect(tap, end); err != nil {
		return err
	}
	if err := h.redirect(end, tap); err != nil {
		return err
	}
	if err := h.setUp(end, up); err != nil {
		return err
	}
	return h.setCarrier(tap, up && carrier)
}

func (h *handle) setUp(l netlink.Link, up bool) error {
	var err error
	switch isUp := l.Attrs().Flags&net.FlagUp != 0; {
	case up && !isUp:
		err = h.LinkSetUp(l)
	case !up && isUp:
		err = h.LinkSetDown(l)
	}
	if err != nil {
		return fmt.Errorf("set %s up or down: %w", l.Attrs().Name, err)
	}
	return nil
}

// ensurePair makes the veth pair with end nameA in ha and end nameB in hb, unless
// it is there. Interfaces of these names that are not the two ends of one pair
// are removed first. The labels name the far end of each to people.
func ensurePair(ha *handle, nameA, labelA string, hb *handle, nameB, labelB string) error {
	endA, err := ha.find(nameA)
	if err != nil {
		return err
	}
	endB, err := hb.find(nameB)
	if err != nil {
		return err
	}
	paired, err := isPair(ha, endA, hb, endB)
	if err != nil {
		return err
	}
	if !paired {
		if endA != nil {
			if err := ha.LinkDel(endA); err != nil {
				return fmt.Errorf("remove old %s: %w", nameA, err)
			}
		}
		// The line above has removed endB as well if it was the other end of
		// another pair with endA.
		if endB, err = hb.find(nameB); err != nil {
			return err
		}
		if endB != nil {
			if err := hb.LinkDel(endB); err != nil {
				return fmt.Errorf("remove old %s: %w", nameB, err)
			}
		}
		veth := netlink.NewVeth(netlink.LinkAttrs{Name: nameA, MTU: MTU, TxQLen: -1})
		veth.PeerName = nameB
		veth.PeerMTU = MTU
		veth.PeerNamespace = netlink.NsFd(hb.fd)
		if err := ha.LinkAdd(veth); err != nil {
			return fmt.Errorf("make veth pair %s, %s: %w", nameA, nameB, err)
		}
	}
	if err := ha.setLabel(nameA, labelA); err != nil {
		return err
	}
	return hb.setLabel(nameB, labelB)
}

// setLabel shows in "ip link" what a veth end leads to.
func (h *handle) setLabel(name, farEnd string) error {
	l, err := h.LinkByName(name)
	if err != nil {
		return err
	}
	alias := "to " + farEnd
	if len(alias) > 255 { // IFALIASZ - 1
		alias = alias[:255]
	}
	if l.Attrs().Alias == alias {
		return nil
	}
	return h.LinkSetAlias(l, alias)
}

// isPair reports whether a and b are the two ends of one veth pair: each names
// the other's index as its parent, and a's parent is in b's namespace.
func isPair(ha *handle, a netlink.Link, hb *handle, b netlink.Link) (bool, error) {
	if a == nil || b == nil || a.Type() != "veth" || b.Type() != "veth" {
		return false, nil
	}
	if a.Attrs().ParentIndex != b.Attrs().Index || b.Attrs().ParentIndex != a.Attrs().Index {
		return false, nil
	}
	if a.Attrs().NetNsID == -1 { // the peer is in the same namespace
		return ha.fd.Equal(hb.fd), nil
	}
	id, err := ha.GetNetNsIdByFd(int(hb.fd))
	if err != nil {
		return false, fmt.Errorf("identify namespace: %w", err)
	}
	return id == a.Attrs().NetNsID, nil
}

// UnlinkVeth pulls the cable between the two ports out, if there is one: both
// TAPs lose carrier. A cable that leads from one of them elsewhere stays.
func (m *Manager) UnlinkVeth(a, b Endpoint) error {
	if err := m.checkEnds(a, b); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := unlink(a, LinkName(a.Ifname), b, LinkName(b.Ifname)); err != nil {
		return fmt.Errorf("unlink %s from %s: %w", a, b, err)
	}
	return nil
}

// unlink removes the pair with the ends nameA beside a and nameB beside b. When
// the pair is gone already, the TAPs are cleared of what it left.
func unlink(a Endpoint, nameA string, b Endpoint, nameB string) error {
	ha, err := open(a.Namespace)
	if err != nil && !isGone(err) {
		return err
	}
	if err == nil {
		defer ha.close()
	}
	hb, err := open(b.Namespace)
	if err != nil && !isGone(err) {
		return err
	}
	if err == nil {
		defer hb.close()
	}
	// A namespace that is gone took its end, and with it the pair, along.
	if ha != nil && hb != nil {
		endA, err := ha.find(nameA)
		if err != nil {
			return err
		}
		endB, err := hb.find(nameB)
		if err != nil {
			return err
		}
		paired, err := isPair(ha, endA, hb, endB)
		if err != nil {
			return err
		}
		if paired {
			if err := ha.LinkDel(endA); err != nil && !isGone(err) {
				return err
			}
		}
	}
	var errs []error
	for _, e := range []struct {
		h         *handle
		tap, veth string
	}{{ha, a.Ifname, nameA}, {hb, b.Ifname, nameB}} {
		if e.h != nil {
			errs = append(errs, e.h.unplug(e.tap, e.veth))
		}
	}
	return errors.Join(errs...)
}

// unplug clears a TAP that has no veth end beside it.
func (h *handle) unplug(tap, veth string) error {
	if end, err := h.find(veth); err != nil || end != nil {
		return err
	}
	l, err := h.find(tap)
	if err != nil || l == nil || l.Type() != "tuntap" {
		return err
	}
	if err := h.clearRedirect(l); err != nil {
		return err
	}
	if !hasCarrier(l) {
		return nil
	}
	return h.setCarrier(l, false)
}

func (m *Manager) checkEnds(a, b Endpoint) error {
	if a == b {
		return fmt.Errorf("link %s to itself: want two ports", a)
	}
	return errors.Join(m.checkName(a.Namespace), checkIfname(a.Ifname), m.checkName(b.Namespace), checkIfname(b.Ifname))
}
