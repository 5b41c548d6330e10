// Package runner is the inside of a node process: it takes a description and
// descriptors from the daemon, gives up every privilege, builds the machine and
// serves the daemon's requests until the router ends. It opens nothing itself,
// neither file nor socket. It knows nothing of labs or namespaces.
//
// # Life of a node
//
// The process begins with its listening socket as standard input and drops its
// identity (user, capabilities, the right to gain any) before it reads a byte.
// The first OpStart brings the description. The node prepares what needs
// system calls that it is about to lose (terminal settings), enters the
// sandbox, and only then looks at the image. Every connection may send
// requests; all of them hear events.
//
// # State
//
// A router is booting from its start, or a restart, until it waits for a user or
// for others, and then counts as running; see watch.go for how that is seen.
package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/emud/node"
	"dynemu/emud/node/store"
	"dynemu/vm"
	"dynemu/vm/console"
	"dynemu/vm/wire"
)

// Machine is what a node needs of the router; *vm.Machine implements it.
type Machine interface {
	Start() error
	Suspend()
	Resume()
	Reset()
	Stop()
	// Plug attaches a wire to a port in place of what was there, which is
	// closed; nil unplugs.
	Plug(slot, port int, w wire.Wire) error
	// Insert puts a card into an empty slot of the running router, Remove takes
	// one out and closes what is plugged into it.
	Insert(slot int, card string) error
	Remove(slot int) error
	NVRAM() []byte
	SetNVRAM(content []byte) error
	// SetConfigs replaces the configurations in NVRAM that are not nil.
	SetConfigs(startup, private []byte) error
	SetConfReg(v uint16)
	Stats() vm.Stats
	// Done is closed when the router has ended; Err then says why, nil for an
	// end in order.
	Done() <-chan struct{}
	Err() error
}

// Options say what a node runs as and what it runs.
type Options struct {
	// UID and GID are what a process of root becomes.
	UID, GID int
	// New builds the machine.
	New func(vm.Config, vm.Host) (Machine, error)
}

// startTimeout is how long a node waits for its description before it takes the
// daemon for dead.
const startTimeout = 30 * time.Second

// runner is a node.
type runner struct {
	opt Options

	mu       sync.Mutex
	spec     *node.Spec // nil until started
	machine  Machine
	state    node.State
	conns    map[*node.Conn]bool
	starting bool
	rate     rateMeter
	cards    sync.Mutex // held while a card is moved

	console, aux *console.Console
	log          *logger
	nvram, vars  *os.File

	started chan struct{} // closed when the router runs
	reboot  chan struct{} // the router was restarted, by a user or its guest
	end     chan ending
	once    sync.Once
	replied chan struct{} // takes a value when an OpStop was answered
}

// ending is why and how the process ends.
type ending struct {
	event node.Event
	code  int
	saved chan struct{} // closed when NVRAM is on disk; nil: nobody waits
}

// Run is the life of a node process. It returns the exit status: 0 after an end
// in order, 1 otherwise.
func Run(opt Options) int {
	if err := run(opt); err != nil {
		fmt.Fprintf(os.Stderr, "dynemu-node: %v\n", err)
		return 1
	}
	return 0
}

