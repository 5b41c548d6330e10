package wire

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"unicode"
)

// NIO is a wire as the Dynamips command line describes it. Fields that a type
// does not use are zero.
type NIO struct {
	Type string // one of Types

	// LocalPort is what udp receives at and tcp_ser listens at.
	LocalPort int
	// RemoteHost, a name or an address without brackets, and RemotePort are the
	// other end of udp and tcp_cli, and of udp_auto where that has one.
	RemoteHost string
	RemotePort int
	// LocalHost is the address that udp_auto receives at, PortStart to PortEnd the
	// ports that it tries: the first that is free is taken.
	LocalHost          string
	PortStart, PortEnd int

	Interface string // tap, linux_eth, gen_eth

	// Local and Remote are paths: of unix, of the two sockets; of vde, of our
	// socket and of the switch's control socket.
	Local, Remote string

	Name string // fifo: the two of one name are joined
}

// forms are the types of ParseNIO with how they are written.
var forms = []struct{ kind, form string }{
	{"udp", "udp:LOCAL-PORT:REMOTE-HOST:REMOTE-PORT"},
	{"tap", "tap:INTERFACE"},
	{"unix", "unix:LOCAL-PATH:REMOTE-PATH"},
	{"null", "null"},
	{"vde", "vde:CONTROL-PATH:LOCAL-PATH"},
	{"udp_auto", "udp_auto:LOCAL-HOST:FIRST-PORT:LAST-PORT or udp_auto:LOCAL-HOST:FIRST-PORT:LAST-PORT:REMOTE-HOST:REMOTE-PORT"},
	{"tcp_cli", "tcp_cli:HOST:PORT"},
	{"tcp_ser", "tcp_ser:PORT"},
	{"linux_eth", "linux_eth:INTERFACE"},
	{"gen_eth", "gen_eth:INTERFACE"},
	{"fifo", "fifo:NAME"},
}

// Types returns the types of NIOs.
func Types() []string {
	all := make([]string, len(forms))
	for i, f := range forms {
		all[i] = f.kind
	}
	return all
}

// Forms returns how NIOs of each type are written.
func Forms() []string {
	all := make([]string, len(forms))
	for i, f := range forms {
		all[i] = f.form
	}
	return all
}

// nioParser reads one NIO and keeps the first error.
type nioParser struct {
	parts []string
	err   error
}

// ParseNIO reads the form TYPE:PARAMETERS: udp:10000:127.0.0.1:10001, tap:tap0,
// unix:/tmp/a:/tmp/b, null and so on; Types lists the types. An IPv6 address
// stands in brackets; that of udp need not. It opens nothing. Errors tell what
// was written and what is accepted.
//
// Source: netio-hypervisor reference, 7 and 15.
func ParseNIO(spec string) (NIO, error) {
	kind, rest, _ := strings.Cut(spec, ":")
	p := nioParser{parts: fields(rest)}
	n := NIO{Type: kind}
	known := true
	switch kind {
	case "udp":
		if h := rest[strings.Index(rest, ":")+1:]; strings.Count(h, ":") > 2 && !strings.HasPrefix(h, "[") {
			i := strings.LastIndex(h, ":")
			p.parts = []string{p.parts[0], "[" + h[:i] + "]", h[i+1:]}
		}
		p.want(3)
		n.LocalPort, n.RemoteHost, n.RemotePort = p.port(0, "local port"), p.host(1, "remote host"), p.port(2, "remote port")
	case "tap", "linux_eth", "gen_eth":
		p.want(1)
		n.Interface = p.ifname(0)
	case "unix":
		p.want(2)
		n.Local, n.Remote = p.path(0), p.path(1)
	case "vde":
		p.want(2)
		n.Remote, n.Local = p.path(0), p.path(1)
	case "udp_auto":
		p.want(3, 5)
		n.LocalHost, n.PortStart, n.PortEnd = p.host(0, "local host"), p.port(1, "first port"), p.port(2, "last port")
		if n.PortStart > n.PortEnd {
			p.fail("the last port, %d, is below the first, %d", n.PortEnd, n.PortStart)
		}
		if len(p.parts) == 5 {
			n.RemoteHost, n.RemotePort = p.host(3, "remote host"), p.port(4, "remote port")
		}
	case "tcp_cli":
		p.want(2)
		n.RemoteHost, n.RemotePort = p.host(0, "host"), p.port(1, "port")
	case "tcp_ser":
		p.want(1)
		n.LocalPort = p.port(0, "port")
	case "fifo":
		p.want(1)
		if n.Name = p.part(0); n.Name == "" {
			p.fail("the name is missing")
		}
	case "null":
		if rest != "" {
			p.fail("type null has no parameters")
		}
	default:
		known = false
		switch kind {
		case "":
			p.fail("the type is missing")
		case "mcast":
			p.fail("type mcast is not supported; later releases of Dynamips do not have it either")
		default:
			p.fail("unknown type %q", kind)
		}
	}
	if p.err == nil {
		return n, nil
	}
	var wanted []string
	for _, f := range forms {
		if f.kind == kind || !known {
			wanted = append(wanted, f.form)
		}
	}
	return NIO{}, fmt.Errorf("NIO %q: %w; wanted: %s", spec, p.err, strings.Join(wanted, ", "))
}

