package netd

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"dynemu/emud/node"
	"dynemu/netns"
	"dynemu/vm/wire"
)

const (
	testPrefix = "nd"
	testMount  = "/nowhere/mount"
)

// fake is a System that does nothing but note what it is asked for, and that looks at
// each value as what would be done with it by others would: a violation is what must
// never reach a real one.
type fake struct {
	mu         sync.Mutex
	calls      []string
	violations []string
	err        error                         // of all calls
	host       func(string, bool, bool)      // the watcher of the host
	readers    map[string]func(string, bool) // of namespaces
	stopped    int                           // watches
	interfaces map[string]bool               // of the host, with their carrier
}

func (f *fake) note(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
	return f.err
}

func (f *fake) violate(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.violations = append(f.violations, fmt.Sprintf(format, args...))
}

func (f *fake) taken() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.calls
	f.calls = nil
	return c
}

// ns looks at a name as the file that it would be.
func (f *fake) ns(name string) string {
	at := filepath.Join("/run/netns", name)
	if filepath.Dir(at) != "/run/netns" || filepath.Base(at) != name || !strings.HasPrefix(name, testPrefix+"-") || len(name) > 255 ||
		strings.IndexFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) >= 0 || !utf8.ValidString(name) {
		f.violate("namespace %q", name)
	}
	return name
}

// ifname looks at a name as the kernel and the files of /proc/sys would.
func (f *fake) ifname(name string) string {
	at := filepath.Join("/proc/sys/net/ipv6/conf", name, "disable_ipv6")
	if filepath.Dir(filepath.Dir(at)) != "/proc/sys/net/ipv6/conf" || filepath.Base(filepath.Dir(at)) != name || len(name) > 15 ||
		name == "all" || name == "default" || !regexp.MustCompile(`^[!-~]+$`).MatchString(name) || strings.ContainsAny(name, "%:/") {
		f.violate("interface %q", name)
	}
	return name
}

func (f *fake) port(e netns.Endpoint) string { return f.ns(e.Namespace) + ":" + f.ifname(e.Ifname) }

// word looks at names of labs and devices as part of a unit's name and as an argument.
func (f *fake) word(name string) string {
	unit := node.UnitName(testPrefix, name, "R1")
	if name == "" || strings.ContainsAny(name, "/\x00\n") || !regexp.MustCompile(`^nd-[\\:_.a-zA-Z0-9-]+-R1\.service$`).MatchString(unit) {
		f.violate("name %q", name)
	}
	return name
}

func (f *fake) file() (*os.File, error) { return os.Open(os.DevNull) }

func (f *fake) Name(lab, device string) string { return testPrefix + "-" + lab + "-" + device }
func (f *fake) EnsureNamespace(name string) error {
	return f.note("EnsureNamespace %s", f.ns(name))
}
func (f *fake) DeleteNamespace(name string) error {
	return f.note("DeleteNamespace %s", f.ns(name))
}
func (f *fake) EnsureTAP(ns, ifname string, mtu int) error {
	if mtu != 0 {
		f.violate("MTU %d", mtu)
	}
	return f.note("EnsureTAP %s:%s", f.ns(ns), f.ifname(ifname))
}
func (f *fake) OpenTAP(ns, ifname string, mtu int) (*os.File, error) {
	if err := f.note("OpenTAP %s:%s", f.ns(ns), f.ifname(ifname)); err != nil {
		return nil, err
	}
	return f.file()
}
func (f *fake) RemoveInterface(ns, ifname string) error {
	return f.note("RemoveInterface %s:%s", f.ns(ns), f.ifname(ifname))
}
func (f *fake) LinkVeth(a, b netns.Endpoint, aUp, bUp bool) error {
	return f.note("LinkVeth %s %s %v %v", f.port(a), f.port(b), aUp, bUp)
}
func (f *fake) UnlinkVeth(a, b netns.Endpoint) error {
	return f.note("UnlinkVeth %s %s", f.port(a), f.port(b))
}
func (f *fake) EnsureLAN(ns string) error { return f.note("EnsureLAN %s", f.ns(ns)) }
func (f *fake) AttachLAN(lanNS string, port netns.Endpoint, up bool) error {
	return f.note("AttachLAN %s %s %v", f.ns(lanNS), f.port(port), up)
}
func (f *fake) DetachLAN(lanNS string, port netns.Endpoint) error {
	return f.note("DetachLAN %s %s", f.ns(lanNS), f.port(port))
}
func (f *fake) LinkHost(port netns.Endpoint, hostIf, address string, up bool) error {
	if address != "" {
		if p, err := netip.ParsePrefix(address); err != nil || p.Addr().Zone() != "" {
			f.violate("address %q", address)
		}
	}
	return f.note("LinkHost %s %s %q %v", f.port(port), f.ifname(hostIf), address, up)
}
func (f *fake) UnlinkHost(port netns.Endpoint, hostIf string) error {
	return f.note("UnlinkHost %s %s", f.port(port), f.ifname(hostIf))
}
func (f *fake) OpenHostTAP(name string) (*os.File, error) {
	if err := f.note("OpenHostTAP %s", f.ifname(name)); err != nil {
		return nil, err
	}
	return f.file()
}
func (f *fake) OpenNIO(n wire.NIO) (wire.Opened, error) {
	if n != (wire.NIO{Type: n.Type, Interface: n.Interface}) || n.Type != "gen_eth" && n.Type != "linux_eth" {
		f.violate("NIO %+v", n)
	}
	if err := f.note("OpenNIO %s %s", n.Type, f.ifname(n.Interface)); err != nil {
		return wire.Opened{}, err
	}
	file, err := f.file()
	return wire.Opened{File: file}, err
}
func (f *fake) OpenCable(port netns.Endpoint) (*os.File, error) {
	if err := f.note("OpenCable %s", f.port(port)); err != nil {
		return nil, err
	}
	return f.file()
}
func (f *fake) PlugCable(port netns.Endpoint, up bool) error {
	return f.note("PlugCable %s %v", f.port(port), up)
}
func (f *fake) RemoveCable(port netns.Endpoint) error { return f.note("RemoveCable %s", f.port(port)) }
func (f *fake) EnsureTUN(ns, ifname string, t netns.LinkType) error {
	if t != netns.HDLC && t != netns.FrameRelay {
		f.violate("link type %d", t)
	}
	return f.note("EnsureTUN %s:%s %v", f.ns(ns), f.ifname(ifname), t)
}
func (f *fake) OpenTUN(ns, ifname string) (tun, packet *os.File, err error) {
	if err := f.note("OpenTUN %s:%s", f.ns(ns), f.ifname(ifname)); err != nil {
		return nil, nil, err
	}
	tun, err = f.file()
	if err == nil {
		packet, err = f.file()
	}
	return tun, packet, err
}

