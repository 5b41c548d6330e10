package emud

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"dynemu/emud/lab"
	"dynemu/emud/node"
)

// Device is a router or virtual switch of a lab: what is asked of it and the node that
// runs it.
type Device struct {
	lab  *Lab
	name string

	mu       sync.Mutex
	section  section     // what the lab file asks for
	started  *lab.Router // what the running node of a router was started with
	keep     kept
	node     Node
	ports    map[string]portState // of the running node, by name
	starting bool                 // the node is about to be started
	ending   bool                 // the node is being stopped on purpose
	// reviveIn is how long a switch that crashes next waits, and revived when one
	// crashed last.
	reviveIn time.Duration
	revived  time.Time
	rest     node.State // the state without a node: stopped or crashed
	errText  string
	since    time.Time // of the state
	console  []byte    // what the console of the last node printed
	moved    chan struct{}
	closed   bool

	told told
	book addressBook
}

// kept is what outlives the daemon about a device.
type kept struct {
	Run      bool   `json:"run"` // the wish: started or stopped
	Assigned bool   `json:"assigned"`
	Instance int    `json:"instance"`
	MAC      string `json:"mac"`
	// Ports are the TCP ports given to the console and AUX, where they differ
	// from those asked for because another lab has them.
	Console given `json:"console,omitzero"`
	AUX     given `json:"aux,omitzero"`
	// ConfReg is the configuration register that a user set, in force while the
	// lab file asks for what it asked for then.
	ConfReg given     `json:"confreg,omitzero"`
	IdlePC  idleGiven `json:"idlepc,omitzero"`
	// Ports is what users set for ports, by name.
	Ports map[string]portKept `json:"ports,omitempty"`
}

// given is a number given in place of another.
type given struct {
	Asked int `json:"asked"`
	Given int `json:"given"`
	// Foreign tells that a program that is no router of this daemon had the TCP
	// port when the device was started.
	Foreign bool `json:"foreign,omitempty"`
}

func newDevice(l *Lab, s section) (*Device, error) {
	dev := &Device{lab: l, name: s.name(), section: s, rest: node.Stopped, since: time.Now(), moved: make(chan struct{}), told: told{state: node.Stopped}}
	if err := os.MkdirAll(dev.dir(), 0o700); err != nil {
		return nil, err
	}
	if err := readJSON(dev.keepPath(), &dev.keep); err != nil {
		l.d.log.Error("what was kept about a device is damaged, it starts anew", "lab", l.name, "device", dev.name, "err", err)
		dev.keep = kept{}
	}
	if !dev.keep.Assigned || s.sw != nil { // never seen before
		dev.keep.Run = s.runs()
	}
	return dev, nil
}

func (dev *Device) dir() string       { return filepath.Join(dev.lab.dir(), dev.name) }
func (dev *Device) keepPath() string  { return filepath.Join(dev.dir(), "device.json") }
func (dev *Device) nvramPath() string { return filepath.Join(dev.dir(), "nvram.store") }

// LogPath is where the node writes the device's log.
func (dev *Device) LogPath() string { return filepath.Join(dev.dir(), "log") }

// Name is the device's name in the lab file.
func (dev *Device) Name() string { return dev.name }

// Lab is the lab that the device belongs to.
func (dev *Device) Lab() *Lab { return dev.lab }

// assign gives the device an instance number, a base MAC address and TCP ports
// that stay the same however the lab file is reordered. A port that another
// lab has is replaced by the next that is free, with a warning.
func (dev *Device) assign(r *lab.Router, others, own map[int]bool) ([]lab.Message, error) {
	dev.mu.Lock()
	keep := dev.keep
	if !keep.Assigned || keep.Instance != r.Instance {
		keep.Assigned, keep.Instance = true, r.Instance
		keep.MAC = baseMAC(r.Instance, dev.lab.name, dev.name)
	}
	var msgs []lab.Message
	for _, p := range consolePorts(r, &keep) {
		asked := *p.port
		foreign := p.kept.Foreign && p.kept.Asked == asked && !p.named
		// The labs of an earlier daemon are read in any order, and keep the ports they had.
		stays := !dev.lab.d.loaded.Load() && p.kept.Asked == asked && p.kept.Given != 0 && !others[p.kept.Given]
		if asked == 0 || !others[asked] && !foreign && !stays {
			*p.kept = given{}
			continue
		}
		if p.kept.Asked != asked || others[p.kept.Given] || own[p.kept.Given] {
			n := asked
			for n < 65536 && (others[n] || own[n]) {
				n++
			}
			*p.kept = given{Asked: asked, Given: n}
		}
		*p.port = p.kept.Given
		own[*p.port] = true
		msgs = append(msgs, dev.portMessage(r, p))
	}
	dev.mu.Unlock()
	return msgs, dev.setKept(func(k *kept) { *k = keep })
}

