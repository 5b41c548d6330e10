package emud

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/emud/node"
	"dynemu/jit"
	"dynemu/netns"
)

// NewNetwork returns the Network of this host's kernel.
func NewNetwork(m *netns.Manager) Network { return kernel{m} }

// kernel is Network over netns. A LAN is a namespace of its own whose name no
// device can have.
type kernel struct{ m *netns.Manager }

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

// RemoveTAP opens the TAP and closes it for the last time.
func (k kernel) RemoveTAP(e Endpoint) error {
	f, err := k.m.OpenTAP(e.Namespace, e.Interface, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.IoctlSetInt(int(f.Fd()), unix.TUNSETPERSIST, 0)
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
}

func newProcess(n *node.Node) *process {
	p := &process{Node: n, drained: make(chan struct{})}
	go func() {
		for e := range n.Events() {
			p.last = e
		}
		close(p.drained)
	}()
	return p
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

func (p *process) Status() (NodeStatus, error) {
	s, err := p.Node.Status()
	if err != nil {
		return NodeStatus{}, err
	}
	percent := func(v float64) string { return strconv.FormatFloat(100*v, 'f', 1, 64) + "%" }
	st := NodeStatus{
		Info: []Fact{{"uptime", s.Uptime.Truncate(time.Second).String()}},
		Stats: []Fact{
			{"uptime-seconds", fmt.Sprintf("%.3f", s.Uptime.Seconds())},
			{"cpu-seconds", fmt.Sprintf("%.3f", s.CPU.Seconds())},
			{"guest-instructions", strconv.FormatUint(s.Instructions, 10)},
			{"guest-instructions-per-second", fmt.Sprintf("%.0f", s.Rate)},
			{"idle-share", percent(s.IdleShare)},
			{"reloads", strconv.FormatUint(s.Reloads, 10)},
			{"translator", onOff(s.JIT != nil)},
			{"memory-bytes", strconv.FormatUint(s.RSS, 10)},
			{"memory-guest-bytes", strconv.FormatUint(s.GuestMemory, 10)},
			{"memory-shared-bytes", strconv.FormatUint(s.Shared, 10)},
		},
		Ports: map[string]PortStatus{},
	}
	idlePC := s.IdlePC
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
	for name, c := range s.Ports {
		st.Ports[name] = PortStatus{Stats: PortStats{
			RxFrames: c.RxFrames, RxBytes: c.RxBytes,
			TxFrames: c.TxFrames, TxBytes: c.TxBytes, TxDrops: c.TxDrops,
		}}
	}
	return st, nil
}

func share(part, whole time.Duration) float64 {
	if whole <= 0 {
		return 0
	}
	return min(float64(part)/float64(whole), 1)
}

var _ Node = (*process)(nil)
