package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrEnded is returned by calls on a node whose process has ended or that was
// released.
var ErrEnded = errors.New("the node has ended")

// callTimeout bounds the wait for the answer to a request: a node answers at
// once, but for a start or stop.
const callTimeout = 15 * time.Second

// blobLimit is the largest console log or NVRAM content taken from a node, which
// is not trusted.
const blobLimit = 64 << 20

// Node is a running node as the daemon sees it. Its methods may be called from
// any goroutine.
type Node struct {
	opt  Options
	proc *process

	mu       sync.Mutex
	spec     Spec  // Lab and Device stay; Config.Slots, Switch and Ports follow
	conn     *Conn // nil while there is no connection
	nextID   uint64
	pending  map[uint64]chan *Received
	state    State
	ending   *Event // the node said that it exits
	killed   bool   // by Stop or Kill
	released bool

	ended  chan struct{} // the process is gone
	done   chan struct{}
	events chan Event
	end    Event // valid once done is closed
}

// Spec returns the description that the node was started with, brought in line
// with what was changed since: cards, ports, what is plugged into them and set there.
func (n *Node) Spec() Spec {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.spec
}

// PID returns the process number, which may be another process's after Done.
func (n *Node) PID() int { return n.proc.pid }

// ID names this very process: no other has the same, before or after.
func (n *Node) ID() string { return n.proc.id() }

// State returns what the node last said of itself; Stopped or Crashed after
// Done.
func (n *Node) State() State {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state
}

// Done is closed when the process has ended and its files in the runtime
// directory are gone, and by Release.
func (n *Node) Done() <-chan struct{} { return n.done }

// Events returns the changes of the node's state. The last one before the
// channel is closed tells how the node ended. When nobody takes them, the oldest
// are dropped.
func (n *Node) Events() <-chan Event { return n.events }

// End tells how the node ended; it is empty before Done and after Release.
func (n *Node) End() Event {
	if !n.isDone() {
		return Event{}
	}
	return n.end
}

// Release drops the connection and leaves the process running, for another
// daemon to adopt.
func (n *Node) Release() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.released || n.isDone() {
		return
	}
	n.released = true
	if n.conn != nil {
		n.conn.Close()
	}
	close(n.events)
	close(n.done)
}

func (n *Node) isDone() bool {
	select {
	case <-n.done:
		return true
	default:
		return false
	}
}

// post hands out an event and never waits; mu is held.
func (n *Node) post(e Event) {
	if n.released {
		return
	}
	for {
		select {
		case n.events <- e:
			return
		default:
		}
		select {
		case <-n.events:
		default:
		}
	}
}

// run connects to the node again and again until its process has ended.
func (n *Node) run(conn *Conn) {
	for {
		n.receive(conn)
		select {
		case <-n.ended:
			n.finish()
			return
		case <-n.done: // released
			return
		default:
		}
		// The connection broke although the process lives, or it has just died
		// and the kernel has not said so yet.
		for conn = nil; conn == nil; {
			select {
			case <-n.ended:
				n.finish()
				return
			case <-n.done:
				return
			case <-time.After(100 * time.Millisecond):
			}
			spec := n.Spec()
			c, hello, err := n.opt.connect(baseName(spec.Lab, spec.Device), helloTimeout)
			if err != nil {
				continue
			}
			if hello.PID != n.proc.pid { // ours is dying, and another took its place
				c.Close()
				continue
			}
			if !n.attach(c, hello.State) {
				c.Close()
				return
			}
			n.catchUp(hello)
			conn = c
		}
	}
}

// attach makes c the node's connection, unless it was released.
func (n *Node) attach(c *Conn, s State) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.released {
		return false
	}
	n.conn, n.state = c, s
	return true
}