// setKept changes what outlives the daemon, on disk and then here. After an
// error nothing has changed. The lab's op is held.
func (dev *Device) setKept(change func(*kept)) error {
	dev.mu.Lock()
	keep := dev.keep
	keep.Ports = maps.Clone(keep.Ports)
	change(&keep)
	same := reflect.DeepEqual(keep, dev.keep)
	dev.mu.Unlock()
	if same {
		return nil
	}
	if err := writeJSON(dev.keepPath(), keep); err != nil {
		return err
	}
	dev.mu.Lock()
	defer dev.mu.Unlock()
	dev.keep = keep
	return nil
}

// portsOfOthers are the TCP ports of the devices of all labs but l.
func (d *Daemon) portsOfOthers(l *Lab) map[int]bool {
	ports := map[int]bool{}
	for _, o := range d.Labs() {
		if o == l {
			continue
		}
		for _, dev := range o.Devices() {
			for _, r := range []*lab.Router{dev.asked(), dev.Router()} {
				if r != nil {
					ports[r.Console], ports[r.AUX] = true, true
				}
			}
		}
	}
	delete(ports, 0)
	return ports
}

// baseMAC has the form of Dynamips' default (c7200 reference 14.2): CA, the
// low byte of the instance, two bytes that tell apart what runs on one
// network, zero, zero. Dynamips takes the latter from its process number; here
// they come from the names, so that they are the same after every start.
func baseMAC(instance int, labName, device string) string {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s/%s", labName, device)
	s := h.Sum32()
	s ^= s >> 16
	return fmt.Sprintf("ca:%02x:%02x:%02x:00:00", instance&0xff, s>>8&0xff, s&0xff)
}

// ask sets what the lab file asks for.
func (dev *Device) ask(s section) {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	dev.section = s
}

// asked is the section of a router, nil for a switch.
func (dev *Device) asked() *lab.Router { return dev.wants().router }

func (dev *Device) wants() section {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	return dev.section
}

// Switch is the section of a virtual switch, nil for a router.
func (dev *Device) Switch() *lab.Switch { return dev.wants().sw }

// Router is the section of the lab file that a router runs with, or would run
// with; nil for a switch.
func (dev *Device) Router() *lab.Router {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	if dev.node != nil && dev.started != nil {
		return dev.started
	}
	if r := dev.section.router; r != nil && dev.lab.d.Settings().TreeConsoles {
		without := *r
		without.Console, without.AUX = 0, 0
		return &without
	}
	return dev.section.router
}

// Ports are the ports of the device, of a router or of a switch, in order.
func (dev *Device) Ports() []lab.Port {
	if r := dev.Router(); r != nil {
		return r.Ports
	}
	return dev.wants().ports()
}

func (dev *Device) startedWith() *lab.Router {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	return dev.started
}

func (dev *Device) running() Node {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	return dev.node
}

// wanted reports whether reconcile should start the device: it should run and
// neither runs nor has crashed.
func (dev *Device) wanted() bool {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	return dev.keep.Run && dev.node == nil && dev.rest == node.Stopped
}

func (dev *Device) shouldRun() bool {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	return dev.keep.Run
}

// State is the device's state, and since when.
func (dev *Device) State() (node.State, time.Time) {
	dev.mu.Lock()
	n, ending, since := dev.node, dev.ending, dev.since
	dev.mu.Unlock()
	if n != nil {
		s := n.State()
		switch {
		case s != node.Stopped && s != node.Crashed:
			return s, since
		case ending:
			return node.Stopped, since
		}
		dev.ended(n) // which watch is about to note
	}
	dev.mu.Lock()
	defer dev.mu.Unlock()
	if dev.node != nil && dev.node != n {
		return dev.node.State(), dev.since
	}
	return dev.rest, dev.since
}

