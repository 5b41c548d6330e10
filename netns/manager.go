package netns

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	vnetns "github.com/vishvananda/netns"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Dir is where namespaces are bind-mounted, so that ip netns shows them.
const Dir = "/run/netns"

// MTU is the MTU in bytes of every interface made here. It is above any frame
// that a router's Ethernet port sends (jumbo 9000 with tags, ISL), because veth
// drops frames larger than its MTU plus header and tag (platform reference 5.1).
const MTU = 9216

// cleaners is how many namespaces Cleanup removes at a time: each is mostly
// waiting.
const cleaners = 8

const (
	maxName    = 255 // NAME_MAX of the file system under Dir
	maxIfname  = unix.IFNAMSIZ - 1
	linkSuffix = ".link"
)

// ErrForeign is returned for a namespace that exists but was not made by a
// Manager of this prefix.
var ErrForeign = errors.New("namespace exists and is not ours")

// Manager makes and removes namespaces whose names begin with a prefix. Its
// methods may be called from any goroutine. It needs CAP_SYS_ADMIN and
// CAP_NET_ADMIN.
type Manager struct {
	prefix string
	locks
}

// New returns a Manager for the namespaces of prefix. It changes nothing.
func New(prefix string) *Manager { return &Manager{prefix: prefix} }

// Endpoint names the Ethernet port that a link is plugged into by its
// namespace and the name of its TAP (f0-0).
type Endpoint struct {
	Namespace string
	Ifname    string
}

// String renders the endpoint as messages show it: NAMESPACE:IFNAME.
func (e Endpoint) String() string { return e.Namespace + ":" + e.Ifname }

// Name is the name of the namespace of a device of a lab: PREFIX-LAB-DEVICE. A
// name longer than 255 bytes is cut and ends in a hash of the whole.
func (m *Manager) Name(lab, device string) string {
	return shorten(m.prefix+"-"+lab+"-"+device, maxName)
}

// LinkName is the name of the veth end beside the TAP ifname: f0-0.link. It is
// shortened with a hash when it would exceed the 15 bytes of an interface name.
func LinkName(ifname string) string { return shorten(ifname+linkSuffix, maxIfname) }

// shorten returns name, or its beginning and eight hexadecimal digits of its
// SHA-256, in at most limit bytes.
func shorten(name string, limit int) string {
	if len(name) <= limit {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	h := hex.EncodeToString(sum[:4])
	return name[:limit-len(h)-1] + "~" + h
}

// mark is the alias of the loopback interface of a namespace of ours.
func (m *Manager) mark() string { return "made by dynemu for " + m.prefix }

func path(name string) string { return filepath.Join(Dir, name) }

// checkName refuses names that are not ours or that would leave Dir.
func (m *Manager) checkName(name string) error {
	if !strings.HasPrefix(name, m.prefix+"-") || strings.ContainsAny(name, "/\x00") || len(name) > maxName {
		return fmt.Errorf("namespace %q: want a name of at most %d bytes that begins with %q and has no /", name, maxName, m.prefix+"-")
	}
	return nil
}

// checkIfname refuses what the kernel would refuse as an interface name, % where it
// puts a number, and the two names that mean all interfaces in /proc/sys/net.
func checkIfname(name string) error {
	if name == "" || name == "." || name == ".." || name == "all" || name == "default" || len(name) > maxIfname ||
		strings.ContainsAny(name, "/:% \t\n\x00") {
		return fmt.Errorf("interface name %q: want 1 to %d bytes without /, :, %% and spaces, and neither all nor default", name, maxIfname)
	}
	return nil
}

// EnsureNamespace makes the namespace name, with IPv6 and forwarding off and
// bridged frames kept from the packet filter. It does nothing when it is there.
// It returns ErrForeign for a namespace of that name that something else made.
func (m *Manager) EnsureNamespace(name string) error {
	if err := m.checkName(name); err != nil {
		return err
	}
	defer m.lock(name)()
	if isNamespace(path(name)) {
		if err := m.checkOwner(name); err != nil {
			return err
		}
		return inNamespace(name, quieten)
	}
	if err := m.makeNamespace(name); err != nil {
		return fmt.Errorf("make namespace %s: %w", name, err)
	}
	return nil
}

// makeNamespace makes and prepares a namespace on a thread of its own, then
// mounts it: a crash before the mount leaves nothing but an empty file.
func (m *Manager) makeNamespace(name string) error {
	unlock, err := lockDir()
	if err != nil {
		return err
	}
	defer unlock()
	f, err := os.OpenFile(path(name), os.O_RDONLY|os.O_CREATE, 0o444)
	if err != nil {
		return err
	}
	f.Close()
	err = onOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		if err := quieten(); err != nil {
			return err
		}
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		if err := netlink.LinkSetAlias(lo, m.mark()); err != nil {
			return fmt.Errorf("mark: %w", err)
		}
		return unix.Mount("/proc/thread-self/ns/net", path(name), "none", unix.MS_BIND, "")
	})
	if err != nil {
		os.Remove(path(name))
	}
	return err
}

