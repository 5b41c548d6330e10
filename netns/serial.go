package netns

import (
	"errors"
	"os"
)

// LinkType is the ARP hardware type of a serial interface (ARPHRD_…), from which
// packet analysers learn how its frames begin (platform reference 4).
type LinkType uint16

// The link types that analysers decode on a live interface.
const (
	HDLC       LinkType = 513 // ARPHRD_HDLC: Cisco HDLC, link type C_HDLC
	FrameRelay LinkType = 770 // ARPHRD_FRAD: Q.922 frames, link type FRELAY
)

// EnsureTUN makes the TUN interface ifname of a serial port in the namespace ns,
// which shows the port's frames as ones of link type t, and brings it up. It
// stays when nobody holds it. One of another type that is there is changed.
func (m *Manager) EnsureTUN(ns, ifname string, t LinkType) error { return errors.ErrUnsupported }

// OpenTUN takes hold of the TUN ifname in the namespace ns. What is written to
// tun, after a header of four bytes (platform reference 4), shows as received by
// the interface, what is sent to packet, an AF_PACKET socket bound to it, as sent;
// the latter comes out at tun and is to be read away.
func (m *Manager) OpenTUN(ns, ifname string) (tun, packet *os.File, err error) {
	return nil, nil, errors.ErrUnsupported
}

// RemoveInterface removes the TAP or TUN ifname from the namespace ns, also when
// it is held. It does nothing when there is none.
func (m *Manager) RemoveInterface(ns, ifname string) error { return errors.ErrUnsupported }
