package lab

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Connections to the world outside of the lab.
//
// Source: lab-files-and-console reference, section 5, and netio-hypervisor
// reference, section 7; host, udp_auto, tcp_cli and tcp_ser are additions to
// the dialect.

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

// nioType describes a type of NIO as lab files write it.
type nioType struct {
	name    string
	parts   string // what stands behind the name
	example string
	// ethernet: it leads to an Ethernet, and other frames have no place there.
	ethernet bool
}

// nioTypes are the types, in the order that messages show.
var nioTypes = []nioType{
	{"linux_eth", "INTERFACE", "NIO_linux_eth:eth0", true},
	{"gen_eth", "INTERFACE", "NIO_gen_eth:eth0", true},
	{"udp", "LOCALPORT:HOST:REMOTEPORT", "NIO_udp:10000:127.0.0.1:10001", false},
	{"tap", "INTERFACE", "NIO_tap:tap0", true},
	{"unix", "LOCALPATH:REMOTEPATH", "NIO_unix:/tmp/a:/tmp/b", false},
	{"vde", "CONTROLPATH:LOCALPATH", "NIO_vde:/run/vde.ctl/ctl:/tmp/a", true},
	{"null", "NAME", "NIO_null:a", false},
	{"host", "INTERFACE or INTERFACE:ADDRESS/LENGTH", "NIO_host:lab0:192.0.2.1/24", true},
	{"udp_auto", "ADDRESS:FIRSTPORT:LASTPORT", "NIO_udp_auto:127.0.0.1:10000:10100", false},
	{"tcp_cli", "HOST:PORT", "NIO_tcp_cli:192.0.2.1:5000", false},
	{"tcp_ser", "PORT", "NIO_tcp_ser:5000", false},
}

// nioWords are the names of the types as they begin a connection.
func nioWords() []string {
	var words []string
	for _, t := range nioTypes {
		words = append(words, "NIO_"+t.name)
	}
	return words
}

// String is the NIO as lab files write it: NIO_udp:10000:127.0.0.1:10001.
func (n NIO) String() string {
	port := strconv.Itoa
	var parts []string
	switch n.Type {
	case "":
		return ""
	case "linux_eth", "gen_eth", "tap":
		parts = []string{n.Interface}
	case "host":
		parts = []string{n.Interface}
		if n.Address != "" {
			parts = append(parts, n.Address)
		}
	case "udp":
		parts = []string{port(n.LocalPort), net.JoinHostPort(n.RemoteHost, port(n.RemotePort))}
	case "udp_auto":
		parts = []string{net.JoinHostPort(n.LocalHost, port(n.PortStart)), port(n.PortEnd)}
	case "tcp_cli":
		parts = []string{net.JoinHostPort(n.RemoteHost, port(n.RemotePort))}
	case "tcp_ser":
		parts = []string{port(n.LocalPort)}
	case "unix":
		parts = []string{n.Local, n.Remote}
	case "vde":
		parts = []string{n.Remote, n.Local}
	case "null":
		parts = []string{n.Name}
	}
	return "NIO_" + n.Type + ":" + strings.Join(parts, ":")
}

// Carries reports whether the NIO can be the other end of a port of that kind:
// what leads to an Ethernet takes Ethernet ports only.
func (n NIO) Carries(k Kind) bool {
	return k == Ethernet || !slices.ContainsFunc(nioTypes, func(t nioType) bool { return t.name == n.Type && t.ethernet })
}

// isNIO reports whether the word begins a connection to a NIO.
func isNIO(word string) bool {
	return len(word) >= 4 && strings.EqualFold(word[:4], "nio_")
}

