package netd

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"dynemu/emud/node"
)

// parts are groups of fields of a request.
type parts uint16

const (
	namespace  parts = 1 << iota // Namespace
	port                         // Namespace, Interface
	peer                         // PeerNamespace, PeerInterface
	lan                          // PeerNamespace
	up                           // Up
	peerUp                       // PeerUp
	frameRelay                   // FrameRelay
	hostIf                       // Host
	address                      // Address, which may be empty
	nioType                      // NIO
	device                       // Lab, Device
	kind                         // Kind
	limits                       // Limits
	process                      // PID, Start: both or none
)

const (
	maxNamespace = 255 // NAME_MAX of the folder of namespaces
	maxIfname    = unix.IFNAMSIZ - 1
	maxWord      = 128     // bytes of the name of a lab or device
	maxCPU       = 100_000 // percent: a thousand processors
	maxMemory    = 1 << 50 // bytes
)

// check refuses a request whose parts are not exactly those that its operation takes, or
// whose content is not what such a part can be.
func (r Request) check(takes parts, prefix string) error {
	var errs firstError
	want := Request{Version: r.Version, Op: r.Op}
	if takes&(namespace|port) != 0 {
		want.Namespace = r.Namespace
		errs.add(checkNamespace(r.Namespace, prefix))
	}
	if takes&port != 0 {
		want.Interface = r.Interface
		errs.add(checkIfname(r.Interface))
	}
	if takes&(peer|lan) != 0 {
		want.PeerNamespace = r.PeerNamespace
		errs.add(checkNamespace(r.PeerNamespace, prefix))
	}
	if takes&peer != 0 {
		want.PeerInterface = r.PeerInterface
		errs.add(checkIfname(r.PeerInterface))
	}
	if takes&up != 0 {
		want.Up = r.Up
	}
	if takes&peerUp != 0 {
		want.PeerUp = r.PeerUp
	}
	if takes&frameRelay != 0 {
		want.FrameRelay = r.FrameRelay
	}
	if takes&hostIf != 0 {
		want.Host = r.Host
		errs.add(checkIfname(r.Host))
	}
	if takes&address != 0 {
		want.Address = r.Address
		errs.add(checkAddress(r.Address))
	}
	if takes&nioType != 0 {
		want.NIO = r.NIO
		if !slices.Contains(PrivilegedNIOs, r.NIO) {
			errs.add(fmt.Errorf("NIO of type %.40q: %s are accepted", r.NIO, strings.Join(PrivilegedNIOs, " and ")))
		}
	}
	if takes&device != 0 {
		want.Lab, want.Device = r.Lab, r.Device
		errs.add(checkWord("lab", r.Lab))
		errs.add(checkWord("device", r.Device))
	}
	if takes&kind != 0 {
		want.Kind = r.Kind
		if !slices.Contains(kinds, r.Kind) {
			errs.add(fmt.Errorf("device of kind %.40q: %s are accepted", r.Kind, strings.Join(kinds, ", ")))
		}
	}
	if takes&limits != 0 {
		want.Limits = r.Limits
		if r.Limits.CPU < 0 || r.Limits.CPU > maxCPU || r.Limits.Memory > maxMemory {
			errs.add(fmt.Errorf("limits of %d %% and %d bytes: at most %d and %d are accepted", r.Limits.CPU, r.Limits.Memory, maxCPU, maxMemory))
		}
	}
	if takes&process != 0 {
		want.PID, want.Start = r.PID, r.Start
		if r.PID < 0 || r.PID == 1 || (r.PID == 0) != (r.Start == 0) {
			errs.add(fmt.Errorf("process %d started at %d: a number above 1 and a time, or neither, are accepted", r.PID, r.Start))
		}
	}
	if r != want {
		errs.add(fmt.Errorf("operation %s: the request has more parts than it takes", r.Op))
	}
	return errs.err
}

// kinds are what a device can be.
var kinds = []string{kindRouter, node.EthernetSwitch, node.FrameRelaySwitch, node.ATMSwitch, node.ATMBridge, node.Hub}

const kindRouter = "Router"

// firstError keeps the first of several errors.
type firstError struct{ err error }

func (f *firstError) add(err error) {
	if f.err == nil {
		f.err = err
	}
}

// checkNamespace accepts PREFIX-ANYTHING, a file name: nothing that leads out of the
// folder of namespaces or that a terminal would take as more than text.
func checkNamespace(name, prefix string) error {
	rest, ok := strings.CutPrefix(name, prefix+"-")
	if !ok || rest == "" || len(name) > maxNamespace || !isText(name) || strings.Contains(name, "/") {
		return fmt.Errorf("namespace %.300q: %s-NAME of at most %d bytes without / and control characters is accepted", name, prefix, maxNamespace)
	}
	return nil
}

// checkIfname accepts names of interfaces: no % (the kernel puts a number there), and
// neither of the two that are no interface but all of them in /proc/sys/net.
func checkIfname(name string) error {
	ok := len(name) >= 1 && len(name) <= maxIfname && name != "." && name != ".." && name != "all" && name != "default"
	for _, c := range []byte(name) {
		ok = ok && c > ' ' && c < 0x7f && strings.IndexByte("/:%", c) < 0
	}
	if !ok {
		return fmt.Errorf("interface %.40q: 1 to %d letters, digits and signs but / : %% are accepted", name, maxIfname)
	}
	return nil
}

// checkWord accepts names of labs and devices.
func checkWord(what, name string) error {
	if name == "" || len(name) > maxWord || !isText(name) || strings.Contains(name, "/") || name == "." || name == ".." {
		return fmt.Errorf("%s %.200q: 1 to %d bytes without / and control characters are accepted", what, name, maxWord)
	}
	return nil
}

func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError })
}

func checkAddress(s string) error {
	if s == "" {
		return nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().IsMulticast() || p.Addr().IsUnspecified() {
		return fmt.Errorf("address %.60q: ADDRESS/LENGTH like 10.0.0.1/24 is accepted", s)
	}
	return nil
}

// checkListener accepts the listening socket of a node.
func checkListener(f *os.File) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	ok := true
	err = c.Control(func(fd uintptr) {
		for option, want := range map[int]int{unix.SO_DOMAIN: unix.AF_UNIX, unix.SO_TYPE: unix.SOCK_SEQPACKET, unix.SO_ACCEPTCONN: 1} {
			got, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, option)
			ok = ok && err == nil && got == want
		}
	})
	if err == nil && !ok {
		err = fmt.Errorf("the first descriptor is no Unix socket of packets that listens")
	}
	return err
}

// checkLog accepts what a node may log to: a regular file.
func checkLog(f *os.File) error {
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("the second descriptor is no regular file")
	}
	return err
}
