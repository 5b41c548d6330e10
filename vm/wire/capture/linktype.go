// Package capture shows the frames of a port to others: in files and streams of
// pcap, and at a kernel interface for a port that has none. Each is a wire.Monitor;
// none of them ever makes the machine wait.
package capture

import (
	"fmt"
	"slices"
	"strings"
)

// LinkType is a link-layer header type as in the header of a pcap file.
//
// Source: netio-hypervisor reference, 8.
type LinkType uint16

// The link types, by the names of their DLT.
const (
	Null       LinkType = 0
	Ethernet   LinkType = 1
	PPP        LinkType = 9
	PPPSerial  LinkType = 50
	PPPEther   LinkType = 51
	ATMRFC1483 LinkType = 100
	Raw        LinkType = 101
	CHDLC      LinkType = 104
	FrameRelay LinkType = 107
	SunATM     LinkType = 123
	MFR        LinkType = 182
)

// names are those of libpcap, without "DLT_".
var names = []struct {
	name string
	t    LinkType
}{
	{"EN10MB", Ethernet}, {"C_HDLC", CHDLC}, {"PPP_SERIAL", PPPSerial}, {"FRELAY", FrameRelay}, {"SUNATM", SunATM},
	{"ATM_RFC1483", ATMRFC1483}, {"PPP", PPP}, {"MFR", MFR}, {"PPP_ETHER", PPPEther}, {"NULL", Null}, {"RAW", Raw},
}

// short are the names of Dynagen's command capture, and of the like. They go
// before libpcap's.
var short = []struct {
	name string
	t    LinkType
}{
	{"ETH", Ethernet}, {"HDLC", CHDLC}, {"FR", FrameRelay}, {"PPP", PPPSerial}, {"ATM", SunATM},
}

// ParseLinkType reads the name of a link type, in either case: one of Dynagen's
// (ETH, HDLC, FR, PPP, ATM), or of libpcap's with or without "DLT_". PPP is
// PPP_SERIAL, as Dynagen has it, and ATM is SUNATM; DLT_PPP is libpcap's.
func ParseLinkType(name string) (LinkType, error) {
	upper := strings.ToUpper(name)
	dlt, full := strings.CutPrefix(upper, "DLT_")
	if !full {
		for _, s := range short {
			if s.name == upper {
				return s.t, nil
			}
		}
	}
	for _, n := range names {
		if n.name == dlt {
			return n.t, nil
		}
	}
	return 0, fmt.Errorf("link type %q is unknown; wanted: %s", name, strings.Join(LinkTypeNames(), ", "))
}

// LinkTypeNames are the names that ParseLinkType takes, without those that begin
// with "DLT_".
func LinkTypeNames() []string {
	var all []string
	for _, s := range short {
		all = append(all, s.name)
	}
	for _, n := range names {
		if !slices.Contains(all, n.name) {
			all = append(all, n.name)
		}
	}
	return all
}

// String returns libpcap's name, with "DLT_" where ParseLinkType needs it.
func (t LinkType) String() string {
	for _, n := range names {
		if n.t == t {
			if back, err := ParseLinkType(n.name); err != nil || back != t {
				return "DLT_" + n.name
			}
			return n.name
		}
	}
	return fmt.Sprintf("LinkType(%d)", uint16(t))
}

// DefaultLinkType returns the link type for a kind of port (ethernet, serial, pos or
// atm, in either case) whose frames look like e, which may be unknown: then serial
// and POS ports are taken for HDLC, with which they start. A capture of an ATM port
// has packets, not cells: SUNATM keeps their circuit and direction, which
// ATM_RFC1483 does not.
func DefaultLinkType(kind string, e Encapsulation) (LinkType, error) {
	switch strings.ToLower(kind) {
	case "ethernet":
		return Ethernet, nil
	case "atm":
		return SunATM, nil
	case "serial", "pos":
		return e.LinkType(), nil
	}
	return 0, fmt.Errorf("kind of port %q is unknown; wanted: ethernet, serial, pos or atm", kind)
}