// receive hands out what comes in until the connection ends.
func (n *Node) receive(conn *Conn) {
	for reset := false; ; {
		m, err := conn.Receive()
		if errors.Is(err, unix.ECONNRESET) && !reset {
			// The node exited with a request unread; what it sent before is
			// still to come.
			reset = true
			continue
		}
		if err != nil {
			break
		}
		switch m.Op {
		case OpReply:
			n.mu.Lock()
			ch := n.pending[m.ID]
			delete(n.pending, m.ID)
			n.mu.Unlock()
			if ch != nil {
				ch <- m
				continue
			}
		case OpEvent:
			n.event(m)
		}
		m.CloseFiles()
	}
	conn.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conn = nil
	for id, ch := range n.pending {
		delete(n.pending, id)
		close(ch)
	}
}

func (n *Node) event(m *Received) {
	var e Event
	if json.Unmarshal(m.Body, &e) != nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if e.Ending {
		n.ending = &e
		return // the end itself is the event
	}
	if e.Port == "" {
		n.state = e.State
	} else {
		e.State = n.state
		n.spec.Ports = slices.Clone(n.spec.Ports)
		n.spec.note(e)
	}
	n.post(e)
}

// catchUp posts what the node would have told while there was no connection.
func (n *Node) catchUp(h Hello) {
	if h.Spec == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.post(Event{Time: time.Now(), State: n.state})
	now := n.spec.withClaims(*h.Spec)
	for i, was := range n.spec.Ports {
		e := Event{Time: time.Now(), State: n.state, Port: was.Name}
		p := now.Ports[i]
		if p.Shut != was.Shut {
			up := !p.Shut
			e.Enabled = &up
		}
		if p.Encapsulation != was.Encapsulation {
			e.Encapsulation = p.Encapsulation
		}
		if p.Wire == WireNone && was.Wire != WireNone {
			e.NIO, e.Error = was.Wire, "it has ended"
		}
		if e.Enabled != nil || e.Encapsulation != "" || e.NIO != "" {
			n.post(e)
		}
	}
	n.spec = now
}

// finish notes the end of the process.
func (n *Node) finish() {
	e := Event{Time: time.Now(), State: Crashed, Exit: n.proc.exitText()}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.released {
		return
	}
	switch {
	case n.ending != nil:
		e.State, e.Reason, e.Console = n.ending.State, n.ending.Reason, n.ending.Console
	case n.killed:
		e.State, e.Reason = Stopped, "killed"
	default:
		e.Reason = "its process ended by itself"
	}
	if e.State == Crashed {
		e.Log = lastLines(n.spec.Log, 20)
	}
	n.state, n.end = e.State, e
	n.opt.forget(baseName(n.spec.Lab, n.spec.Device))
	n.post(e)
	close(n.events)
	close(n.done)
}

// lastLines returns the last lines of a log file, for people; none when it
// cannot be read.
func lastLines(path string, count int) []string {
	if path == "" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil
	}
	const tail = 8 << 10
	b, err := io.ReadAll(io.NewSectionReader(f, max(0, fi.Size()-tail), tail))
	if err != nil {
		return nil
	}
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	if len(lines) == 1 && lines[0] == "" {
		return nil
	}
	return lines[max(0, len(lines)-count):]
}

// call sends a request and waits for its answer.
func (n *Node) call(ctx context.Context, op string, body any, names []string, files ...*os.File) (*Received, error) {
	var raw json.RawMessage
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		raw = b
	}
	ch := make(chan *Received, 1)
	n.mu.Lock()
	conn := n.conn
	if conn == nil || n.released {
		n.mu.Unlock()
		return nil, ErrEnded
	}
	n.nextID++
	id := n.nextID
	n.pending[id] = ch
	n.mu.Unlock()
	forget := func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.pending, id)
	}
	if err := conn.Send(Message{ID: id, Op: op, Body: raw, Files: names}, files...); err != nil {
		forget()
		if errors.Is(err, unix.EPIPE) || errors.Is(err, net.ErrClosed) || errors.Is(err, unix.ECONNRESET) {
			err = ErrEnded
		}
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	select {
	case r, ok := <-ch:
		if !ok {
			return nil, fmt.Errorf("%s: %w", op, ErrEnded)
		}
		if r.Error != "" {
			r.CloseFiles()
			return nil, errors.New(r.Error)
		}
		return r, nil
	case <-ctx.Done():
		forget()
		return nil, fmt.Errorf("%s: the node does not answer: %w", op, ctx.Err())
	}
}

