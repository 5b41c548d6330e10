package netd

import (
	"fmt"
	"net"
	"os"
	"slices"

	"dynemu/emud/node"
	"dynemu/fs/mountpoint"
	"dynemu/netns"
	"dynemu/vm/wire"
)

// Network is what is made of the Linux network. But for OpenNIO, a netns.Manager says
// of each method what it does.
type Network interface {
	Name(lab, device string) string
	EnsureNamespace(name string) error
	DeleteNamespace(name string) error
	EnsureTAP(ns, ifname string, mtu int) error
	OpenTAP(ns, ifname string, mtu int) (*os.File, error)
	RemoveInterface(ns, ifname string) error
	LinkVeth(a, b netns.Endpoint, aUp, bUp bool) error
	UnlinkVeth(a, b netns.Endpoint) error
	EnsureLAN(ns string) error
	AttachLAN(lanNS string, port netns.Endpoint, up bool) error
	DetachLAN(lanNS string, port netns.Endpoint) error
	LinkHost(port netns.Endpoint, hostIf, address string, up bool) error
	UnlinkHost(port netns.Endpoint, hostIf string) error
	OpenHostTAP(name string) (*os.File, error)
	OpenCable(port netns.Endpoint) (*os.File, error)
	PlugCable(port netns.Endpoint, up bool) error
	RemoveCable(port netns.Endpoint) error
	EnsureTUN(ns, ifname string, t netns.LinkType) error
	OpenTUN(ns, ifname string) (tun, packet *os.File, err error)
	WatchHost(fn func(ifname string, exists, carrier bool)) (stop func(), err error)
	WatchReaders(ns string, fn func(ifname string, readers bool)) (stop func(), err error)
	// OpenNIO opens a NIO of a type in PrivilegedNIOs, of which type and interface count.
	OpenNIO(n wire.NIO) (wire.Opened, error)
}

// PrivilegedNIOs are the types of NIO that need CAP_NET_RAW to open.
var PrivilegedNIOs = []string{"gen_eth", "linux_eth"}

// System is everything that needs privilege.
type System interface {
	Network
	node.Spawner
	// Mount mounts a FUSE file system at dir as mountpoint.Mount does, Unmount detaches it.
	Mount(dir string) (*os.File, error)
	Unmount(dir string) error
	// Addresses are the IP addresses of this machine.
	Addresses() ([]string, error)
	// Restarting reports whether the service manager ends the service of process pid only
	// to start it again.
	Restarting(pid int) (bool, error)
}

// Host is the System of this process, which needs CAP_SYS_ADMIN, CAP_NET_ADMIN and
// CAP_NET_RAW, and to be root where it starts nodes.
type Host struct {
	*netns.Manager
	node.Spawner
}

// NewHost returns the Host for the namespaces and units of a prefix, which starts nodes
// as opt says (see node.NewSpawner). It changes nothing.
func NewHost(prefix string, opt node.Options) Host {
	return Host{netns.New(prefix), node.NewSpawner(opt)}
}

// Mount implements System.
func (Host) Mount(dir string) (*os.File, error) { return mountpoint.Mount(dir) }

// Unmount implements System.
func (Host) Unmount(dir string) error { return mountpoint.Unmount(dir) }

// Addresses implements System.
func (Host) Addresses() ([]string, error) {
	all, err := net.InterfaceAddrs()
	var addresses []string
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			addresses = append(addresses, n.IP.String())
		}
	}
	return addresses, err
}

// OpenNIO implements Network.
func (Host) OpenNIO(n wire.NIO) (wire.Opened, error) {
	if !slices.Contains(PrivilegedNIOs, n.Type) {
		return wire.Opened{}, fmt.Errorf("a NIO of type %s needs no privilege", n.Type)
	}
	return n.OpenFiles()
}

var _ System = Host{}
