package emud

import (
	"encoding/binary"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"dynemu/emud/lab"
	"dynemu/emud/node"
	"dynemu/jit"
)

// statusHeader heads the rows of status. The first five columns are those of
// Dynagen's list.
var statusHeader = []string{"Name", "Type", "State", "Server", "Console", "Lab"}

// statusWidth are the least widths of the columns but the last.
var statusWidth = []int{10, 10, 10, 15, 7}

func statusRow(b *strings.Builder, cells []string) {
	for i, c := range cells {
		if i == len(cells)-1 {
			b.WriteString(c)
		} else {
			fmt.Fprintf(b, "%-*s ", statusWidth[i], c)
		}
	}
	b.WriteByte('\n')
}

// Status is a header and a row for each device of the labs.
func Status(labs ...*Lab) string {
	var b strings.Builder
	statusRow(&b, statusHeader)
	for _, l := range labs {
		for _, dev := range l.Devices() {
			state, console := dev.stateWord(), "n/a"
			if r := dev.Router(); r != nil && r.Console != 0 {
				console = strconv.Itoa(r.Console)
			}
			statusRow(&b, []string{dev.name, dev.wants().kind(), state, "localhost", console, l.name})
		}
	}
	return b.String()
}

// stateWord is the state as lists show it: that of a switch is Dynagen's word.
func (dev *Device) stateWord() string {
	state, _ := dev.State()
	if dev.Switch() != nil && state == node.Running {
		return "always on"
	}
	return string(state)
}

// VersionText is the content of the file version.
func (d *Daemon) VersionText() string {
	var u syscall.Utsname
	kernel := "unknown"
	if syscall.Uname(&u) == nil {
		var b []byte
		for _, c := range u.Release {
			if c == 0 {
				break
			}
			b = append(b, byte(c))
		}
		kernel = string(b)
	}
	return fmt.Sprintf("version %s\nbuilt-with %s\nhost %s %d CPUs Linux %s\ntranslator %s\nstarted %s\n",
		d.opt.Version, runtime.Version(), runtime.GOARCH, runtime.NumCPU(), kernel, onOff(jit.Supported), d.start.Format(time.RFC3339))
}

// Info describes the device: its section of the lab file, and what its node
// says.
func (dev *Device) Info() string {
	var b strings.Builder
	state, since := dev.State()
	r := dev.Router()
	if r == nil {
		return dev.switchInfo()
	}
	fact := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-14s %s\n", name, fmt.Sprintf(format, args...))
	}
	fact("name", "%s", dev.name)
	fact("lab", "%s", dev.lab.name)
	fact("model", "%s", r.Model)
	fact("npe", "%s", r.NPE)
	fact("midplane", "%s", r.Midplane)
	fact("state", "%s", state)
	fact("since", "%s", since.Format(time.RFC3339))
	n := dev.running()
	if n != nil {
		fact("image", "%s", n.Spec().Image)
		fact("pid", "%d", n.PID())
	} else {
		fact("image", "%s", r.Image)
	}
	fact("ram", "%d MB", r.RAM)
	fact("nvram", "%d KB", r.NVRAM)
	dev.mu.Lock()
	keep := dev.keep
	dev.mu.Unlock()
	fact("confreg", "0x%04x", keep.confReg(r))
	fact("mac", "%s", dev.baseMAC())
	fact("instance", "%d", keep.Instance)
	if value, err := dev.IdlePC(); err == nil {
		fact("idlepc", "%s", value)
	}
	if r.Console != 0 {
		fact("console", "%d", r.Console)
	}
	if r.AUX != 0 {
		fact("aux", "%d", r.AUX)
	}
	fact("netns", "%s", dev.Namespace())
	if len(r.Slots) == 0 || r.Slots[0] == "" {
		fact("slot 0", "empty")
	}
	for i, s := range r.Slots {
		if s != "" {
			fact(fmt.Sprintf("slot %d", i), "%s", s)
		}
	}
	for _, p := range r.Ports {
		fact("port "+p.Name, "%s", dev.Peer(p))
	}
	if w := dev.waiting(); w != "" {
		fact("at next start", "%s", w)
	}
	if n != nil {
		if st, err := n.Status(); err == nil {
			for _, f := range st.Info {
				fact(f.Name, "%s", f.Value)
			}
		}
	}
	return b.String()
}

// switchInfo describes a switch.
func (dev *Device) switchInfo() string {
	var b strings.Builder
	state, since := dev.State()
	fact := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-14s %s\n", name, fmt.Sprintf(format, args...))
	}
	fact("name", "%s", dev.name)
	fact("lab", "%s", dev.lab.name)
	fact("model", "%s", dev.wants().kind())
	fact("state", "%s", state)
	fact("since", "%s", since.Format(time.RFC3339))
	if n := dev.running(); n != nil {
		fact("pid", "%d", n.PID())
	}
	fact("netns", "%s", dev.Namespace())
	for _, p := range dev.Ports() {
		fact("port "+p.Name, "%s", dev.Peer(p))
	}
	return b.String()
}

// Stats are the counters of the device's node; nothing while it does not run.
func (dev *Device) Stats() (string, error) {
	n := dev.running()
	if n == nil {
		return "", nil
	}
	st, err := n.Status()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, f := range st.Stats {
		fmt.Fprintf(&b, "%s %s\n", f.Name, f.Value)
	}
	return b.String(), nil
}

// Peer names what is at the other end of the port's link: DEVICE PORT, LAN ID,
// a NIO as the lab file has it, or none.
func (dev *Device) Peer(p lab.Port) string {
	if _, far, ok := dev.lab.linkAt(lab.End{Device: dev.name, Port: p.Name}); ok {
		return endKey(far)
	}
	return "none"
}

// Port returns the port of a file name (f0-0); ok is false when the device has
// none.
func (dev *Device) Port(file string) (p lab.Port, ok bool) {
	for _, p := range dev.Ports() {
		if p.FileName() == file {
			return p, true
		}
	}
	return lab.Port{}, false
}

// Running reports whether the device has a node.
func (dev *Device) Running() bool {
	s, _ := dev.State()
	return s != node.Stopped && s != node.Crashed
}

// baseMAC is the chassis' base MAC address.
func (dev *Device) baseMAC() string {
	if n := dev.running(); n != nil {
		return n.Spec().Config.MAC
	}
	dev.mu.Lock()
	defer dev.mu.Unlock()
	if dev.section.router == nil {
		return ""
	}
	if dev.section.router.MAC != "" {
		return dev.section.router.MAC
	}
	return dev.keep.MAC
}

// MAC is the address of an Ethernet port as the router's software takes it from
// the chassis' pool: 28 a slot (adapters reference, 8). Software that is told
// otherwise uses another.
func (dev *Device) MAC(p lab.Port) string {
	base, err := net.ParseMAC(dev.baseMAC())
	if err != nil || len(base) != 6 {
		return ""
	}
	low := binary.BigEndian.Uint32(base[2:]) + uint32(p.Slot*0x1c+p.Index)
	binary.BigEndian.PutUint32(base[2:], low)
	return base.String()
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