// do is call for requests whose answer carries nothing.
func (n *Node) do(op string, body any, names []string, files ...*os.File) error {
	r, err := n.call(context.Background(), op, body, names, files...)
	if err != nil {
		return err
	}
	r.CloseFiles()
	return nil
}

// Status asks the node for its counters and adds what /proc says of its process.
func (n *Node) Status() (Status, error) {
	var s Status
	r, err := n.call(context.Background(), OpStatus, nil, nil)
	if err != nil {
		return s, err
	}
	defer r.CloseFiles()
	if err := json.Unmarshal(r.Body, &s); err != nil {
		return s, fmt.Errorf("status: %w", err)
	}
	s.PID = n.proc.pid
	s.CPU, s.RSS, s.Shared = n.proc.usage()
	s.RSS += s.GuestMemory
	if s.JIT != nil {
		s.RSS += uint64(s.JIT.Bytes)
	}
	return s, nil
}

// Suspend makes the router stand still. A switch, which has no processor, refuses, also
// Resume and Reset.
func (n *Node) Suspend() error { return n.do(OpSuspend, nil, nil) }

// Resume lets a suspended router go on.
func (n *Node) Resume() error { return n.do(OpResume, nil, nil) }

// Reset restarts the router as its power switch would; the process stays.
func (n *Node) Reset() error { return n.do(OpReset, nil, nil) }