// ErrorText says why the last command to the device failed, or why it does
// not run; empty when there is nothing to say.
func (dev *Device) ErrorText() string {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	return dev.errText
}

func (dev *Device) setError(err error) {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	dev.errText = errorText(err)
}

// attach makes n the device's node: started just now, or adopted.
func (dev *Device) attach(n Node, with *lab.Router) {
	dev.mu.Lock()
	dev.node, dev.ending, dev.since = n, false, time.Now()
	if with == nil {
		with = dev.section.router
	}
	spec := n.Spec()
	dev.started = withCards(with, spec)
	dev.ports = portStates(spec)
	dev.rest = node.Stopped
	dev.signal()
	dev.mu.Unlock()
	dev.tellState()
	news := make(chan struct{}, 1)
	n.Watch(func() {
		select {
		case news <- struct{}{}:
		default:
		}
	})
	go dev.watch(n, news)
}

// watch notes what the node tells of its ports, and its end.
func (dev *Device) watch(n Node, news <-chan struct{}) {
	for {
		select {
		case <-news:
			dev.tellState()
			dev.lab.portsChanged(dev, n)
		case <-n.Done():
			dev.ended(n)
			return
		}
	}
}

// ended notes that the node has ended by itself, once.
func (dev *Device) ended(n Node) {
	reason, state, console := n.Reason(), n.State(), n.LastConsole()
	dev.mu.Lock()
	if dev.node != n || dev.ending {
		dev.mu.Unlock()
		return
	}
	dev.node, dev.started, dev.ports, dev.console = nil, nil, nil, console
	dev.rest, dev.since = node.Crashed, time.Now()
	dev.errText = oneLine(fmt.Sprintf("crashed: %s; the log says what it did last, and start runs it again", reason))
	if state == node.Stopped {
		dev.rest, dev.errText = node.Stopped, ""
	}
	rest := dev.rest
	dev.signal()
	dev.mu.Unlock()
	dev.tellState()
	if rest == node.Crashed {
		dev.emit(Event{Event: EventCrash, Reason: reason})
	}
	dev.lab.d.log.Error("device ended by itself", "lab", dev.lab.name, "device", dev.name, "pid", n.PID(), "state", rest, "reason", reason)
	go func() {
		dev.lab.op.Lock()
		defer dev.lab.op.Unlock()
		if dev.running() == nil {
			dev.unplugged()
		}
	}()
	if dev.Switch() != nil {
		dev.revive()
	}
}

// A switch, which nobody starts, runs again after it has crashed: after a second, and
// later the more often that happened.
const (
	reviveFirst = time.Second
	reviveLast  = time.Minute
)

// revive has a switch run again after a while.
func (dev *Device) revive() {
	dev.mu.Lock()
	if time.Since(dev.revived) > 2*reviveLast {
		dev.reviveIn = reviveFirst
	}
	after := dev.reviveIn
	dev.reviveIn, dev.revived = min(2*after, reviveLast), time.Now()
	dev.mu.Unlock()
	time.AfterFunc(after, func() {
		dev.lab.op.Lock()
		defer dev.lab.op.Unlock()
		if dev.lab.Device(dev.name) != dev || dev.running() != nil {
			return
		}
		dev.mu.Lock()
		dev.rest = node.Stopped
		dev.mu.Unlock()
		rep := &report{}
		dev.lab.reconcile(rep)
		dev.lab.d.log.Info("switch runs again", "lab", dev.lab.name, "device", dev.name, "result", oneLine(rep.String()))
	})
}

// unplugged takes the carrier from what the device's ports are joined to, after
// its node ended.
func (dev *Device) unplugged() {
	if err := dev.lab.plugDevices(dev.name); err != nil {
		dev.lab.d.log.Error("cannot take the carrier from a stopped device's cables", "lab", dev.lab.name, "device", dev.name, "err", err)
	}
}