func run(opt Options) error {
	if err := dropIdentity(opt.UID, opt.GID); err != nil {
		return err
	}
	// The CPU keeps one processor busy; the other carries frames and keys.
	runtime.GOMAXPROCS(2)
	debug.SetGCPercent(50) // guest memory is not on the heap
	l, err := net.FileListener(os.Stdin)
	if err != nil {
		return fmt.Errorf("standard input is not the node's listening socket (dynemud starts this program): %w", err)
	}
	// The number 0 stays taken, so that no descriptor from outside gets it.
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	if err := unix.Dup3(int(null.Fd()), 0, 0); err != nil {
		return fmt.Errorf("replace standard input: %w", err)
	}
	null.Close()
	listener, ok := l.(*net.UnixListener)
	if !ok {
		return fmt.Errorf("standard input listens on %s, not on a unix socket", l.Addr().Network())
	}
	listener.SetUnlinkOnClose(false)
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE)
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM)

	r := &runner{
		opt: opt, state: node.Booting, conns: map[*node.Conn]bool{},
		console: console.New(), aux: console.New(), log: &logger{w: os.Stderr},
		started: make(chan struct{}), reboot: make(chan struct{}, 1), end: make(chan ending, 1),
		replied: make(chan struct{}, 1),
	}
	go r.accept(listener)
	select {
	case <-r.started:
	case e := <-r.end: // the machine could not be built
		return errors.New(e.event.Reason)
	case <-terminate:
		return nil
	case <-time.After(startTimeout):
		return errors.New("no description came")
	}
	go r.watchConsole()
	var e ending
	select {
	case e = <-r.end:
	case <-r.machine.Done():
		e = r.ownEnd()
		r.logConsole(e.event.Reason)
		text := r.console.Snapshot()
		e.event.Console = text[max(0, len(text)-node.MaxConsole):]
	case <-terminate:
		e = ending{event: node.Event{State: node.Stopped, Reason: "terminated"}}
	}
	r.machine.Stop()
	e.event.Time, e.event.Ending = time.Now(), true
	r.log.line("NODE", "end: "+e.event.Reason)
	r.broadcast(e.event)
	if e.saved != nil {
		close(e.saved)
		select {
		case <-r.replied:
		case <-time.After(time.Second):
		}
	}
	if e.code != 0 {
		return errors.New(e.event.Reason)
	}
	return nil
}

// ownEnd describes the end of a router that nobody asked to stop.
func (r *runner) ownEnd() ending {
	if err := r.machine.Err(); err != nil {
		return ending{event: node.Event{State: node.Crashed, Reason: err.Error()}, code: 1}
	}
	return ending{event: node.Event{State: node.Stopped, Reason: "the guest switched the router off"}}
}

// finish asks the main goroutine to end the process, once.
func (r *runner) finish(e ending) bool {
	first := false
	r.once.Do(func() { first = true; r.end <- e })
	return first
}

func (r *runner) accept(l *net.UnixListener) {
	for {
		c, err := l.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors: try again when some are free
			r.log.line("NODE", "accept: "+err.Error())
			time.Sleep(100 * time.Millisecond)
			continue
		}
		go r.serve(node.NewConn(c))
	}
}

// serve answers the requests of one connection, in order.
func (r *runner) serve(c *node.Conn) {
	r.mu.Lock()
	r.conns[c] = true
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.conns, c)
		starting := r.starting
		r.mu.Unlock()
		c.Close()
		if !starting {
			// Whoever asked goes away without saying what to run: the daemon died, or
			// a later one found what it left.
			r.finish(ending{event: node.Event{State: node.Stopped, Reason: "no description came"}})
		}
	}()
	for {
		m, err := c.Receive()
		var version *node.VersionError
		if errors.As(err, &version) {
			// The header is the same in every version: say which one this is.
			c.Send(node.Message{Op: node.OpReply, Error: err.Error()})
			continue
		}
		if err != nil {
			return
		}
		body, content, err := r.handle(m)
		m.CloseFiles()
		reply := node.Message{ID: m.ID, Op: node.OpReply}
		var files []*os.File
		if err == nil && body != nil {
			reply.Body, err = json.Marshal(body)
		}
		if err == nil && content != nil {
			reply.Files, files = []string{node.FileContent}, []*os.File{content}
		}
		if err != nil {
			reply.Error, reply.Body = err.Error(), nil
		}
		sendErr := c.Send(reply, files...)
		if content != nil {
			content.Close()
		}
		if m.Op == node.OpStop {
			select {
			case r.replied <- struct{}{}:
			default:
			}
		}
		if m.Op == node.OpStart && err != nil && err != errStarted {
			r.finish(ending{event: node.Event{State: node.Crashed, Reason: err.Error()}, code: 1})
		}
		if sendErr != nil {
			return
		}
	}
}

