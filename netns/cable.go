package netns

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// OpenCable plugs a cable into the Ethernet port whose other end is a descriptor:
// a TAP beside the port's own, joined to it as the end of a veth pair would be.
// What the port sends is read from it, what is written to it the port receives.
// It takes the place of another cable in the port. The port has no carrier until
// PlugCable gives it. The cable is there until RemoveCable, held or not.
//
// When another process holds the cable's end, the error wraps EBUSY.
func (m *Manager) OpenCable(port Endpoint) (*os.File, error) {
	if err := m.checkPort(port); err != nil {
		return nil, err
	}
	defer m.lock(port.Namespace)()
	f, err := openCable(port)
	if errors.Is(err, unix.EBUSY) {
		return nil, fmt.Errorf("cable of %s is held by a running node: %w", port, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open cable of %s: %w", port, err)
	}
	return f, nil
}

func openCable(port Endpoint) (*os.File, error) {
	h, err := open(port.Namespace)
	if err != nil {
		return nil, err
	}
	defer h.close()
	name := LinkName(port.Ifname)
	l, err := h.find(name)
	if err != nil {
		return nil, err
	}
	if l != nil && l.Type() != "tuntap" {
		if err := h.remove(name); err != nil {
			return nil, err
		}
		l = nil
	}
	if l == nil {
		err = inNamespace(port.Namespace, func() error { return makePersistentTAP(name) })
		if err != nil {
			return nil, err
		}
	}
	if err := h.startTAP(name, 0); err != nil {
		return nil, err
	}
	if err := h.setLabel(name, "cable of "+port.String()); err != nil {
		return nil, err
	}
	p, err := h.join(port.Ifname)
	if err != nil {
		return nil, err
	}
	if err := h.dropCarrier(p.tap); err != nil {
		return nil, err
	}
	var f *os.File
	err = inNamespace(port.Namespace, func() (err error) {
		f, err = openTAP(name)
		return err
	})
	return f, err
}

// PlugCable gives or takes the carrier of the port and of its cable. Neither has
// it unless routers hold both. No cable is no error.
func (m *Manager) PlugCable(port Endpoint, up bool) error {
	if err := m.checkPort(port); err != nil {
		return err
	}
	defer m.lock(port.Namespace)()
	h, err := open(port.Namespace)
	if err != nil {
		return err
	}
	defer h.close()
	if end, err := h.find(LinkName(port.Ifname)); err == nil && end == nil {
		return nil
	}
	p, err := h.join(port.Ifname)
	if err == nil && p.end.Type() != "tuntap" {
		err = fmt.Errorf("interface %s is a %s, not the end of a cable", p.end.Attrs().Name, p.end.Type())
	}
	if err == nil {
		err = turnCable(p, up)
	}
	if err != nil {
		return fmt.Errorf("plug cable of %s: %w", port, err)
	}
	return nil
}

// turnCable gives the end of the cable carrier before the port has it, so that the
// port's first frame is not lost.
func turnCable(p plug, up bool) error {
	if err := p.h.setUp(p.end, true); err != nil {
		return err
	}
	if p.tap != nil && up {
		held, err := p.h.giveCarrier(p.end)
		if err == nil && held {
			err = p.h.awaitUp(p.end)
		}
		if err == nil && held {
			held, err = p.h.giveCarrier(p.tap)
		}
		if err == nil && held {
			err = p.h.awaitUp(p.tap)
		}
		if err != nil || held {
			return err
		}
	}
	return errors.Join(p.h.dropCarrier(p.tap), p.h.dropCarrier(p.end))
}

// RemoveCable pulls the cable of OpenCable out, if there is one, held or not, and
// takes the port's carrier.
func (m *Manager) RemoveCable(port Endpoint) error {
	if err := m.checkPort(port); err != nil {
		return err
	}
	defer m.lock(port.Namespace)()
	h, err := open(port.Namespace)
	if isGone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer h.close()
	name := LinkName(port.Ifname)
	end, err := h.find(name)
	if err == nil && end != nil && end.Type() == "tuntap" {
		err = h.remove(name)
	}
	if err == nil {
		err = h.unplug(port.Ifname, name)
	}
	if err != nil {
		return fmt.Errorf("remove cable of %s: %w", port, err)
	}
	return nil
}

func (m *Manager) checkPort(e Endpoint) error {
	return errors.Join(m.checkName(e.Namespace), checkIfname(e.Ifname))
}