// signal wakes those who wait for a change of the node; mu is held.
func (dev *Device) signal() {
	close(dev.moved)
	dev.moved = make(chan struct{})
}

// release forgets the node and leaves it running.
func (dev *Device) release() {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	if n := dev.node; n != nil {
		dev.node = nil
		n.Release()
	}
}

// close ends what waits for the device, which is no longer in the lab.
func (dev *Device) close() {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	dev.closed = true
	dev.signal()
}

// Namespace is the network namespace of the device's ports.
func (dev *Device) Namespace() string {
	return dev.lab.d.opt.Network.Namespace(dev.lab.name, dev.name)
}

func (dev *Device) endpoint(p lab.Port) Endpoint {
	return Endpoint{dev.Namespace(), ifname(p.Name)}
}

// stop ends the device's node with its storage written, and takes the carrier from what
// was joined to it; no node is no error.
func (dev *Device) stop() error {
	was := dev.running()
	err := dev.halt()
	if was != nil && dev.running() == nil {
		dev.unplugged()
	}
	return err
}

// halt is stop for a device whose wires are about to go.
func (dev *Device) halt() error {
	dev.mu.Lock()
	n := dev.node
	if n == nil {
		dev.rest = node.Stopped
		dev.mu.Unlock()
		return nil
	}
	dev.ending = true
	dev.mu.Unlock()
	var log []byte
	logErr := errors.New("a switch has no console")
	if dev.Switch() == nil {
		log, logErr = n.ConsoleLog()
	}
	err := n.Stop()
	select {
	case <-n.Done():
	default:
		if err != nil {
			dev.mu.Lock()
			dev.ending = false
			dev.mu.Unlock()
			return err
		}
		<-n.Done()
	}
	dev.mu.Lock()
	if logErr == nil {
		dev.console = log
	}
	dev.node, dev.started, dev.ports, dev.rest, dev.since = nil, nil, nil, node.Stopped, time.Now()
	dev.signal()
	dev.mu.Unlock()
	dev.tellState()
	dev.lab.d.log.Info("device stopped", "lab", dev.lab.name, "device", dev.name)
	return err
}

// confReg is the configuration register that the router r starts with.
func (k kept) confReg(r *lab.Router) uint16 {
	if k.ConfReg != (given{}) && k.ConfReg.Asked == int(r.ConfReg) {
		return uint16(k.ConfReg.Given)
	}
	return r.ConfReg
}

// SetConfReg sets the device's configuration register, at once and for later
// starts, until the lab file asks for another.
func (dev *Device) SetConfReg(value string) error {
	return dev.command(func() error {
		if err := dev.mustRoute("has a configuration register"); err != nil {
			return err
		}
		v, err := strconv.ParseUint(value, 0, 16)
		if err != nil {
			return refuse(syscall.EINVAL, "confreg %s: expected a register value from 0x0 to 0xffff, such as 0x2102", value)
		}
		if err := dev.setKept(func(k *kept) { k.ConfReg = given{Asked: int(dev.section.router.ConfReg), Given: int(v)} }); err != nil {
			return err
		}
		if n := dev.running(); n != nil {
			return n.SetConfReg(uint16(v))
		}
		return nil
	})
}

// wish notes whether the device should run, so that it outlives the daemon.
func (dev *Device) wish(run bool) error {
	if err := dev.setKept(func(k *kept) { k.Run = run }); err != nil {
		return err
	}
	dev.mu.Lock()
	defer dev.mu.Unlock()
	if run && dev.rest == node.Crashed {
		dev.rest = node.Stopped
	}
	return nil
}

// waiting names what the lab file asks for and takes effect at the next start;
// empty when nothing does.
func (dev *Device) waiting() string {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	if dev.node == nil || dev.started == nil {
		return ""
	}
	for _, step := range lab.Diff(&lab.Lab{Routers: []*lab.Router{dev.started}}, &lab.Lab{Routers: []*lab.Router{dev.section.router}}) {
		if c, ok := step.(lab.ChangeRouter); ok {
			names := slices.Concat(c.NeedsRestart, c.Live)
			for _, m := range c.Moves {
				names = append(names, fmt.Sprintf("slot%d", m.Slot))
			}
			return strings.Join(names, " ")
		}
	}
	return ""
}

