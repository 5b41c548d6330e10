package netns

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// HostMTU is the MTU in bytes of the host's end of a link to the host, that of
// Ethernet: the host's stack goes by it, and routers expect no larger frames.
const HostMTU = 1500

// ErrHostInterface is returned for an interface of the host's namespace that
// exists but was not made for this port.
var ErrHostInterface = errors.New("interface of the host exists and is not this port's")

// ErrHostDown is returned where the host's end of a link is set down.
var ErrHostDown = errors.New("it is set down")

// LinkHost joins the Ethernet port to an interface hostIf, which it makes, in the
// host's namespace: the one that the process was started in. The interface has
// the address (ADDRESS/LEN, or "" for none), and IPv6 only if that is the kind of
// the address, else the kernel would speak it unasked. Port and interface have
// carrier when the port is up as in LinkVeth and nobody set the interface down.
//
// An interface hostIf that is there and is none of this port is an error that
// wraps ErrHostInterface. When the port is up but somebody has set the interface
// down, all is done but the error wraps ErrHostDown.
func (m *Manager) LinkHost(port Endpoint, hostIf, address string, up bool) error {
	if err := errors.Join(m.checkPort(port), checkIfname(hostIf)); err != nil {
		return err
	}
	var addr *netlink.Addr
	if address != "" {
		var err error
		if addr, err = netlink.ParseAddr(address); err != nil {
			return fmt.Errorf("address %q of host interface %s: want ADDRESS/LENGTH like 10.0.0.1/24", address, hostIf)
		}
	}
	defer m.lock(port.Namespace, hostLock)()
	if err := m.linkHost(port, hostIf, addr, up); err != nil {
		return fmt.Errorf("link %s to host interface %s: %w", port, hostIf, err)
	}
	return nil
}

func (m *Manager) linkHost(port Endpoint, hostIf string, addr *netlink.Addr, up bool) error {
	h, err := open(port.Namespace)
	if err != nil {
		return err
	}
	defer h.close()
	host, err := openHost()
	if err != nil {
		return err
	}
	defer host.close()
	if _, err := m.ownHostEnd(h, port, host, hostIf); err != nil {
		return err
	}
	if err := ensurePair(h, LinkName(port.Ifname), MTU, host, hostIf, HostMTU); err != nil {
		return err
	}
	if err := h.setLabel(LinkName(port.Ifname), "to host interface "+hostIf); err != nil {
		return err
	}
	far, err := host.LinkByName(hostIf)
	if err != nil {
		return err
	}
	// What is set only once, and may be changed by the host's people afterwards. The
	// label comes last: an interface without it is not finished.
	if far.Attrs().Alias != m.hostLabel(port) {
		if err := host.startHostEnd(far, addr); err != nil {
			return err
		}
		if err := host.setLabel(hostIf, m.hostLabel(port)); err != nil {
			return err
		}
	}
	if err := host.ensureAddr(far, addr); err != nil {
		return err
	}
	p, err := h.join(port.Ifname)
	if err != nil {
		return err
	}
	if far, err = host.LinkByName(hostIf); err != nil {
		return err
	}
	if up && far.Attrs().RawFlags&unix.IFF_UP == 0 {
		// Somebody has set the host's end down. It gets its carrier at once, which
		// WatchHost tells, when that is undone.
		if err := errors.Join(h.dropCarrier(p.tap), h.setUp(p.end, true)); err != nil {
			return err
		}
		return ErrHostDown
	}
	on, err := turn(up, p)
	if err != nil || !on {
		return err
	}
	return host.awaitUp(far)
}

// ownHostEnd returns the interface hostIf of the host, nil when there is none, and
// an error when it is not the port's.
func (m *Manager) ownHostEnd(h *handle, port Endpoint, host *handle, hostIf string) (netlink.Link, error) {
	far, err := host.find(hostIf)
	if err != nil || far == nil || far.Attrs().Alias == m.hostLabel(port) {
		return far, err
	}
	if h != nil { // a crash before the label leaves no more than the pair
		end, err := h.find(LinkName(port.Ifname))
		if err != nil {
			return nil, err
		}
		paired, err := isPair(h, end, host, far)
		if err != nil || paired {
			return far, err
		}
	}
	what := "a " + far.Type()
	if alias := far.Attrs().Alias; alias != "" {
		what += fmt.Sprintf(" with the alias %q", alias)
	}
	return nil, fmt.Errorf("%s is %s: %w", hostIf, what, ErrHostInterface)
}

// startHostEnd sets up a new host's end with IPv6 off, or quiet if there is to be
// an IPv6 address.
func (h *handle) startHostEnd(l netlink.Link, addr *netlink.Addr) error {
	settings := [][2]string{{"disable_ipv6", "1"}}
	if addr != nil && addr.IP.To4() == nil {
		settings = [][2]string{{"disable_ipv6", "0"}, {"addr_gen_mode", "1"}, {"accept_ra", "0"}, {"router_solicitations", "0"}, {"accept_dad", "0"}}
	}
	for _, s := range settings {
		if err := setInterface(l.Attrs().Name, s[0], s[1]); err != nil {
			return err
		}
	}
	return h.setUp(l, true)
}

