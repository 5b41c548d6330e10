package netns

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
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
	defer m.lock(a.Namespace, b.Namespace)()
	if err := linkVeth(a, b, aUp && bUp); err != nil {
		return fmt.Errorf("link %s to %s: %w", a, b, err)
	}
	return nil
}

func linkVeth(a, b Endpoint, up bool) error {
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
	if err := ensurePair(ha, LinkName(a.Ifname), MTU, hb, LinkName(b.Ifname), MTU); err != nil {
		return err
	}
	if err := ha.setLabel(LinkName(a.Ifname), "to "+b.String()); err != nil {
		return err
	}
	if err := hb.setLabel(LinkName(b.Ifname), "to "+a.String()); err != nil {
		return err
	}
	plugA, err := ha.join(a.Ifname)
	if err != nil {
		return err
	}
	plugB, err := hb.join(b.Ifname)
	if err != nil {
		return err
	}
	_, err = turn(up, plugA, plugB)
	return err
}

// plug is a port with the end of the cable in it.
type plug struct {
	h   *handle
	tap netlink.Link // nil: none
	end netlink.Link
}

// join redirects all frames between the TAP, if there is one, and the cable's end
// beside it.
func (h *handle) join(tap string) (plug, error) {
	end, err := h.LinkByName(LinkName(tap))
	if err != nil {
		return plug{}, fmt.Errorf("interface %s: %w", LinkName(tap), err)
	}
	l, err := h.find(tap)
	if err != nil {
		return plug{}, err
	}
	p := plug{h, l, end}
	if l == nil {
		return p, h.clearRedirect(end)
	}
	if err := h.redirect(l, end); err != nil {
		return plug{}, err
	}
	return p, h.redirect(end, l)
}

// turn gives or takes the carrier of ports that are joined to each other, and of
// the ends of the cable in them. It takes it when one of the ports is not there or
// not held by a router, and tells which it did.
func turn(on bool, plugs ...plug) (bool, error) {
	for _, p := range plugs {
		on = on && p.tap != nil
	}
	if on {
		var err error
		if on, err = turnOn(plugs); on || err != nil {
			return on, err
		}
	}
	for _, p := range plugs {
		if err := p.h.dropCarrier(p.tap); err != nil {
			return false, err
		}
	}
	for _, p := range plugs {
		if err := p.h.setUp(p.end, false); err != nil {
			return false, err
		}
	}
	return false, nil
}

// turnOn returns false when a port is not held. The cable works before the first
// port has carrier, so that not even the first frame is lost.
func turnOn(plugs []plug) (bool, error) {
	for _, p := range plugs {
		if err := p.h.setUp(p.end, true); err != nil {
			return false, err
		}
	}
	for _, p := range plugs {
		if err := p.h.awaitUp(p.end); err != nil {
			return false, err
		}
	}
	for _, p := range plugs {
		if held, err := p.h.giveCarrier(p.tap); err != nil || !held {
			// The interfaces are as they were read, but for their carrier.
			return false, errors.Join(err, refresh(plugs))
		}
	}
	for _, p := range plugs {
		if err := p.h.awaitUp(p.tap); err != nil {
			return false, err
		}
	}
	return true, nil
}

// refresh reads the state of the ends again.
func refresh(plugs []plug) error {
	for i := range plugs {
		p := &plugs[i]
		end, err := p.h.LinkByIndex(p.end.Attrs().Index)
		if err != nil {
			return err
		}
		p.end = end
	}
	return nil
}

// awaitUp waits until the kernel has started the interface, which it does a
// moment after it got carrier: a frame sent before would be lost. It gives up
// after a second, as the interface may have lost its carrier again meanwhile.
func (h *handle) awaitUp(l netlink.Link) error {
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		now, err := h.LinkByIndex(l.Attrs().Index)
		if isGone(err) || err == nil && now.Attrs().OperState == netlink.OperUp {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
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
// it is there, with their MTUs in bytes. Interfaces of these names that are not
// the two ends of one pair are removed first.
func ensurePair(ha *handle, nameA string, mtuA int, hb *handle, nameB string, mtuB int) error {
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
		return nil
	}
	if err := ha.remove(nameA); err != nil {
		return err
	}
	// The line above has removed endB as well if it was the other end of another
	// pair with endA.
	if err := hb.remove(nameB); err != nil {
		return err
	}
	veth := netlink.NewVeth(netlink.LinkAttrs{Name: nameA, MTU: mtuA, TxQLen: -1, Index: vethIndex(nameA)})
	veth.PeerName = nameB
	veth.PeerMTU = uint32(mtuB)
	veth.PeerNamespace = netlink.NsFd(hb.fd)
	err = ha.LinkAdd(veth)
	if errors.Is(err, unix.EEXIST) { // the index, as the name is free
		veth.Index = 0
		err = ha.LinkAdd(veth)
	}
	if err != nil {
		return fmt.Errorf("make veth pair %s, %s: %w", nameA, nameB, err)
	}
	return nil
}

// vethIndex is an interface index that the far end of a veth pair, which the
// kernel numbers, does not have. If both had the same, as they often would in
// namespaces of like routers, older kernels would not see that there is an
// interface below, and act on its carrier only up to a second later.
func vethIndex(name string) int {
	h := fnv.New32a()
	h.Write([]byte(name))
	return 1<<20 | int(h.Sum32()&(1<<20-1))
}

// remove removes an interface, if it is there.
func (h *handle) remove(name string) error {
	l, err := h.find(name)
	if err != nil || l == nil {
		return err
	}
	if err := h.delete(l); err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}

// delete removes an interface, which may be gone.
func (h *handle) delete(l netlink.Link) error {
	return h.vanish(func(h *handle) error { return h.LinkDel(l) }, func() (bool, error) {
		_, err := h.LinkByIndex(l.Attrs().Index)
		if isGone(err) {
			return true, nil
		}
		return false, err
	})
}

// setLabel gives an interface the alias, which "ip link" shows.
func (h *handle) setLabel(name, alias string) error {
	l, err := h.LinkByName(name)
	if err != nil {
		return err
	}
	if alias = cutAlias(alias); l.Attrs().Alias == alias {
		return nil
	}
	return h.LinkSetAlias(l, alias)
}

// cutAlias is what the kernel can keep of an alias.
func cutAlias(alias string) string { return alias[:min(len(alias), 255)] } // IFALIASZ - 1

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
	defer m.lock(a.Namespace, b.Namespace)()
	if err := unlink(a, LinkName(a.Ifname), b, LinkName(b.Ifname)); err != nil {
		return fmt.Errorf("unlink %s from %s: %w", a, b, err)
	}
	return nil
}

// unlink removes the pair with the ends nameA beside a and nameB beside b. When
// the pair is gone already, the TAPs lose the carrier that it left.
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
			if err := ha.delete(endA); err != nil {
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

// unplug takes the carrier of a TAP that has no cable's end beside it. The redirect
// stays and drops what the router sends, until there is another cable.
func (h *handle) unplug(tap, veth string) error {
	if end, err := h.find(veth); err != nil || end != nil {
		return err
	}
	l, err := h.find(tap)
	if err != nil || l == nil || l.Type() != "tuntap" {
		return err
	}
	return h.dropCarrier(l)
}

func (m *Manager) checkEnds(a, b Endpoint) error {
	if a == b {
		return fmt.Errorf("link %s to itself: want two ports", a)
	}
	return errors.Join(m.checkName(a.Namespace), checkIfname(a.Ifname), m.checkName(b.Namespace), checkIfname(b.Ifname))
}
