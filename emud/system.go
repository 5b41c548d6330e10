package emud

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"dynemu/emud/lab"
	"dynemu/emud/netd"
	"dynemu/emud/node"
	"dynemu/jit"
	"dynemu/netns"
	"dynemu/vm/wire"
)

// NewNetwork returns the Network of this host's kernel.
func NewNetwork(m netd.Network) Network { return kernel{m} }

// kernel is Network over netns. A LAN is a namespace of its own whose name no
// device can have.
type kernel struct{ m netd.Network }

func (k kernel) Namespace(lab, device string) string { return k.m.Name(lab, device) }

func (k kernel) lan(lab, id string) string { return k.m.Name(lab, "LAN:"+url.PathEscape(id)) }

func port(e Endpoint) netns.Endpoint {
	return netns.Endpoint{Namespace: e.Namespace, Ifname: e.Interface}
}

func (k kernel) EnsureNamespace(name string) error { return k.m.EnsureNamespace(name) }
func (k kernel) RemoveNamespace(name string) error { return k.m.DeleteNamespace(name) }
func (k kernel) EnsureTAP(e Endpoint) error        { return k.m.EnsureTAP(e.Namespace, e.Interface, 0) }
func (k kernel) OpenTAP(e Endpoint) (*os.File, error) {
	return k.m.OpenTAP(e.Namespace, e.Interface, 0)
}
func (k kernel) Link(a, b Endpoint, aUp, bUp bool) error {
	return k.m.LinkVeth(port(a), port(b), aUp, bUp)
}
func (k kernel) Unlink(a, b Endpoint) error     { return k.m.UnlinkVeth(port(a), port(b)) }
func (k kernel) EnsureLAN(lab, id string) error { return k.m.EnsureLAN(k.lan(lab, id)) }
func (k kernel) RemoveLAN(lab, id string) error { return k.m.DeleteNamespace(k.lan(lab, id)) }
func (k kernel) Attach(lab, id string, e Endpoint, up bool) error {
	return k.m.AttachLAN(k.lan(lab, id), port(e), up)
}
func (k kernel) Detach(lab, id string, e Endpoint) error {
	return k.m.DetachLAN(k.lan(lab, id), port(e))
}

func (k kernel) RemoveInterface(e Endpoint) error {
	return k.m.RemoveInterface(e.Namespace, e.Interface)
}

func (k kernel) LinkHost(e Endpoint, hostIf, address string, up bool) error {
	return k.m.LinkHost(port(e), hostIf, address, up)
}
func (k kernel) UnlinkHost(e Endpoint, hostIf string) error { return k.m.UnlinkHost(port(e), hostIf) }
func (k kernel) OpenCable(e Endpoint) (*os.File, error)     { return k.m.OpenCable(port(e)) }
func (k kernel) PlugCable(e Endpoint, up bool) error        { return k.m.PlugCable(port(e), up) }
func (k kernel) RemoveCable(e Endpoint) error               { return k.m.RemoveCable(port(e)) }
func (k kernel) WatchHost(fn func(ifname string, exists, carrier bool)) (stop func(), err error) {
	return k.m.WatchHost(fn)
}

func (k kernel) EnsureTUN(e Endpoint, frameRelay bool) error {
	t := netns.HDLC
	if frameRelay {
		t = netns.FrameRelay
	}
	return k.m.EnsureTUN(e.Namespace, e.Interface, t)
}

func (k kernel) OpenTUN(e Endpoint) (tun, packet *os.File, err error) {
	return k.m.OpenTUN(e.Namespace, e.Interface)
}

func (k kernel) WatchReaders(ns string, fn func(ifname string, readers bool)) (stop func(), err error) {
	return k.m.WatchReaders(ns, fn)
}