// Stop ends the node in order, with NVRAM on disk, and waits until its process
// has ended. When ctx ends first (without a deadline: after 15 s), the process
// is killed and an error says so. A node that has ended already is no error.
func (n *Node) Stop(ctx context.Context) error {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	r, err := n.call(ctx, OpStop, nil, nil)
	if err == nil {
		r.CloseFiles()
	}
	select {
	case <-n.done:
		return nil
	default:
	}
	if err == nil {
		select {
		case <-n.done:
			return nil
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if errors.Is(err, ErrEnded) { // the process is just ending, or deaf
		select {
		case <-n.done:
			return nil
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
	if killErr := n.Kill(); killErr != nil {
		if n.isDone() {
			return nil
		}
		return killErr
	}
	return fmt.Errorf("the node did not end in order (%w) and was killed", err)
}

// Kill ends the process at once, as kill -9 does, and waits until it has ended.
func (n *Node) Kill() error {
	n.mu.Lock()
	if n.released || n.isDone() {
		n.mu.Unlock()
		return ErrEnded
	}
	n.killed = true
	n.mu.Unlock()
	if err := n.kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill process %d: %w", n.proc.pid, err)
	}
	<-n.done
	return nil
}

// kill ends the process, as far as it is known.
func (n *Node) kill() error {
	switch {
	case n.opt.Spawner != nil && n.proc != nil:
		return n.opt.Spawner.Kill(n.spec.Lab, n.spec.Device, n.proc.pid, n.proc.start)
	case n.opt.Spawner != nil:
		return n.opt.Spawner.Kill(n.spec.Lab, n.spec.Device, 0, 0)
	case n.proc != nil:
		return n.proc.kill()
	}
	return nil
}

// Plug gives the port a wire in place of what it had. The kind is WireTAP or another
// of them but WireVDE and WireNone. The caller closes its copy of f, which is nil for
// WireNull.
func (n *Node) Plug(port, kind string, f *os.File) error {
	names, files := someFiles([]string{FileWire}, f)
	err := n.do(OpPlug, PlugRequest{Port: port, Kind: kind}, names, files...)
	if err == nil {
		n.changePort(port, func(p *PortSpec) { p.Wire = kind })
	}
	return err
}

// Unplug leaves the port without a wire.
func (n *Node) Unplug(port string) error {
	err := n.do(OpUnplug, PlugRequest{Port: port}, nil)
	if err == nil {
		n.changePort(port, func(p *PortSpec) { p.Wire = WireNone })
	}
	return err
}

// Console opens a connection that carries what the console (aux: the AUX port)
// prints and takes keystrokes, byte for byte. With replay, it begins with what
// was printed before.
func (n *Node) Console(aux, replay bool) (net.Conn, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "console"), os.NewFile(uintptr(fds[1]), "console")
	defer ours.Close()
	defer theirs.Close()
	if err := n.do(OpConsole, ConsoleRequest{AUX: aux, Replay: replay}, []string{FileWire}, theirs); err != nil {
		return nil, err
	}
	return net.FileConn(ours)
}

// ConsoleLog returns what the console printed so far, as much of it as the node
// keeps.
func (n *Node) ConsoleLog() ([]byte, error) { return n.blob(OpConsoleLog) }

// NVRAM returns the content of the router's NVRAM now.
func (n *Node) NVRAM() ([]byte, error) { return n.blob(OpNVRAM) }

func (n *Node) blob(op string) ([]byte, error) {
	r, err := n.call(context.Background(), op, nil, nil)
	if err != nil {
		return nil, err
	}
	defer r.CloseFiles()
	f := r.Files[FileContent]
	if f == nil {
		return nil, fmt.Errorf("%s: the node sent no content", op)
	}
	return ReadFile(f, blobLimit)
}

// SetNVRAM replaces the content of the router's NVRAM, under a running guest
// too, and saves it. It fails when the size differs.
func (n *Node) SetNVRAM(content []byte) error {
	f, err := MemFile(FileContent, content)
	if err != nil {
		return err
	}
	defer f.Close()
	return n.do(OpSetNVRAM, nil, []string{FileContent}, f)
}

// SetConfig replaces the startup configuration, or the private one, in the
// router's NVRAM between two instructions of its guest. An empty text removes it.
func (n *Node) SetConfig(private bool, text []byte) error {
	f, err := MemFile(FileContent, text)
	if err != nil {
		return err
	}
	defer f.Close()
	return n.do(OpSetConfig, ConfigRequest{Private: private}, []string{FileContent}, f)
}

// SetConfReg changes the router's configuration register, at once and for
// restarts of the guest.
func (n *Node) SetConfReg(v uint16) error { return n.do(OpConfReg, ConfRegRequest{Value: v}, nil) }

// Insert puts a card into an empty slot. files are the wires of its ports by
// name, of which the caller closes its copies.
func (n *Node) Insert(slot int, card string, ports []PortSpec, files map[string]*os.File) error {
	names, sent := portFiles(files)
	err := n.do(OpInsert, CardRequest{Slot: slot, Card: card, Ports: ports}, names, sent...)
	if err == nil {
		n.noteCard(slot, card, ports)
	}
	return err
}

// Remove takes the card out of a slot, and closes what is plugged into it.
func (n *Node) Remove(slot int) error {
	err := n.do(OpRemove, CardRequest{Slot: slot}, nil)
	if err == nil {
		n.noteCard(slot, "", nil)
	}
	return err
}

// noteCard keeps the description, and the one beside the socket, in line with
// the router.
func (n *Node) noteCard(slot int, card string, ports []PortSpec) {
	n.change(func(s *Spec) { *s = s.WithCard(slot, card, ports) })
	n.remember()
}

// waitChild waits for a child of this process and notes how it ended.
func (n *Node) waitChild(cmd *exec.Cmd) {
	err := cmd.Wait()
	text := "exit status 0"
	if err != nil {
		text = err.Error()
	}
	n.proc.setExit(text)
	close(n.ended)
}

// waitAdopted waits for a process that is no child of this one.
func (n *Node) waitAdopted() {
	n.proc.wait()
	close(n.ended)
}
