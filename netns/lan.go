package netns

import (
	"errors"
	"fmt"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// LANBridge is the name of the bridge in the namespace of a LAN.
const LANBridge = "lan"

// portForwardMask makes a bridge port pass every reserved address
// 0180.c200.000x but PAUSE, the only one that the kernel insists on (platform
// reference 5.1).
const portForwardMask = 0xfffd

// EnsureLAN makes the bridge of a LAN in the namespace ns, which it makes too:
// no spanning tree, no snooping, no address. It floods like a hub, since
// AttachLAN turns learning off on each port.
func (m *Manager) EnsureLAN(ns string) error {
	if err := m.EnsureNamespace(ns); err != nil {
		return err
	}
	defer m.lock(ns)()
	h, err := open(ns)
	if err != nil {
		return err
	}
	defer h.close()
	br, err := h.find(LANBridge)
	if err != nil {
		return err
	}
	if br == nil {
		off, ageing, mask := false, uint32(0), uint16(0xfff8)
		err := h.LinkAdd(&netlink.Bridge{
			LinkAttrs:         netlink.LinkAttrs{Name: LANBridge, MTU: MTU, TxQLen: -1},
			MulticastSnooping: &off,
			AgeingTime:        &ageing,
			GroupFwdMask:      &mask,
		})
		if err != nil {
			return fmt.Errorf("make bridge %s in namespace %s: %w", LANBridge, ns, err)
		}
		if br, err = h.LinkByName(LANBridge); err != nil {
			return err
		}
	}
	return h.setUp(br, true)
}

// AttachLAN plugs the port into the LAN in namespace lanNS with a cable as
// LinkVeth does. As there, call it again when the port went up or down, or when
// its router was started or has ended.
func (m *Manager) AttachLAN(lanNS string, port Endpoint, up bool) error {
	if err := m.checkLANEnds(lanNS, port); err != nil {
		return err
	}
	defer m.lock(lanNS, port.Namespace)()
	if err := attachLAN(lanNS, port, up); err != nil {
		return fmt.Errorf("attach %s to LAN %s: %w", port, lanNS, err)
	}
	return nil
}

func attachLAN(lanNS string, port Endpoint, up bool) error {
	hl, err := open(lanNS)
	if err != nil {
		return err
	}
	defer hl.close()
	hp, err := open(port.Namespace)
	if err != nil {
		return err
	}
	defer hp.close()
	br, err := hl.LinkByName(LANBridge)
	if err != nil {
		return fmt.Errorf("interface %s: %w", LANBridge, err)
	}
	far := lanPortName(lanNS, port)
	if err := ensurePair(hp, LinkName(port.Ifname), MTU, hl, far, MTU); err != nil {
		return err
	}
	if err := hp.setLabel(LinkName(port.Ifname), "to LAN "+lanNS); err != nil {
		return err
	}
	if err := hl.setLabel(far, "to "+port.String()); err != nil {
		return err
	}
	p, err := hp.join(port.Ifname)
	if err != nil {
		return err
	}
	// Both ends are up before the bridge sees the new one: a port that gets its
	// carrier later is not forwarding for up to a second (platform reference 5.2).
	if up {
		if err := hp.setUp(p.end, true); err != nil {
			return err
		}
	}
	end, err := hl.LinkByName(far)
	if err != nil {
		return err
	}
	if err := hl.setUp(end, true); err != nil {
		return err
	}
	if end.Attrs().MasterIndex != br.Attrs().Index {
		if err := hl.LinkSetMaster(end, br); err != nil {
			return fmt.Errorf("add %s to bridge: %w", far, err)
		}
	}
	if err := hl.setHubPort(end); err != nil {
		return err
	}
	if up {
		if err := hl.awaitUp(end); err != nil {
			return err
		}
	}
	_, err = turn(up, p)
	return err
}

// setHubPort makes a bridge port send everything everywhere.
func (h *handle) setHubPort(l netlink.Link) error {
	req := nl.NewNetlinkRequest(unix.RTM_SETLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_BRIDGE)
	msg.Index = int32(l.Attrs().Index)
	req.AddData(msg)
	info := nl.NewRtAttr(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, nil)
	info.AddRtAttr(nl.IFLA_BRPORT_LEARNING, []byte{0})
	info.AddRtAttr(nl.IFLA_BRPORT_UNICAST_FLOOD, []byte{1})
	info.AddRtAttr(nl.IFLA_BRPORT_MCAST_FLOOD, []byte{1})
	info.AddRtAttr(nl.IFLA_BRPORT_BCAST_FLOOD, []byte{1})
	info.AddRtAttr(nl.IFLA_BRPORT_MULTICAST_ROUTER, []byte{0})
	info.AddRtAttr(nl.IFLA_BRPORT_GROUP_FWD_MASK, nl.Uint16Attr(portForwardMask))
	info.AddRtAttr(nl.IFLA_BRPORT_FLUSH, nil)
	req.AddData(info)
	if err := h.execute(req); err != nil {
		return fmt.Errorf("set %s to flood: %w", l.Attrs().Name, err)
	}
	return nil
}

// DetachLAN unplugs the port from the LAN, if it is plugged into it.
func (m *Manager) DetachLAN(lanNS string, port Endpoint) error {
	if err := m.checkLANEnds(lanNS, port); err != nil {
		return err
	}
	defer m.lock(lanNS, port.Namespace)()
	far := lanPortName(lanNS, port)
	if err := unlink(port, LinkName(port.Ifname), Endpoint{lanNS, far}, far); err != nil {
		return fmt.Errorf("detach %s from LAN %s: %w", port, lanNS, err)
	}
	return nil
}

// lanPortName names the LAN's end of a cable DEVICE.PORT. The device is what the
// port's namespace has beyond what it shares with that of the LAN.
func lanPortName(lanNS string, port Endpoint) string {
	device := port.Namespace
	for {
		part, rest, found := strings.Cut(device, "-")
		lanPart, lanRest, lanFound := strings.Cut(lanNS, "-")
		if !found || !lanFound || part != lanPart {
			break
		}
		device, lanNS = rest, lanRest
	}
	return shorten(device+"."+port.Ifname, maxIfname)
}

func (m *Manager) checkLANEnds(lanNS string, port Endpoint) error {
	return errors.Join(m.checkName(lanNS), m.checkName(port.Namespace), checkIfname(port.Ifname))
}