// nio reads the NIO that a connection leads to.
func (b *builder) nio(c *connection) {
	w := c.words[0]
	at := c.opt.word(w.index)
	if strings.Contains(c.opt.value[w.index:], `\`) {
		b.errorf(at.line, at.column, "%s names an interface of Windows; on Linux write NIO_linux_eth:eth0 with an interface that \"ip link\" lists", short(c.opt.value[w.index:]))
		return
	}
	word, rest, _ := strings.Cut(w.text, ":")
	i := slices.IndexFunc(nioTypes, func(t nioType) bool { return strings.EqualFold(word, "nio_"+t.name) })
	if i < 0 {
		b.errorf(at.line, at.column, "unknown connection %q%s; the kinds are %s", short(word), didYouMean(word, nioWords()), strings.Join(nioWords(), " "))
		return
	}
	if len(c.words) > 1 {
		extra := c.opt.word(c.words[1].index)
		b.errorf(extra.line, extra.column, "a NIO is one word without blanks: %s", nioTypes[i].example)
		return
	}
	r := nioReader{rest: rest, at: min(len(word)+1, len(w.text))}
	n := r.read(nioTypes[i])
	if r.err != nil {
		at = c.opt.word(w.index + r.errAt)
		b.errorf(at.line, at.column, "%v", r.err)
		return
	}
	c.nio = n
}

// nioReader reads what stands behind the type of a NIO, and keeps the first
// error with its place.
type nioReader struct {
	rest  string
	at    int // index of rest in the word
	err   error
	errAt int
}

func (r *nioReader) fail(at int, format string, args ...any) {
	if r.err == nil {
		r.err, r.errAt = fmt.Errorf(format, args...), at
	}
}

func (r *nioReader) read(t nioType) NIO {
	n := NIO{Type: t.name}
	var parts []field
	switch t.name {
	case "null": // whatever the name is
	case "host":
		name, address, found := strings.Cut(r.rest, ":")
		parts = []field{{name, r.at}}
		if found {
			parts = append(parts, field{address, r.at + len(name) + 1})
		}
	default:
		parts = r.split()
		if want := strings.Count(t.parts, ":") + 1; len(parts) != want {
			why := ""
			if len(parts) > want && strings.Contains(t.parts, "PORT") {
				why = "; an IPv6 address stands in brackets"
			}
			r.fail(0, "NIO_%s takes %s, such as %s%s", t.name, t.parts, t.example, why)
			return n
		}
	}
	switch t.name {
	case "linux_eth", "gen_eth", "tap":
		n.Interface = r.ifname(parts[0])
	case "host":
		n.Interface = r.ifname(parts[0])
		if len(parts) > 1 {
			n.Address = r.prefix(parts[1])
		}
	case "udp":
		n.LocalPort, n.RemoteHost, n.RemotePort = r.port(parts[0]), r.host(parts[1]), r.port(parts[2])
	case "udp_auto":
		n.LocalHost, n.PortStart, n.PortEnd = r.host(parts[0]), r.port(parts[1]), r.port(parts[2])
		if n.PortStart > n.PortEnd {
			r.fail(parts[2].index, "the last port, %d, is below the first, %d", n.PortEnd, n.PortStart)
		}
	case "tcp_cli":
		n.RemoteHost, n.RemotePort = r.host(parts[0]), r.port(parts[1])
	case "tcp_ser":
		n.LocalPort = r.port(parts[0])
	case "unix":
		n.Local, n.Remote = r.path(parts[0]), r.path(parts[1])
	case "vde":
		n.Remote, n.Local = r.path(parts[0]), r.path(parts[1])
	case "null":
		n.Name = r.rest
	}
	return n
}

// split cuts the rest at the colons outside of brackets.
func (r *nioReader) split() []field {
	var parts []field
	start, depth := 0, 0
	for i := 0; i <= len(r.rest); i++ {
		switch {
		case i == len(r.rest) || r.rest[i] == ':' && depth == 0:
			parts = append(parts, field{r.rest[start:i], r.at + start})
			start = i + 1
		case r.rest[i] == '[':
			depth = 1
		case r.rest[i] == ']':
			depth = 0
		}
	}
	return parts
}

func (r *nioReader) port(f field) int {
	n, err := strconv.ParseUint(f.text, 10, 16)
	if err != nil || n == 0 {
		r.fail(f.index, "port %q: expected a number from 1 to 65535", short(f.text))
	}
	return int(n)
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,253}$`)

// host takes names, IPv4 addresses, and IPv6 addresses in brackets, which it
// takes off.
func (r *nioReader) host(f field) string {
	if inner, ok := strings.CutPrefix(f.text, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		if a, err := netip.ParseAddr(inner); !ok || err != nil || !a.Is6() {
			r.fail(f.index, "%q: expected an IPv6 address in the brackets, such as [::1]", short(f.text))
		}
		return inner
	}
	if !hostName.MatchString(f.text) {
		r.fail(f.index, "host %q: expected a name or address, an IPv6 address in brackets", short(f.text))
	}
	return f.text
}

// maxIfname is the length in bytes that the kernel takes (IFNAMSIZ without its
// zero).
const maxIfname = 15

// ifname takes the names that the kernel takes; a % would make it choose a
// number.
func (r *nioReader) ifname(f field) string {
	bad := func(c rune) bool { return strings.ContainsRune("/:%", c) || unicode.IsSpace(c) || unicode.IsControl(c) }
	switch name := f.text; {
	case name == "":
		r.fail(f.index, "the name of the interface is missing")
	case len(name) > maxIfname:
		r.fail(f.index, "interface name %q has %d bytes; Linux takes at most %d", short(name), len(name), maxIfname)
	case name == "." || name == ".." || strings.ContainsFunc(name, bad):
		r.fail(f.index, "bad interface name %q: it takes no / : %% and blanks", name)
	}
	return f.text
}

func (r *nioReader) prefix(f field) string {
	p, err := netip.ParsePrefix(f.text)
	if a := p.Addr(); err != nil || a.IsUnspecified() || a.IsMulticast() || p.Bits() == 0 {
		r.fail(f.index, "%q: expected the address that the host gets and the length of its network's prefix, such as 192.0.2.1/24", short(f.text))
		return ""
	}
	return p.String()
}

// maxPath is the length in bytes of the path of a socket (unix(7), sun_path
// without its zero).
const maxPath = 107

func (r *nioReader) path(f field) string {
	switch {
	case !strings.HasPrefix(f.text, "/"):
		r.fail(f.index, "path %q: expected the whole path of a socket, from /", short(f.text))
	case len(f.text) > maxPath:
		r.fail(f.index, "path %q has %d bytes; a socket's has at most %d", short(f.text), len(f.text), maxPath)
	case strings.ContainsFunc(f.text, unicode.IsControl):
		r.fail(f.index, "path %q has control characters", short(f.text))
	}
	return f.text
}

// own names what a NIO has of the machine and can share with no other; "" where
// there is nothing such.
func (n NIO) own() string {
	switch n.Type {
	case "udp":
		return fmt.Sprintf("UDP port %d", n.LocalPort)
	case "tcp_ser":
		return fmt.Sprintf("TCP port %d", n.LocalPort)
	case "tap", "host":
		return "interface " + n.Interface
	case "unix", "vde":
		return "socket " + path.Clean(n.Local)
	}
	return ""
}

// claim notes what the link's NIO has for itself, and complains when another
// has it.
func (b *builder) claim(c *connection, l Link) {
	what := c.nio.own()
	if what == "" {
		return
	}
	if first, taken := b.claims[what]; taken {
		at := c.opt.word(c.words[0].index)
		b.errorf(at.line, at.column, "%s is already used by %s (line %d)", what, first.A, first.Line)
		return
	}
	b.claims[what] = l
}