// lockDir makes Dir as "ip netns add" does, a mount point of its own with shared
// propagation, so that namespaces come and go in other mount namespaces too. It
// takes the lock that ip takes and returns what releases it.
func lockDir() (unlock func(), err error) {
	if err := os.MkdirAll(Dir, 0o755); err != nil {
		return nil, err
	}
	d, err := os.Open(Dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX); err != nil {
		d.Close()
		return nil, fmt.Errorf("lock %s: %w", Dir, err)
	}
	unlock = func() { d.Close() }
	err = unix.Mount("", Dir, "none", unix.MS_SHARED|unix.MS_REC, "")
	if err == unix.EINVAL { // not a mount point yet
		err = unix.Mount(Dir, Dir, "none", unix.MS_BIND|unix.MS_REC, "")
		if err == nil {
			err = unix.Mount("", Dir, "none", unix.MS_SHARED|unix.MS_REC, "")
		}
	}
	if err != nil {
		unlock()
		return nil, fmt.Errorf("share mount %s: %w", Dir, err)
	}
	return unlock, nil
}

// quieten sets the sysctls of the current thread's namespace that keep the
// kernel from sending or altering packets. A file that the kernel does not have
// names a feature that it does not have.
func quieten() error {
	for _, s := range []struct{ name, value string }{
		{"ipv6/conf/all/disable_ipv6", "1"},
		{"ipv6/conf/default/disable_ipv6", "1"},
		{"ipv4/ip_forward", "0"},
		// Never answer ARP, even if someone adds an address.
		{"ipv4/conf/default/arp_ignore", "8"},
		{"bridge/bridge-nf-call-iptables", "0"},
		{"bridge/bridge-nf-call-ip6tables", "0"},
		{"bridge/bridge-nf-call-arptables", "0"},
	} {
		file := "/proc/sys/net/" + s.name
		old, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) || err == nil && strings.TrimSpace(string(old)) == s.value {
			continue
		}
		if err == nil {
			err = os.WriteFile(file, []byte(s.value), 0)
		}
		if err != nil {
			return fmt.Errorf("set %s to %s: %w", s.name, s.value, err)
		}
	}
	return nil
}