func (f *fake) WatchHost(fn func(ifname string, exists, carrier bool)) (stop func(), err error) {
	if err := f.note("WatchHost"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	for _, name := range slices.Sorted(keys(f.interfaces)) {
		fn(name, true, f.interfaces[name])
	}
	f.host = fn
	f.mu.Unlock()
	return f.stop, nil
}

func keys[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (f *fake) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped++
}

func (f *fake) WatchReaders(ns string, fn func(ifname string, readers bool)) (stop func(), err error) {
	if err := f.note("WatchReaders %s", f.ns(ns)); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.readers == nil {
		f.readers = map[string]func(string, bool){}
	}
	f.readers[ns] = fn
	return f.stop, nil
}

func (f *fake) Units() bool { return false }

func (f *fake) Spawn(spec node.Spec, listener, log *os.File) error {
	what := "Router"
	if spec.Switch != nil {
		what = spec.Switch.Type
	}
	if !regexp.MustCompile(`^[A-Za-z]+$`).MatchString(what) {
		f.violate("kind %q", what)
	}
	if err := checkListener(listener); err != nil {
		f.violate("listener: %v", err)
	}
	f.limits(spec.Limits)
	return f.note("Spawn %s %s %s %+v", f.word(spec.Lab), f.word(spec.Device), what, spec.Limits)
}

func (f *fake) limits(l node.Limits) {
	if l.CPU < 0 || l.CPU*10000 < 0 || l.Memory > 1<<50 {
		f.violate("limits %+v", l)
	}
}

func (f *fake) Limit(lab, device string, l node.Limits) error {
	f.limits(l)
	return f.note("Limit %s %s %+v", f.word(lab), f.word(device), l)
}

func (f *fake) Kill(lab, device string, pid int, start uint64) error {
	if pid < 0 || pid == 1 || pid > 1 && start == 0 {
		f.violate("kill %d %d", pid, start)
	}
	return f.note("Kill %s %s %d %d", f.word(lab), f.word(device), pid, start)
}

func (f *fake) Mount(dir string) (*os.File, error) {
	if dir != testMount {
		f.violate("mount at %q", dir)
	}
	if err := f.note("Mount"); err != nil {
		return nil, err
	}
	return f.file()
}

func (f *fake) Unmount(dir string) error {
	if dir != testMount {
		f.violate("unmount of %q", dir)
	}
	return f.note("Unmount")
}

func (f *fake) Addresses() ([]string, error) {
	return slices.Repeat([]string{"2001:db8:1234:5678:9abc:def0:1234:5678"}, 1000), f.note("Addresses")
}

func (f *fake) Restarting(pid int) (bool, error) {
	if pid != os.Getpid() {
		f.violate("process %d asks", pid)
	}
	return true, f.note("Restarting")
}

var _ System = (*fake)(nil)

var errFake = fmt.Errorf("it is so: %w", errors.Join(netns.ErrHostDown, unix.EBUSY))

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