// handle carries a request out. A file that it returns is closed by the caller;
// files of m that it keeps it takes from m.
func (r *runner) handle(m *node.Received) (body any, content *os.File, err error) {
	if m.Op == node.OpHello {
		return r.hello(), nil, nil
	}
	if m.Op == node.OpStart {
		return nil, nil, r.start(m)
	}
	select {
	case <-r.started:
	default:
		return nil, nil, fmt.Errorf("%s: the router was not started yet", m.Op)
	}
	switch m.Op {
	case node.OpStatus:
		return r.status(), nil, nil
	case node.OpSuspend:
		r.machine.Suspend()
		r.setState(node.Suspended)
		return nil, nil, nil
	case node.OpResume:
		if r.getState() != node.Suspended {
			return nil, nil, nil
		}
		r.machine.Resume()
		r.setState(node.Running)
		return nil, nil, nil
	case node.OpReset:
		r.setState(node.Booting)
		r.machine.Reset()
		r.rebooted()
		return nil, nil, nil
	case node.OpStop:
		saved := make(chan struct{})
		if r.finish(ending{event: node.Event{State: node.Stopped, Reason: "stopped"}, saved: saved}) {
			<-saved
		}
		return nil, nil, nil
	case node.OpPlug:
		return nil, nil, r.plug(m)
	case node.OpUnplug:
		return nil, nil, r.plug(m)
	case node.OpConsole:
		return nil, nil, r.openConsole(m)
	case node.OpConsoleLog:
		content, err = node.MemFile(node.FileContent, r.console.Snapshot())
		return nil, content, err
	case node.OpNVRAM:
		content, err = node.MemFile(node.FileContent, r.machine.NVRAM())
		return nil, content, err
	case node.OpSetNVRAM:
		f := m.Files[node.FileContent]
		if f == nil {
			return nil, nil, errors.New("no content came along")
		}
		b, err := node.ReadFile(f, store.MaxSize)
		if err != nil {
			return nil, nil, err
		}
		return nil, nil, r.machine.SetNVRAM(b)
	case node.OpSetConfig:
		return nil, nil, r.setConfig(m)
	case node.OpConfReg:
		var q node.ConfRegRequest
		if err := json.Unmarshal(m.Body, &q); err != nil {
			return nil, nil, err
		}
		r.machine.SetConfReg(q.Value)
		return nil, nil, nil
	case node.OpInsert, node.OpRemove:
		return nil, nil, r.moveCard(m)
	}
	return nil, nil, fmt.Errorf("unknown operation %q", m.Op)
}

func (r *runner) hello() node.Hello {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := node.Hello{PID: os.Getpid(), Started: r.spec != nil, State: r.state}
	if r.spec != nil {
		spec := *r.spec
		spec.Ports = append([]node.PortSpec(nil), r.spec.Ports...)
		h.Spec = &spec
	}
	return h
}

func (r *runner) getState() node.State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// setState changes the state and tells everyone.
func (r *runner) setState(s node.State) {
	r.mu.Lock()
	changed := r.state != s
	r.state = s
	r.mu.Unlock()
	if changed {
		r.broadcast(node.Event{Time: time.Now(), State: s})
	}
}

func (r *runner) broadcast(e node.Event) {
	b, err := json.Marshal(e)
	if err != nil {
		return
	}
	r.mu.Lock()
	conns := make([]*node.Conn, 0, len(r.conns))
	for c := range r.conns {
		conns = append(conns, c)
	}
	r.mu.Unlock()
	for _, c := range conns {
		c.Send(node.Message{Op: node.OpEvent, Body: b})
	}
}

