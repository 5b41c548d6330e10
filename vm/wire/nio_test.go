package wire

import (
	"strings"
	"testing"
)

func TestParseNIO(t *testing.T) {
	for _, c := range []struct {
		spec string
		want NIO
		err  string
	}{
		{"udp:10000:127.0.0.1:10001", NIO{Type: "udp", LocalPort: 10000, RemoteHost: "127.0.0.1", RemotePort: 10001}, ""},
		{"udp:1:host.example:65535", NIO{Type: "udp", LocalPort: 1, RemoteHost: "host.example", RemotePort: 65535}, ""},
		{"udp:1:::1:2", NIO{Type: "udp", LocalPort: 1, RemoteHost: "::1", RemotePort: 2}, ""},
		{"udp:1:[fe80::1%eth0]:2", NIO{Type: "udp", LocalPort: 1, RemoteHost: "fe80::1%eth0", RemotePort: 2}, ""},
		{"tap:tap0", NIO{Type: "tap", Interface: "tap0"}, ""},
		{"unix:/tmp/a:/tmp/b", NIO{Type: "unix", Local: "/tmp/a", Remote: "/tmp/b"}, ""},
		{"null", NIO{Type: "null"}, ""},
		{"udp", NIO{}, `NIO "udp": parameters are missing; wanted: udp:LOCAL-PORT:REMOTE-HOST:REMOTE-PORT`},
		{"udp:1:h", NIO{}, "parameters are missing"},
		{"udp:x:h:2", NIO{}, `local port "x" is not a number from 1 to 65535`},
		{"udp:0:h:2", NIO{}, `local port "0"`},
		{"udp:1:h:65536", NIO{}, `remote port "65536"`},
		{"udp:1::2", NIO{}, "the remote host is missing"},
		{"udp:1:h:2:3", NIO{}, "too many parameters"},
		{"tap:", NIO{}, "the interface is missing"},
		{"tap:abcdefghijklmnop", NIO{}, "has 16 bytes, 15 is the most"},
		{"tap:a:b", NIO{}, "too many parameters"},
		{"tap:a b", NIO{}, "cannot be the name"},
		{"unix:/tmp/a", NIO{}, "parameters are missing; wanted: unix:LOCAL-PATH:REMOTE-PATH"},
		{"unix:a:b:c", NIO{}, "too many parameters"},
		{"unix:a:" + strings.Repeat("x", 108), NIO{}, "107 bytes"},
		{"null:x", NIO{}, "no parameters"},
		{"", NIO{}, "the type is missing"},
		{"vde:/run/sw/ctl:/tmp/a", NIO{Type: "vde", Remote: "/run/sw/ctl", Local: "/tmp/a"}, ""},
		{"udp_auto:127.0.0.1:10000:10100", NIO{Type: "udp_auto", LocalHost: "127.0.0.1", PortStart: 10000, PortEnd: 10100}, ""},
		{"udp_auto:[::]:5:5:[::1]:7", NIO{Type: "udp_auto", LocalHost: "::", PortStart: 5, PortEnd: 5, RemoteHost: "::1", RemotePort: 7}, ""},
		{"tcp_cli:[::1]:5000", NIO{Type: "tcp_cli", RemoteHost: "::1", RemotePort: 5000}, ""},
		{"tcp_cli:h.example:5000", NIO{Type: "tcp_cli", RemoteHost: "h.example", RemotePort: 5000}, ""},
		{"tcp_ser:5000", NIO{Type: "tcp_ser", LocalPort: 5000}, ""},
		{"linux_eth:eth0.10", NIO{Type: "linux_eth", Interface: "eth0.10"}, ""},
		{"gen_eth:eth0", NIO{Type: "gen_eth", Interface: "eth0"}, ""},
		{"fifo:a", NIO{Type: "fifo", Name: "a"}, ""},
		{"vde:a", NIO{}, "parameters are missing; wanted: vde:CONTROL-PATH:LOCAL-PATH"},
		{"udp_auto:h:9:8", NIO{}, "the last port, 8, is below the first, 9"},
		{"udp_auto:h:1:2:h", NIO{}, "parameters are missing"},
		{"tcp_cli:::1:5000", NIO{}, "too many parameters; wanted: tcp_cli:HOST:PORT"},
		{"tcp_cli:a b:5000", NIO{}, "no name and no address"},
		{"tcp_ser:x", NIO{}, `port "x" is not a number`},
		{"linux_eth:", NIO{}, "the interface is missing"},
		{"fifo", NIO{}, "the name is missing; wanted: fifo:NAME"},
		{"mcast:224.0.0.1:5", NIO{}, "type mcast is not supported"},
		{"upd:1:h:2", NIO{}, `unknown type "upd"; wanted: udp:`},
	} {
		got, err := ParseNIO(c.spec)
		switch {
		case c.err == "" && (err != nil || got != c.want):
			t.Errorf("%q: %+v, %v; want %+v", c.spec, got, err, c.want)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%q: %v, want …%s…", c.spec, err, c.err)
		}
	}
}

func FuzzParseNIO(f *testing.F) {
	for _, s := range []string{"udp:1:::1:2", "tap:t", "unix:a:b", "null", "udp:1:[a]:2", "vde:a:b", "udp_auto:h:1:2:[::1]:3", "tcp_cli:h:1", "tcp_ser:1", "linux_eth:e", "gen_eth:e", "fifo:x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		n, err := ParseNIO(spec)
		if err != nil {
			return
		}
		if again, err := ParseNIO(n.String()); err != nil || again != n {
			t.Errorf("%q: %+v, written %q, read %+v, %v", spec, n, n, again, err)
		}
	})
}

func TestOpenNIO(t *testing.T) {
	w, err := NIO{Type: "udp", LocalPort: freePort(t), RemoteHost: "127.0.0.1", RemotePort: 9}.Open()
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	for _, n := range []NIO{
		{Type: "udp", LocalPort: 1, RemoteHost: "no such host.invalid", RemotePort: 1},
		{Type: "unix", Local: "/nonexistent/a", Remote: "/nonexistent/b"},
		{Type: "vde", Remote: "/nonexistent/ctl", Local: "/tmp/a"},
		{Type: "udp_auto", LocalHost: "127.0.0.1", PortStart: 2, PortEnd: 1},
		{Type: "tcp_cli", RemoteHost: "127.0.0.1", RemotePort: freePort(t)},
		{Type: "linux_eth", Interface: "no-such-if"},
		{Type: "mcast"},
		{},
	} {
		if w, err := n.Open(); err == nil || w != nil {
			t.Errorf("%v: %v, %v", n, w, err)
		}
	}
}