// setInterface writes an IPv6 setting of an interface of the calling thread's
// namespace. A kernel without IPv6 has none.
func setInterface(ifname, name, value string) error {
	file := "/proc/sys/net/ipv6/conf/" + ifname + "/" + name
	if err := os.WriteFile(file, []byte(value), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("set %s of %s to %s: %w", name, ifname, value, err)
	}
	return nil
}

// ensureAddr gives an interface the address, unless it is nil or there.
func (h *handle) ensureAddr(l netlink.Link, addr *netlink.Addr) error {
	if addr == nil {
		return nil
	}
	have, err := h.AddrList(l, netlink.FAMILY_ALL)
	if err != nil {
		return err
	}
	for _, a := range have {
		if a.Equal(*addr) {
			return nil
		}
	}
	if err := h.AddrReplace(l, addr); err != nil {
		return fmt.Errorf("add address %s to %s: %w", addr.IPNet, l.Attrs().Name, err)
	}
	return nil
}

// hostLabel is the alias of the host's end of a link of the port.
func (m *Manager) hostLabel(port Endpoint) string {
	return cutAlias(m.mark() + ": " + port.String())
}

// UnlinkHost removes the interface of LinkHost and the port's carrier. It does
// nothing when there is none of this port.
func (m *Manager) UnlinkHost(port Endpoint, hostIf string) error {
	if err := errors.Join(m.checkPort(port), checkIfname(hostIf)); err != nil {
		return err
	}
	defer m.lock(port.Namespace, hostLock)()
	if err := m.unlinkHost(port, hostIf); err != nil {
		return fmt.Errorf("unlink %s from host interface %s: %w", port, hostIf, err)
	}
	return nil
}

func (m *Manager) unlinkHost(port Endpoint, hostIf string) error {
	h, err := open(port.Namespace)
	if err != nil && !isGone(err) {
		return err
	}
	if err == nil {
		defer h.close()
	}
	host, err := openHost()
	if err != nil {
		return err
	}
	defer host.close()
	_, err = m.ownHostEnd(h, port, host, hostIf)
	if err == nil {
		err = host.remove(hostIf)
	}
	if err != nil && !errors.Is(err, ErrHostInterface) {
		return err
	}
	if h == nil {
		return nil
	}
	return h.unplug(port.Ifname, LinkName(port.Ifname))
}

// cleanHost removes the host's ends of links of this prefix but those of the
// namespaces to keep. An end whose namespace was removed has gone with it; what is
// left belongs to namespaces that someone else unmounted while a node held a TAP.
func (m *Manager) cleanHost(keep []string) error {
	defer m.lock(hostLock)()
	host, err := openHost()
	if err != nil {
		return err
	}
	defer host.close()
	links, err := host.list()
	if err != nil {
		return err
	}
	var errs []error
	for _, l := range links {
		alias := l.Attrs().Alias
		kept := !strings.HasPrefix(alias, m.mark()+": ")
		for _, ns := range keep {
			kept = kept || strings.HasPrefix(alias, cutAlias(m.mark()+": "+ns+":"))
		}
		if kept {
			continue
		}
		if err := host.delete(l); err != nil {
			errs = append(errs, fmt.Errorf("remove host interface %s: %w", l.Attrs().Name, err))
		}
	}
	return errors.Join(errs...)
}

// OpenHostTAP takes hold of the TAP interface name in the host's namespace. When
// there is none, it makes one that goes with the last copy of the descriptor, and
// brings it up with IPv6 off.
//
// When another process holds the interface, the error wraps EBUSY.
func (m *Manager) OpenHostTAP(name string) (*os.File, error) {
	if err := checkIfname(name); err != nil {
		return nil, err
	}
	defer m.lock(hostLock)()
	f, err := openHostTAP(name)
	if errors.Is(err, unix.EBUSY) {
		return nil, fmt.Errorf("TAP %s of the host is held by another process: %w", name, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open TAP %s of the host: %w", name, err)
	}
	return f, nil
}

func openHostTAP(name string) (*os.File, error) {
	host, err := openHost()
	if err != nil {
		return nil, err
	}
	defer host.close()
	old, err := host.find(name)
	if err != nil {
		return nil, err
	}
	if old != nil {
		if t, ok := old.(*netlink.Tuntap); !ok || t.Mode != netlink.TUNTAP_MODE_TAP {
			return nil, fmt.Errorf("it is a %s, want a TAP or no interface of that name", old.Type())
		}
	}
	f, err := openDevice(name, unix.IFF_TAP|unix.IFF_NO_PI)
	if err != nil || old != nil {
		return f, err
	}
	err = setInterface(name, "disable_ipv6", "1")
	if err == nil {
		var l netlink.Link
		if l, err = host.LinkByName(name); err == nil {
			err = host.setUp(l, true)
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