// fields cuts s at the colons outside of brackets.
func fields(s string) []string {
	var all []string
	start, inside := 0, false
	for i := range len(s) {
		switch s[i] {
		case '[':
			inside = true
		case ']':
			inside = false
		case ':':
			if !inside {
				all = append(all, s[start:i])
				start = i + 1
			}
		}
	}
	return append(all, s[start:])
}

func (p *nioParser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// want checks the number of parameters.
func (p *nioParser) want(counts ...int) {
	most := 0
	for _, n := range counts {
		if len(p.parts) == n {
			return
		}
		most = max(most, n)
	}
	if len(p.parts) > most {
		p.fail("too many parameters")
	} else {
		p.fail("parameters are missing")
	}
}

func (p *nioParser) part(i int) string {
	if i < len(p.parts) {
		return p.parts[i]
	}
	return ""
}

func (p *nioParser) port(i int, what string) int {
	n, err := strconv.ParseUint(p.part(i), 10, 16)
	if err != nil || n == 0 {
		p.fail("%s %q is not a number from 1 to 65535", what, p.part(i))
	}
	return int(n)
}

func (p *nioParser) host(i int, what string) string {
	h := p.part(i)
	if inner, ok := strings.CutPrefix(h, "["); ok && strings.HasSuffix(inner, "]") {
		h = strings.TrimSuffix(inner, "]")
	}
	switch {
	case h == "":
		p.fail("the %s is missing", what)
	case strings.ContainsFunc(h, func(c rune) bool { return strings.ContainsRune("[]/", c) || unicode.IsSpace(c) || unicode.IsControl(c) }):
		p.fail("%s %q is no name and no address", what, h)
	}
	return h
}

// maxIfname is the length in bytes of an interface's name (IFNAMSIZ).
const maxIfname = 15

func (p *nioParser) ifname(i int) string {
	name := p.part(i)
	switch {
	case name == "":
		p.fail("the interface is missing")
	case len(name) > maxIfname:
		p.fail("interface %q has %d bytes, %d is the most", name, len(name), maxIfname)
	case strings.ContainsAny(name, ":/ \t\n\x00") || name == "." || name == "..":
		p.fail("%q cannot be the name of an interface", name)
	}
	return name
}

func (p *nioParser) path(i int) string {
	path := p.part(i)
	switch {
	case path == "":
		p.fail("parameters are missing")
	case len(path) > maxPath:
		p.fail("a socket's path has at most %d bytes", maxPath)
	case strings.Contains(path, "\x00"):
		p.fail("a path has no zero byte")
	}
	return path
}

// String returns the form that ParseNIO reads.
func (n NIO) String() string {
	port := strconv.Itoa
	remote := func() string { return net.JoinHostPort(n.RemoteHost, port(n.RemotePort)) }
	parts := []string{n.Type}
	switch n.Type {
	case "udp":
		parts = append(parts, port(n.LocalPort), remote())
	case "tap", "linux_eth", "gen_eth":
		parts = append(parts, n.Interface)
	case "unix":
		parts = append(parts, n.Local, n.Remote)
	case "vde":
		parts = append(parts, n.Remote, n.Local)
	case "udp_auto":
		parts = append(parts, net.JoinHostPort(n.LocalHost, port(n.PortStart)), port(n.PortEnd))
		if n.RemoteHost != "" {
			parts = append(parts, remote())
		}
	case "tcp_cli":
		parts = append(parts, remote())
	case "tcp_ser":
		parts = append(parts, port(n.LocalPort))
	case "fifo":
		parts = append(parts, n.Name)
	}
	return strings.Join(parts, ":")
}

// Open returns the wire that n describes. Closing it removes what it left in the
// file system.
func (n NIO) Open() (Wire, error) {
	o, err := n.OpenFiles()
	if err != nil {
		return nil, err
	}
	w, err := FromFiles(o.Kind, o.File, o.Keep)
	if err != nil {
		_ = n.Remove() // the first error says more
		return nil, err
	}
	if w, ok := w.(interface{ atEnd(fn func()) }); ok {
		w.atEnd(func() { _ = n.Remove() })
	}
	return w, nil
}

// opened keeps a nil pointer from becoming a Wire that is not nil.
func opened[W Wire](w W, err error) (Wire, error) {
	if err != nil {
		return nil, err
	}
	return w, nil
}
