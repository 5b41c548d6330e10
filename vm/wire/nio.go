package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// NIO is a wire as the Dynamips command line describes it. Fields that a type
// does not use are zero.
type NIO struct {
	Type string // udp, tap, unix or null

	LocalPort  int    // udp
	RemoteHost string // udp: a name or an address
	RemotePort int    // udp

	Interface string // tap

	Local, Remote string // unix: paths
}

// forms are the types of ParseNIO with how they are written.
var forms = []struct{ kind, form string }{
	{"udp", "udp:LOCAL-PORT:REMOTE-HOST:REMOTE-PORT"},
	{"tap", "tap:INTERFACE"},
	{"unix", "unix:LOCAL-PATH:REMOTE-PATH"},
	{"null", "null"},
}

// others are types that Dynamips has too.
var others = []string{"vde", "udp_auto", "tcp_cli", "tcp_ser", "linux_eth", "gen_eth", "fifo", "mcast"}

// ParseNIO reads the form TYPE:PARAMETERS: udp:10000:127.0.0.1:10001, tap:tap0,
// unix:/tmp/a:/tmp/b or null. It opens nothing. Errors tell what was written
// and what is accepted.
//
// Source: netio-hypervisor reference, 7 and 15.
func ParseNIO(spec string) (NIO, error) {
	kind, rest, _ := strings.Cut(spec, ":")
	wrong := func(format string, args ...any) (NIO, error) {
		for _, f := range forms {
			if f.kind == kind {
				return NIO{}, fmt.Errorf("NIO %q: %s; wanted: %s", spec, fmt.Sprintf(format, args...), f.form)
			}
		}
		all := make([]string, len(forms))
		for i, f := range forms {
			all[i] = f.form
		}
		return NIO{}, fmt.Errorf("NIO %q: %s; wanted: %s", spec, fmt.Sprintf(format, args...), strings.Join(all, ", "))
	}
	switch kind {
	case "udp":
		// The host may be an IPv6 address, with or without brackets.
		first, last := strings.Index(rest, ":"), strings.LastIndex(rest, ":")
		if first < 0 || first == last {
			return wrong("parameters are missing")
		}
		n := NIO{Type: kind, RemoteHost: rest[first+1 : last]}
		if h, ok := strings.CutPrefix(n.RemoteHost, "["); ok && strings.HasSuffix(h, "]") {
			n.RemoteHost = strings.TrimSuffix(h, "]")
		}
		var ok bool
		if n.LocalPort, ok = port(rest[:first]); !ok {
			return wrong("local port %q is not a number from 1 to 65535", rest[:first])
		}
		if n.RemotePort, ok = port(rest[last+1:]); !ok {
			return wrong("remote port %q is not a number from 1 to 65535", rest[last+1:])
		}
		if n.RemoteHost == "" {
			return wrong("the remote host is missing")
		}
		if strings.Contains(n.RemoteHost, ":") && strings.Count(n.RemoteHost, ":") < 2 {
			return wrong("too many parameters")
		}
		return n, nil
	case "tap":
		switch {
		case rest == "":
			return wrong("the interface is missing")
		case len(rest) > 15:
			return wrong("interface %q has %d bytes, 15 is the most", rest, len(rest))
		case strings.ContainsAny(rest, ":/ \t\n\x00") || rest == "." || rest == "..":
			return wrong("%q cannot be the name of an interface", rest)
		}
		return NIO{Type: kind, Interface: rest}, nil
	case "unix":
		local, remote, ok := strings.Cut(rest, ":")
		switch {
		case !ok || local == "" || remote == "":
			return wrong("parameters are missing")
		case strings.Contains(remote, ":"):
			return wrong("too many parameters")
		case len(local) > 107 || len(remote) > 107:
			return wrong("a socket's path has at most 107 bytes")
		}
		return NIO{Type: kind, Local: local, Remote: remote}, nil
	case "null":
		if rest != "" {
			return wrong("type null has no parameters")
		}
		return NIO{Type: kind}, nil
	case "":
		return wrong("the type is missing")
	}
	for _, o := range others {
		if kind == o {
			return wrong("type %s is not supported here", kind)
		}
	}
	return wrong("unknown type %q", kind)
}

func port(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return int(n), err == nil && n > 0
}

// String returns the form that ParseNIO reads.
func (n NIO) String() string {
	switch n.Type {
	case "udp":
		return fmt.Sprintf("udp:%d:%s:%d", n.LocalPort, n.RemoteHost, n.RemotePort)
	case "tap":
		return "tap:" + n.Interface
	case "unix":
		return "unix:" + n.Local + ":" + n.Remote
	}
	return n.Type
}

// Open returns the wire that n describes.
func (n NIO) Open() (Wire, error) {
	switch n.Type {
	case "udp":
		return opened(NewUDP(n.LocalPort, n.RemoteHost, n.RemotePort))
	case "tap":
		return opened(OpenTAP(n.Interface))
	case "unix":
		return opened(NewUnix(n.Local, n.Remote))
	case "null":
		return NewNull(), nil
	}
	return nil, fmt.Errorf("NIO type %q is unknown; wanted: udp, tap, unix or null", n.Type)
}

// opened keeps a nil pointer from becoming a Wire that is not nil.
func opened[W Wire](w W, err error) (Wire, error) {
	if err != nil {
		return nil, err
	}
	return w, nil
}