func (k kernel) OpenNIO(n lab.NIO) (wire.Opened, error) {
	if n.Type == "tap" {
		f, err := k.m.OpenHostTAP(n.Interface)
		return wire.Opened{Kind: node.WireTAP, File: f}, err
	}
	w := wireNIO(n)
	if slices.Contains(netd.PrivilegedNIOs, n.Type) {
		return k.m.OpenNIO(w)
	}
	o, err := w.OpenFiles()
	if err != nil {
		return o, err
	}
	if err := w.Follow(o); err != nil {
		o.Close()
		return wire.Opened{}, err
	}
	return o, nil
}

func (k kernel) RemoveNIO(n lab.NIO) error { return wireNIO(n).Remove() }

// wireNIO is n for the package that opens it.
func wireNIO(n lab.NIO) wire.NIO {
	return wire.NIO{
		Type: n.Type, Interface: n.Interface, LocalHost: n.LocalHost, PortStart: n.PortStart, PortEnd: n.PortEnd,
		LocalPort: n.LocalPort, RemoteHost: n.RemoteHost, RemotePort: n.RemotePort, Local: n.Local, Remote: n.Remote,
	}
}

// NewNodes returns the Nodes that start processes of this host.
func NewNodes(opt node.Options) Nodes { return processes{opt} }

// processes is Nodes over the package node.
type processes struct{ opt node.Options }

func (p processes) Start(spec node.Spec, files node.Files) (Node, error) {
	n, err := node.Start(p.opt, spec, files)
	if err != nil {
		return nil, err
	}
	return newProcess(n), nil
}

func (p processes) Adopt() ([]Node, error) {
	found, err := node.Adopt(p.opt)
	nodes := make([]Node, len(found))
	for i, n := range found {
		nodes[i] = newProcess(n)
	}
	return nodes, err
}

// process is a Node with the event that ended it.
type process struct {
	*node.Node
	last    node.Event    // once drained is closed
	drained chan struct{} // closed when there are no more events

	mu    sync.Mutex
	usage struct { // of the processor, by the time of the sample
		at    time.Time
		cpu   time.Duration
		share float64
	}
	news bool // about the state or ports, which nobody was told
	tell func()
}

func newProcess(n *node.Node) *process {
	p := &process{Node: n, drained: make(chan struct{})}
	go func() {
		for e := range n.Events() {
			p.last = e
			if e.State == node.Stopped || e.State == node.Crashed {
				continue
			}
			p.mu.Lock()
			p.news = true
			p.pass()
			p.mu.Unlock()
		}
		close(p.drained)
	}()
	return p
}

// pass tells of news; mu is held.
func (p *process) pass() {
	if p.news && p.tell != nil {
		p.news = false
		p.tell()
	}
}

// Watch has fn called when there is news about the state or ports, at once if there was some.
func (p *process) Watch(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell = fn
	p.pass()
}

// Reason tells how the process ended. It waits for the end.
func (p *process) Reason() string {
	<-p.drained
	switch {
	case p.last.Exit == "":
		return p.last.Reason
	case p.last.Reason == "":
		return p.last.Exit
	}
	return p.last.Reason + " (" + p.last.Exit + ")"
}

// LastConsole is what the console had printed when the router ended by itself. It
// waits for the end.
func (p *process) LastConsole() []byte {
	<-p.drained
	return p.last.Console
}

func (p *process) Stop() error { return p.Node.Stop(context.Background()) }

func (p *process) Console(replay bool) (Conn, error) { return p.Node.Console(false, replay) }

func (p *process) AUX(replay bool) (Conn, error) { return p.Node.Console(true, replay) }