// contentID is a short name for content.
func contentID(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:8])
}

// Start starts the device and notes that it should run.
func (dev *Device) Start() error {
	return dev.command(func() error {
		if err := dev.mustRoute("can be started"); err != nil {
			return err
		}
		if err := dev.wish(true); err != nil {
			return err
		}
		return dev.bring()
	})
}

// bring starts the device, with the wires of its links, and waits for nothing
// more than its process; the lab's op is held.
func (dev *Device) bring() error {
	if dev.running() != nil {
		return nil
	}
	dev.lab.reconcile(&report{})
	if dev.running() == nil {
		text := dev.ErrorText()
		if text == "" {
			text = "it ended at once; the log says why"
		}
		return refuse(syscall.EINVAL, "%s cannot start: %s", dev.name, text)
	}
	return nil
}

// Stop stops the device with its storage written and notes that it should not
// run.
func (dev *Device) Stop() error {
	return dev.command(func() error {
		if err := dev.mustRoute("can be stopped"); err != nil {
			return err
		}
		return errors.Join(dev.wish(false), dev.stop())
	})
}

// Reload stops and starts the device, as a power cycle does.
func (dev *Device) Reload() error {
	return dev.command(func() error {
		if err := dev.mustRoute("can be reloaded"); err != nil {
			return err
		}
		if err := dev.wish(true); err != nil {
			return err
		}
		if err := dev.stop(); err != nil {
			return err
		}
		return dev.bring()
	})
}

// Suspend halts the device's processor and clocks.
func (dev *Device) Suspend() error {
	return dev.command(func() error {
		if err := dev.mustRoute("can be suspended"); err != nil {
			return err
		}
		n, err := dev.need("suspended")
		if err != nil {
			return err
		}
		defer dev.tellState()
		return n.Suspend()
	})
}

// Resume lets a suspended device go on.
func (dev *Device) Resume() error {
	return dev.command(func() error {
		if err := dev.mustRoute("can be resumed"); err != nil {
			return err
		}
		n, err := dev.need("resumed")
		if err != nil {
			return err
		}
		defer dev.tellState()
		return n.Resume()
	})
}

// Type sends keystrokes to the console.
func (dev *Device) Type(keys []byte) error {
	n, err := dev.need("typed to")
	if err == nil {
		err = dev.mustRoute("has a console")
	}
	if err != nil {
		dev.setError(err)
		return err
	}
	c, err := n.Console(false)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write(keys)
	return err
}

// mustRoute refuses for a switch what only a router can do.
func (dev *Device) mustRoute(what string) error {
	if s := dev.Switch(); s != nil {
		return refuse(syscall.EINVAL, "%s is a virtual switch (%s), always on; only a router %s", dev.name, s.Type, what)
	}
	return nil
}

func (dev *Device) need(verb string) (Node, error) {
	if n := dev.running(); n != nil {
		return n, nil
	}
	state, _ := dev.State()
	return nil, refuse(syscall.EPERM, "%s is %s and cannot be %s; start it first", dev.name, state, verb)
}

// command runs fn as the lab's only change and keeps the reason when it fails.
func (dev *Device) command(fn func() error) error {
	dev.lab.op.Lock()
	defer dev.lab.op.Unlock()
	if dev.lab.Device(dev.name) != dev {
		return refuse(syscall.ENOENT, "%s is no longer in lab %s", dev.name, dev.lab.name)
	}
	err := fn()
	dev.setError(err)
	if err != nil {
		dev.lab.d.log.Warn("command refused", "lab", dev.lab.name, "device", dev.name, "reason", err)
	}
	return err
}

// isClosed reports whether the device is no longer in its lab.
func (dev *Device) isClosed() bool {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	return dev.closed
}

// waitNode returns the running node, waiting for one other than not. It
// returns nil when ctx ends or the device is gone.
func (dev *Device) waitNode(ctx context.Context, not Node) Node {
	for {
		dev.mu.Lock()
		n, moved, closed := dev.node, dev.moved, dev.closed
		dev.mu.Unlock()
		if closed {
			return nil
		}
		if n != nil && n != not {
			return n
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return nil
		}
	}
}
