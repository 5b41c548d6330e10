// Package runner is the inside of a node process: it takes a description and
// descriptors from the daemon, gives up every privilege, builds the device, a router
// or a virtual switch, and serves the daemon's requests until that ends. It opens
// nothing itself, neither file nor socket. It knows nothing of labs or namespaces.
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
// for others, and then counts as running; see watch.go for how that is seen. A
// switch is running from its start.
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
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/emud/node"
	"dynemu/vm"
)

// Options say what a node runs as and what it runs.
type Options struct {
	// UID and GID are what a process of root becomes.
	UID, GID int
	// New builds the machine of a router.
	New func(vm.Config, vm.Host) (Machine, error)
}

// startTimeout is how long a node waits for its description before it takes the
// daemon for dead.
const startTimeout = 30 * time.Second

// maxDescriptors is how many descriptors may come with a description: a switch has up
// to 1024 ports.
const maxDescriptors = 1100

// runner is a node.
type runner struct {
	opt Options
	log *logger

	mu       sync.Mutex
	spec     *node.Spec // without ports; nil until started
	device   device
	state    node.State
	conns    map[*node.Conn]bool
	starting bool

	// wiring is held while ports, and what hangs on them, change; ports are changed
	// with mu held as well. They are in the order of slots and numbers.
	wiring   sync.Mutex
	ports    []*port
	captures map[string]*capturing // by ID
	closing  sync.WaitGroup        // captures that have ended and are still written

	events  chan event
	started chan struct{} // closed when the device runs
	end     chan ending
	once    sync.Once
	replied chan struct{} // takes a value when an OpStop was answered
}

// ending is why and how the process ends.
type ending struct {
	event node.Event
	code  int
	saved chan struct{} // closed when everything is on disk; nil: nobody waits
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
	listener, err := takeListener()
	if err != nil {
		return err
	}
	stream, err := takeJournal()
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE)
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM)

	r := &runner{
		opt: opt, state: node.Booting, conns: map[*node.Conn]bool{}, log: &logger{w: os.Stderr, journal: stream},
		captures: map[string]*capturing{}, events: make(chan event, maxEvents),
		started: make(chan struct{}), end: make(chan ending, 1), replied: make(chan struct{}, 1),
	}
	go r.deliver()
	go r.accept(listener)
	select {
	case <-r.started:
	case e := <-r.end: // the device could not be built
		return errors.New(e.event.Reason)
	case <-terminate:
		return nil
	case <-time.After(startTimeout):
		return errors.New("no description came")
	}
	var e ending
	select {
	case e = <-r.end:
	case <-r.device.done():
		e = r.device.ended()
	case <-terminate:
		e = ending{event: node.Event{State: node.Stopped, Reason: "terminated"}}
	}
	r.device.stop()
	r.endWires()
	e.event.Time, e.event.Ending = time.Now(), true
	r.log.line("NODE", "end: "+e.event.Reason)
	r.tellLast(e.event)
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

// takeListener returns the listening socket that is the process's standard input.
func takeListener() (*net.UnixListener, error) {
	l, err := net.FileListener(os.Stdin)
	if err != nil {
		return nil, fmt.Errorf("standard input is not the node's listening socket (dynemud starts this program): %w", err)
	}
	// The number 0 stays taken, so that no descriptor from outside gets it.
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	if err := unix.Dup3(int(null.Fd()), 0, 0); err != nil {
		return nil, fmt.Errorf("replace standard input: %w", err)
	}
	null.Close()
	listener, ok := l.(*net.UnixListener)
	if !ok {
		return nil, fmt.Errorf("standard input listens on %s, not on a unix socket", l.Addr().Network())
	}
	listener.SetUnlinkOnClose(false)
	return listener, nil
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
		conn := node.NewConn(c)
		conn.MaxFiles = maxDescriptors
		go r.serve(conn)
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
	switch m.Op {
	case node.OpHello:
		return r.hello(), nil, nil
	case node.OpStart:
		if err := r.start(m); err != nil {
			return nil, nil, err
		}
		return r.hello(), nil, nil
	}
	select {
	case <-r.started:
	default:
		return nil, nil, fmt.Errorf("%s: the device was not started yet", m.Op)
	}
	switch m.Op {
	case node.OpStatus:
		return r.status(), nil, nil
	case node.OpStop:
		saved := make(chan struct{})
		if r.finish(ending{event: node.Event{State: node.Stopped, Reason: "stopped"}, saved: saved}) {
			<-saved
		}
		return nil, nil, nil
	case node.OpNoCapture:
		return nil, nil, r.stopCapture(m)
	}
	r.wiring.Lock()
	defer r.wiring.Unlock()
	if fn := wiringRequests[m.Op]; fn != nil {
		return nil, nil, fn(r, m)
	}
	return r.device.handle(m)
}

// wiringRequests are the requests that change what a port is plugged into, or what
// hangs on it. They are called with wiring held.
var wiringRequests = map[string]func(*runner, *node.Received) error{
	node.OpPlug:        (*runner).plug,
	node.OpUnplug:      (*runner).unplug,
	node.OpCarrier:     (*runner).setCarrier,
	node.OpFilter:      (*runner).setFilter,
	node.OpImpair:      (*runner).setImpairment,
	node.OpOutlet:      (*runner).setOutlet,
	node.OpNoOutlet:    (*runner).endOutlet,
	node.OpCapture:     (*runner).startCapture,
	node.OpInterface:   (*runner).startInterface,
	node.OpNoInterface: (*runner).stopInterface,
}

func (r *runner) hello() node.Hello {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := node.Hello{PID: os.Getpid(), Started: r.spec != nil, State: r.state}
	if r.spec != nil {
		spec := *r.spec
		spec.Ports = make([]node.PortSpec, len(r.ports))
		for i, p := range r.ports {
			spec.Ports[i] = p.spec
		}
		h.Spec = &spec
	}
	return h
}

func (r *runner) status() node.Status {
	s := node.Status{State: r.getState(), Ports: map[string]node.PortStatus{}}
	r.wiring.Lock()
	for _, p := range r.ports {
		s.Ports[p.spec.Name] = p.status()
	}
	r.wiring.Unlock()
	r.device.status(&s)
	return s
}

func (r *runner) getState() node.State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// setState changes the state and tells everyone.
func (r *runner) setState(s node.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(s)
}

// set is setState for who holds mu.
func (r *runner) set(s node.State) {
	if r.state != s {
		r.state = s
		r.tell(node.Event{State: s}) // in the order of the changes
	}
}

// change is setState for a state that follows on from: it does nothing where the
// state is another one by now.
func (r *runner) change(from, to node.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == from {
		r.set(to)
	}
}

// setStateNow is setState for a request whose reply must not overtake the news: it
// returns once everyone has been told, or after a second.
func (r *runner) setStateNow(s node.State) {
	r.mu.Lock()
	if r.state == s {
		r.mu.Unlock()
		return
	}
	r.state = s
	e := event{node.Event{State: s, Time: time.Now()}, make(chan struct{})}
	r.enqueue(e)
	r.mu.Unlock()
	e.wait()
}
