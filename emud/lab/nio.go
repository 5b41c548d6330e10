package lab

import (
	"net"
	"strconv"
	"strings"
)

// NIO is the outside end of a link that leaves the lab. The zero NIO is none.
// NIOs are comparable.
type NIO struct {
	// Type is the word behind NIO_: linux_eth gen_eth udp tap unix vde null of
	// Dynagen, and host udp_auto tcp_cli tcp_ser.
	Type string
	// Interface is the network interface of linux_eth, gen_eth, tap and host, in
	// the host's own namespace.
	Interface string `json:",omitempty"`
	// Address is the ADDRESS/LEN that the host's end of a host NIO gets; empty:
	// none.
	Address string `json:",omitempty"`
	// LocalHost is the address that udp_auto binds, PortStart to PortEnd the ports
	// that it tries, the first that is free being taken.
	LocalHost          string `json:",omitempty"`
	PortStart, PortEnd int    `json:",omitempty"`
	LocalPort          int    `json:",omitempty"` // of udp and tcp_ser
	// RemoteHost and RemotePort are the other side of udp and tcp_cli; an IPv6
	// address stands without brackets.
	RemoteHost string `json:",omitempty"`
	RemotePort int    `json:",omitempty"`
	// Local and Remote are the paths of unix; of vde, Local is the path of our
	// socket and Remote that of the switch's control socket.
	Local, Remote string `json:",omitempty"`
	Name          string `json:",omitempty"` // of null; means nothing
}

// String is the NIO as lab files write it: NIO_udp:10000:127.0.0.1:10001.
func (n NIO) String() string {
	port := strconv.Itoa
	var words []string
	switch n.Type {
	case "":
		return ""
	case "linux_eth", "gen_eth", "tap":
		words = []string{n.Interface}
	case "host":
		words = []string{n.Interface}
		if n.Address != "" {
			words = append(words, n.Address)
		}
	case "udp":
		words = []string{port(n.LocalPort), net.JoinHostPort(n.RemoteHost, port(n.RemotePort))}
	case "udp_auto":
		words = []string{net.JoinHostPort(n.LocalHost, port(n.PortStart)), port(n.PortEnd)}
	case "tcp_cli":
		words = []string{net.JoinHostPort(n.RemoteHost, port(n.RemotePort))}
	case "tcp_ser":
		words = []string{port(n.LocalPort)}
	case "unix":
		words = []string{n.Local, n.Remote}
	case "vde":
		words = []string{n.Remote, n.Local}
	case "null":
		words = []string{n.Name}
	}
	return "NIO_" + n.Type + ":" + strings.Join(words, ":")
}

// Carries reports whether the NIO can be the other end of a port of that kind:
// what leads to an Ethernet takes Ethernet ports only.
func (n NIO) Carries(k Kind) bool {
	switch n.Type {
	case "linux_eth", "gen_eth", "tap", "vde", "host":
		return k == Ethernet
	}
	return true
}