// DeleteNamespace removes the namespace and every interface in it, also TAPs
// that a running node still holds: the node sees its port unplugged. It does
// nothing when there is none.
func (m *Manager) DeleteNamespace(name string) error {
	if err := m.checkName(name); err != nil {
		return err
	}
	defer m.lock(name)()
	if _, err := os.Lstat(path(name)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	there := isNamespace(path(name))
	if there {
		if err := m.checkOwner(name); err != nil {
			return err
		}
		// The namespace lives on while a node holds a TAP of it, and the kernel
		// clears a dead one at leisure: take the interfaces away now.
		if err := removeLinks(name); err != nil {
			return fmt.Errorf("empty namespace %s: %w", name, err)
		}
	}
	unlock, err := lockDir()
	if err != nil {
		return err
	}
	defer unlock()
	if there {
		if err := unix.Unmount(path(name), unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", path(name), err)
		}
	}
	if err := os.Remove(path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// removeGroup marks interfaces that go in one step (IFLA_GROUP). The kernel's own
// loopback interface stays in group 0.
const removeGroup = 0x64796e

// removeLinks removes all interfaces that can be, in one step: each step has the
// kernel wait until nothing uses what it removed.
func removeLinks(name string) error {
	h, err := open(name)
	if err != nil {
		return err
	}
	defer h.close()
	links, err := h.removable()
	if err != nil || len(links) == 0 {
		return err
	}
	for _, l := range links {
		err := h.LinkSetGroup(l, removeGroup)
		if err != nil && !isGone(err) {
			return fmt.Errorf("group %s: %w", l.Attrs().Name, err)
		}
	}
	return h.vanish(func(h *handle) error {
		req := nl.NewNetlinkRequest(unix.RTM_DELLINK, unix.NLM_F_ACK)
		req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
		req.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(removeGroup)))
		return h.execute(req)
	}, func() (bool, error) {
		links, err := h.removable()
		return len(links) == 0, err
	})
}

// removable lists all interfaces but loopback and hardware that someone moved
// here.
func (h *handle) removable() ([]netlink.Link, error) {
	links, err := h.list()
	return slices.DeleteFunc(links, func(l netlink.Link) bool { return l.Type() == "device" }), err
}

// vanish has del remove interfaces, and returns as soon as gone finds that they
// are no longer there. The kernel goes on with del for some 20 ms then, in which
// it waits for all its processors before it frees memory.
func (h *handle) vanish(del func(h *handle) error, gone func() (bool, error)) error {
	fd, err := unix.FcntlInt(uintptr(h.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	own, err := openAt(vnetns.NsHandle(fd)) // h is closed before del ends
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		defer own.close()
		done <- del(own)
	}()
	for {
		select {
		case err := <-done:
			if isGone(err) {
				return nil
			}
			return err
		case <-time.After(time.Millisecond):
		}
		if ok, err := gone(); ok || err != nil {
			return err
		}
	}
}

// Namespaces returns the names of the namespaces of this prefix, sorted.
func (m *Manager) Namespaces() ([]string, error) {
	names, err := m.candidates()
	if err != nil {
		return nil, err
	}
	ours := names[:0]
	for _, name := range names {
		if isNamespace(path(name)) && m.checkOwner(name) == nil {
			ours = append(ours, name)
		}
	}
	return ours, nil
}

// candidates lists the files in Dir whose name begins with the prefix.
func (m *Manager) candidates() ([]string, error) {
	entries, err := os.ReadDir(Dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), m.prefix+"-") {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	return names, nil
}

// Cleanup removes every namespace of this prefix for which keep returns false
// (all of them when keep is nil), and what a crash left half made. It goes on
// after an error and returns all of them.
func (m *Manager) Cleanup(keep func(ns string) bool) error {
	names, err := m.candidates()
	if err != nil {
		return err
	}
	errs := make([]error, len(names))
	var group errgroup.Group
	group.SetLimit(cleaners)
	var kept []string
	for i, name := range names {
		if keep != nil && keep(name) {
			kept = append(kept, name)
			continue
		}
		group.Go(func() error {
			switch {
			case !isNamespace(path(name)):
				errs[i] = m.removeHalfMade(name)
			case m.checkOwner(name) == nil:
				errs[i] = m.DeleteNamespace(name)
			}
			return nil
		})
	}
	_ = group.Wait() // errs has them
	return errors.Join(append(errs, m.cleanHost(kept))...)
}

// removeHalfMade removes the empty file that a crash between creation and mount
// left. Whoever is between the two now holds the lock.
func (m *Manager) removeHalfMade(name string) error {
	defer m.lock(name)()
	unlock, err := lockDir()
	if err != nil {
		return err
	}
	defer unlock()
	if fi, err := os.Lstat(path(name)); err != nil || !fi.Mode().IsRegular() || fi.Size() != 0 || isNamespace(path(name)) {
		return nil
	}
	return os.Remove(path(name))
}

// isNamespace reports whether a namespace is mounted on the file.
func isNamespace(file string) bool {
	var st unix.Statfs_t
	return unix.Statfs(file, &st) == nil && int64(st.Type) == unix.NSFS_MAGIC
}

// checkOwner returns ErrForeign unless the namespace carries our mark.
func (m *Manager) checkOwner(name string) error {
	h, err := open(name)
	if err != nil {
		return err
	}
	defer h.close()
	lo, err := h.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("namespace %s: %w", name, err)
	}
	if got := lo.Attrs().Alias; got != m.mark() {
		return fmt.Errorf("%s: %w (alias of lo is %q, want %q)", name, ErrForeign, got, m.mark())
	}
	return nil
}

// handle is a netlink socket inside a namespace. It keeps the namespace alive,
// so it is closed as soon as the call that opened it ends.
type handle struct {
	*netlink.Handle
	fd  vnetns.NsHandle
	raw *nl.SocketHandle // for execute; nil until then
}

func open(name string) (*handle, error) {
	fd, err := vnetns.GetFromPath(path(name))
	if err != nil {
		return nil, fmt.Errorf("namespace %s: %w", name, err)
	}
	h, err := openAt(fd)
	if err != nil {
		return nil, fmt.Errorf("namespace %s: %w", name, err)
	}
	return h, nil
}

// openHost opens the namespace of the host: the one that every thread is in but
// those of onOwnThread.
func openHost() (*handle, error) {
	runtime.LockOSThread()
	fd, err := vnetns.Get()
	runtime.UnlockOSThread()
	if err != nil {
		return nil, fmt.Errorf("namespace of the host: %w", err)
	}
	return openAt(fd)
}

func openAt(fd vnetns.NsHandle) (*handle, error) {
	h, err := netlink.NewHandleAt(fd, unix.NETLINK_ROUTE)
	if err != nil {
		fd.Close()
		return nil, err
	}
	return &handle{Handle: h, fd: fd}, nil
}

func (h *handle) close() {
	if h.raw != nil {
		h.raw.Close()
	}
	h.Close()
	h.fd.Close()
}

// execute sends a request that the library has no call for.
func (h *handle) execute(req *nl.NetlinkRequest) error {
	if h.raw == nil {
		s, err := nl.GetNetlinkSocketAt(h.fd, -1, unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		h.raw = &nl.SocketHandle{Socket: s}
	}
	req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: h.raw}
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// list returns all interfaces.
func (h *handle) list() ([]netlink.Link, error) {
	for {
		links, err := h.LinkList()
		if !errors.Is(err, netlink.ErrDumpInterrupted) { // by a change elsewhere
			return links, err
		}
	}
}

// find returns the interface, or nil when there is none of that name.
func (h *handle) find(ifname string) (netlink.Link, error) {
	l, err := h.LinkByName(ifname)
	if isGone(err) {
		return nil, nil
	}
	return l, err
}

// isGone reports whether err says that an interface or namespace is not there.
func isGone(err error) bool {
	var notFound netlink.LinkNotFoundError
	return errors.As(err, &notFound) || errors.Is(err, unix.ENODEV) || errors.Is(err, os.ErrNotExist)
}

// inNamespace runs fn on a thread of its own in the namespace.
func inNamespace(name string, fn func() error) error {
	return onOwnThread(func() error {
		fd, err := vnetns.GetFromPath(path(name))
		if err != nil {
			return fmt.Errorf("namespace %s: %w", name, err)
		}
		defer fd.Close()
		if err := vnetns.Set(fd); err != nil {
			return fmt.Errorf("enter namespace %s: %w", name, err)
		}
		return fn()
	})
}

// onOwnThread runs fn on a thread that ends with it, whatever namespace fn left
// it in: a locked goroutine that ends takes its thread along. The process's first
// thread cannot end, would keep the namespace alive and is the one that /proc
// shows for the process, so it is never that thread.
func onOwnThread(fn func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			done <- onOwnThread(fn)
			runtime.UnlockOSThread()
			return
		}
		done <- fn()
	}()
	return <-done
}