// openConsole serves the socket that came along.
func (r *runner) openConsole(m *node.Received) error {
	var q node.ConsoleRequest
	if err := json.Unmarshal(m.Body, &q); err != nil {
		return err
	}
	f := m.Files[node.FileWire]
	if f == nil {
		return errors.New("no socket came along")
	}
	conn, err := net.FileConn(f)
	if err != nil {
		return fmt.Errorf("console: %w", err)
	}
	c := r.console
	if q.AUX {
		c = r.aux
	}
	go c.ServeRaw(conn, q.Replay)
	return nil
}

// plug changes what a port is plugged into.
func (r *runner) plug(m *node.Received) error {
	var q node.PlugRequest
	if err := json.Unmarshal(m.Body, &q); err != nil {
		return err
	}
	p, err := r.port(q.Port)
	if err != nil {
		return err
	}
	kind, w := wireNone, wire.Wire(nil)
	if m.Op == node.OpPlug {
		kind = q.Kind
		if w, err = openWire(q.Kind, m.Take(node.FileWire)); err != nil {
			return fmt.Errorf("port %s: %w", q.Port, err)
		}
	}
	if err := r.machine.Plug(p.Slot, p.Port, w); err != nil {
		if w != nil {
			w.Close()
		}
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p.Wire = kind
	return nil
}

// port finds a port by name. The result is changed with r.mu held only.
func (r *runner) port(name string) (*node.PortSpec, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for i := range r.spec.Ports {
		p := &r.spec.Ports[i]
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return nil, fmt.Errorf("there is no port %q; there are %s", name, strings.Join(names, ", "))
}

// The kinds of wire in a PortSpec.
const (
	wireTAP  = "tap"
	wirePipe = "pipe"
	wireNone = "none"
)

// openWire takes f over, also when it fails.
func openWire(kind string, f *os.File) (wire.Wire, error) {
	if f == nil {
		return nil, errors.New("no descriptor came along")
	}
	switch kind {
	case wireTAP:
		return typed(wire.NewTAP(f))
	case wirePipe:
		return typed(wire.NewPipe(f))
	}
	f.Close()
	return nil, fmt.Errorf("kind of wire %q: want %s or %s", kind, wireTAP, wirePipe)
}

// typed keeps a failed constructor's nil pointer from becoming a non-nil
// interface.
func typed[W wire.Wire](w W, err error) (wire.Wire, error) {
	if err != nil {
		return nil, err
	}
	return w, nil
}

func (r *runner) status() node.Status {
	s := r.machine.Stats()
	r.mu.Lock()
	defer r.mu.Unlock()
	out := node.Status{
		State: r.state, Uptime: s.Uptime, Instructions: s.Instructions,
		Reloads: s.Reloads, IdlePC: s.IdlePC, Idle: s.Idle, GuestMemory: s.Memory, JIT: s.JIT, Ports: map[string]node.PortStatus{},
	}
	out.Rate, out.IdleShare = r.rate.update(s)
	for _, p := range r.spec.Ports {
		c, ok := s.Ports[fmt.Sprintf("%d/%d", p.Slot, p.Port)]
		if !ok {
			continue
		}
		out.Ports[p.Name] = node.PortStatus{
			Plugged: c.Plugged, RxFrames: c.RxFrames, RxBytes: c.RxBytes,
			TxFrames: c.TxFrames, TxBytes: c.TxBytes, TxDrops: c.TxDrops,
		}
	}
	return out
}

// rateMeter turns counters into rates over the time between two looks, of at
// least half a second.
type rateMeter struct {
	uptime, asleep time.Duration
	instructions   uint64
	rate, idle     float64
}

func (m *rateMeter) update(s vm.Stats) (rate, idle float64) {
	if d := s.Uptime - m.uptime; d >= 500*time.Millisecond || m.uptime == 0 && d > 0 {
		m.rate = float64(s.Instructions-m.instructions) / d.Seconds()
		m.idle = min(1, float64(s.Asleep-m.asleep)/float64(d))
		m.uptime, m.asleep, m.instructions = s.Uptime, s.Asleep, s.Instructions
	}
	return m.rate, m.idle
}