func (p *process) Status() (NodeStatus, error) {
	s, err := p.Node.Status()
	if err != nil {
		return NodeStatus{}, err
	}
	counters := Counters{Uptime: s.Uptime, CPU: s.CPU, CPUShare: p.cpuShare(s), Instructions: s.Instructions, IdleShare: s.IdleShare,
		Memory: s.RSS, Shared: s.Shared, Guest: s.GuestMemory}
	percent := func(v float64) string { return strconv.FormatFloat(100*v, 'f', 1, 64) + "%" }
	if p.Spec().Switch != nil {
		return NodeStatus{Ports: s.Ports, Counters: counters, Stats: []Fact{
			{"uptime-seconds", fmt.Sprintf("%.3f", s.Uptime.Seconds())},
			{"cpu-seconds", fmt.Sprintf("%.3f", s.CPU.Seconds())},
			{"cpu-share", percent(counters.CPUShare)},
			{"memory-bytes", strconv.FormatUint(s.RSS, 10)},
			{"memory-shared-bytes", strconv.FormatUint(s.Shared, 10)},
		}}, nil
	}
	st := NodeStatus{
		Counters: counters,
		Info:     []Fact{{"uptime", s.Uptime.Truncate(time.Second).String()}},
		Stats: []Fact{
			{"uptime-seconds", fmt.Sprintf("%.3f", s.Uptime.Seconds())},
			{"cpu-seconds", fmt.Sprintf("%.3f", s.CPU.Seconds())},
			{"cpu-share", percent(counters.CPUShare)},
			{"guest-instructions", strconv.FormatUint(s.Instructions, 10)},
			{"guest-instructions-per-second", fmt.Sprintf("%.0f", s.Rate)},
			{"idle-share", percent(s.IdleShare)},
			{"reloads", strconv.FormatUint(s.Reloads, 10)},
			{"translator", onOff(s.JIT != nil)},
			{"memory-bytes", strconv.FormatUint(s.RSS, 10)},
			{"memory-guest-bytes", strconv.FormatUint(s.GuestMemory, 10)},
			{"memory-shared-bytes", strconv.FormatUint(s.Shared, 10)},
		},
		Ports: s.Ports,
	}
	st.Idle = idleFacts(s)
	idlePC := s.Idleness.PC
	if i := s.Idle; i != nil {
		idlePC = i.PC
		st.Stats = append(st.Stats,
			Fact{"idle-sleeps", strconv.FormatUint(i.Sleeps, 10)},
			Fact{"idle-proofs", strconv.FormatUint(i.Proofs, 10)},
			Fact{"idle-proofs-failed", strconv.FormatUint(i.Failed, 10)},
			Fact{"idle-loops-found", strconv.FormatUint(i.Found, 10)},
			Fact{"idle-loops-given-up", strconv.FormatUint(i.Lost, 10)})
	}
	st.Stats = append(st.Stats, Fact{"idle-pc", fmt.Sprintf("0x%08x", uint32(idlePC))})
	if j := s.JIT; j != nil {
		st.Stats = append(st.Stats,
			Fact{"translated-blocks", strconv.FormatUint(j.Blocks, 10)},
			Fact{"translated-bytes", strconv.Itoa(j.Bytes)},
			Fact{"translated-dropped", strconv.FormatUint(j.Dropped, 10)},
			Fact{"translated-flushes", strconv.FormatUint(j.Flushes, 10)},
			Fact{"interpreted-instructions", strconv.FormatUint(j.Stepped, 10)},
			Fact{"interpreter-share", percent(share(j.Interpreter, j.Total))})
		for i, n := range j.Exits {
			st.Stats = append(st.Stats, Fact{"exits-" + jit.ExitNames[i], strconv.FormatUint(n, 10)})
		}
	}
	return st, nil
}

// usageSpan is the least time that a share of the processor is measured over.
const usageSpan = time.Second

// cpuShare is how much of a processor the process used lately: since the sample before,
// or since its start.
func (p *process) cpuShare(s node.Status) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	u, now := &p.usage, time.Now()
	switch {
	case u.at.IsZero() && s.Uptime > 0:
		u.share = s.CPU.Seconds() / s.Uptime.Seconds()
	case now.Sub(u.at) < usageSpan:
		return u.share
	default:
		u.share = (s.CPU - u.cpu).Seconds() / now.Sub(u.at).Seconds()
	}
	u.at, u.cpu = now, s.CPU
	return u.share
}

func share(part, whole time.Duration) float64 {
	if whole <= 0 {
		return 0
	}
	return min(float64(part)/float64(whole), 1)
}

var _ Node = (*process)(nil)
