package emud

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"dynemu/emud/lab"
)

// Lab is one lab file and what runs from it.
type Lab struct {
	d    *Daemon
	name string

	// op is held by whoever changes the lab, for as long as that takes.
	op         opLock
	rec        record            // what exists in the kernel; under op
	heldBack   atomic.Bool       // no text of it can be read: what runs stays as it is; changes under op
	watchers   map[string]func() // by device: end watching for readers; under op
	frameRelay map[string]bool   // by port: the link type of its interface, where known; under op

	mu        sync.Mutex
	topo      *lab.Lab            // what is asked; nil before the first apply
	nios      map[string]nioState // by link
	retry     *time.Timer         // of NIOs
	made      map[string]string   // how devices, LANs and cables were made in the kernel
	news      map[*Device]Node    // nodes that have something to tell about their ports
	listening bool                // somebody is about to look at it
	readers   map[string]bool     // by device and interface, whether somebody reads it
	applied   []byte              // the text that topo came from
	links     map[string]int      // index in topo.Links, by the ports at their ends
	devices   []*Device
	byName    map[string]*Device
	result    string
	errText   string
	changed   time.Time // of result
	clean     bool      // the last check and apply of a text found no error
	pending   *pending

	drawing drawing
}

// pending is a change of the lab file that waits until the file has been left
// alone for a while.
type pending struct {
	timer  *time.Timer
	text   []byte
	remove bool
	from   string        // the lab that this one was renamed from
	done   chan struct{} // closed when the change is made or dropped
}

func newLab(d *Daemon, name string) *Lab {
	return &Lab{d: d, name: name, changed: time.Now(), clean: true, nios: map[string]nioState{}, readers: map[string]bool{}, news: map[*Device]Node{}, made: map[string]string{},
		watchers: map[string]func(){}, frameRelay: map[string]bool{}}
}

// Name is the lab file's name without .net.
func (l *Lab) Name() string { return l.name }

func (l *Lab) dir() string         { return filepath.Join(l.d.stateDir(), l.name) }
func (l *Lab) appliedPath() string { return filepath.Join(l.dir(), "applied.net") }
func (l *Lab) recordPath() string {
	return filepath.Join(l.d.opt.Runtime, "labs", l.name+".json")
}

// FilesDir is the plain folder for what the lab file names by relative paths.
func (l *Lab) FilesDir() string { return filepath.Join(l.dir(), "files") }

// TextPath is where the text of the lab file is kept.
func (l *Lab) TextPath() string { return filepath.Join(l.d.stateDir(), l.name+".net") }

// MakeFiles makes the folder of the lab.
func (l *Lab) MakeFiles() error {
	if err := os.MkdirAll(l.FilesDir(), 0o770); err != nil {
		return err
	}
	if g := l.d.opt.Group; g >= 0 {
		return errors.Join(os.Chown(l.FilesDir(), -1, g), os.Chmod(l.FilesDir(), 0o770|os.ModeSetgid))
	}
	return nil
}

// Devices returns the devices in the order of the file.
func (l *Lab) Devices() []*Device {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*Device(nil), l.devices...)
}

// Device returns a device by name, or nil.
func (l *Lab) Device(name string) *Device {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byName[name]
}

// Result is the outcome of the last apply, and its time.
func (l *Lab) Result() (string, time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.result, l.changed
}

// ErrorText says why the last command to the lab failed.
func (l *Lab) ErrorText() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.errText
}

func (l *Lab) setError(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errText = errorText(err)
}

func (l *Lab) setResult(text string, clean bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.result, l.changed, l.clean = text, time.Now(), clean
	l.tellResult(text, clean)
}

// Exists reports whether the lab shows in the tree: it does from the first
// text written until the file is gone and what ran from it removed.
func (l *Lab) Exists() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pending == nil || !l.pending.remove
}

// Check parses text as the lab's next content. With an error, the result and
// errors files say what is wrong and the lab goes on as it was.
func (l *Lab) Check(text []byte) error {
	_, msgs := l.d.parse(l.name, text)
	if !hasError(msgs) {
		return nil
	}
	err := l.refuse(msgs)
	return err
}

func (l *Lab) refuse(msgs []lab.Message) *Error {
	var b bytes.Buffer
	first := ""
	for _, m := range msgs {
		fmt.Fprintln(&b, m)
		if first == "" && m.Severity == lab.Error {
			first = m.String()
		}
	}
	l.setResult(b.String(), false)
	e := refuse(syscall.EINVAL, "%s", first)
	l.setError(e)
	l.d.log.Warn("lab file refused", "lab", l.name, "reason", first)
	return e
}

// Schedule applies text once the file has been quiet. A later call, or Hold,
// takes its place.
func (l *Lab) Schedule(text []byte) { l.schedule(&pending{text: text}) }

// ScheduleRename is Schedule for a file that got its name by renaming another
// lab's file: the storage and the wishes come along.
func (l *Lab) ScheduleRename(from string, text []byte) {
	l.schedule(&pending{text: text, from: from})
}

// ScheduleRemoval removes the lab unless a file of its name appears within the
// quiet time, as it does when an editor replaces it.
func (l *Lab) ScheduleRemoval() { l.schedule(&pending{remove: true}) }

func (l *Lab) schedule(p *pending) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.done = make(chan struct{})
	if old := l.pending; old != nil && old.timer.Stop() {
		if p.from == "" {
			p.from = old.from
		}
		close(old.done)
	}
	l.pending = p
	p.timer = time.AfterFunc(l.d.opt.Quiet, func() { l.settle(p) })
}

// Hold drops what was scheduled: the file is being written again.
func (l *Lab) Hold() { l.cancelPending() }

func (l *Lab) cancelPending() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.pending; p != nil && p.timer.Stop() {
		close(p.done)
		l.pending = nil
	}
}

// finishPending does a removal that is scheduled, at once, and drops an apply:
// the next daemon finds the text.
func (l *Lab) finishPending() {
	l.mu.Lock()
	p := l.pending
	now := p != nil && p.remove && p.timer.Stop()
	l.mu.Unlock()
	if now {
		l.settle(p)
		return
	}
	l.cancelPending()
}

// Wait returns when nothing is scheduled for the lab, or when ctx ends.
func (l *Lab) Wait(ctx context.Context) {
	for {
		l.mu.Lock()
		p := l.pending
		l.mu.Unlock()
		if p == nil {
			return
		}
		select {
		case <-p.done:
		case <-ctx.Done():
			return
		}
	}
}

func (l *Lab) settle(p *pending) {
	switch {
	case p.remove:
		if err := l.Remove(); err != nil {
			l.d.log.Error("cannot remove a lab", "lab", l.name, "err", err)
		}
	default:
		if p.from != "" {
			if err := l.takeOver(p.from); err != nil {
				l.d.log.Error("cannot move a lab's storage", "from", p.from, "to", l.name, "err", err)
			}
		}
		l.Apply(p.text)
	}
	l.mu.Lock()
	if l.pending == p {
		l.pending = nil
	}
	l.mu.Unlock()
	close(p.done)
}

// Fail notes that a text of the lab could not be applied for another reason than
// what is in it.
func (l *Lab) Fail(err error) {
	l.setError(err)
	l.setResult(fmt.Sprintf("%s.net:1:1: cannot be applied: %s\n", l.name, oneLine(err.Error())), false)
}

// Apply brings the lab in line with text. With an error in it nothing changes.
func (l *Lab) Apply(text []byte) error {
	l.op.Lock()
	defer l.op.Unlock()
	l.mu.Lock()
	same := l.topo != nil && l.clean && bytes.Equal(l.applied, text)
	l.mu.Unlock()
	if same {
		return nil
	}
	return l.tryApply(text)
}

// tryApply is apply with the reason noted when it fails.
func (l *Lab) tryApply(text []byte) error {
	err := l.apply(text)
	var refused *Error
	if err != nil && !errors.As(err, &refused) {
		l.d.log.Error("lab cannot be applied", "lab", l.name, "err", err)
		l.Fail(err)
	}
	return err
}

// Reapply brings the lab in line with the text applied last.
func (l *Lab) Reapply() error {
	l.op.Lock()
	defer l.op.Unlock()
	l.mu.Lock()
	text, asked := l.applied, l.topo != nil
	l.mu.Unlock()
	if !asked {
		return refuse(syscall.ENOENT, "lab %s has no file that could be applied; write labs/%s.net", l.name, l.name)
	}
	l.forgetMade()
	return l.tryApply(text)
}

func (l *Lab) apply(text []byte) error {
	topo, msgs := l.d.parse(l.name, text)
	if topo == nil || hasError(msgs) {
		return l.refuse(msgs)
	}
	if err := errors.Join(l.MakeFiles(), l.makeCaptures()); err != nil {
		return err
	}
	l.mu.Lock()
	old := l.topo
	l.mu.Unlock()
	rep := &report{}
	if err := writeFile(l.appliedPath(), text, 0o600); err != nil {
		return err
	}
	moved, err := l.adopt(topo, text)
	if err != nil {
		return err
	}
	if l.heldBack.Swap(false) {
		l.attachOrphans()
		l.stopOrphans()
		l.adoptPorts(rep)
	}
	msgs = append(msgs, moved...)
	for _, step := range lab.Diff(old, topo) {
		if c, ok := step.(lab.ChangeRouter); ok {
			step = l.whenApplied(c)
		}
		rep.lines = append(rep.lines, step.String())
	}
	l.reconcile(rep)
	for _, m := range msgs {
		rep.lines = append(rep.lines, m.String())
	}
	l.setResult(rep.String(), true)
	l.setError(nil)
	l.d.log.Info("lab applied", "lab", l.name, "routers", len(topo.Routers), "switches", len(topo.Switches), "links", len(topo.Links))
	return nil
}

// liveOptions are the options that a running router takes at once.
var liveOptions = []string{"autostart", "idlepc", "idlemax", "idlesleep"}

// whenApplied moves the options that a running node does not take to those that
// wait for its next start.
func (l *Lab) whenApplied(c lab.ChangeRouter) lab.ChangeRouter {
	dev := l.Device(c.New.Name)
	if dev == nil || dev.running() == nil {
		return c
	}
	var live []string
	for _, option := range c.Live {
		if slices.Contains(liveOptions, option) || option == "limits" && l.d.opt.Units {
			live = append(live, option)
		} else {
			c.NeedsRestart = append(c.NeedsRestart, option)
		}
	}
	c.Live = live
	return c
}

// adopt makes topo what is asked for, with a Device for each section.
func (l *Lab) adopt(topo *lab.Lab, text []byte) ([]lab.Message, error) {
	was := map[string]*Device{}
	for _, dev := range l.Devices() {
		was[dev.name] = dev
	}
	var devices []*Device
	before := &lab.Lab{}
	all := sections(topo)
	for _, s := range all {
		dev := was[s.name()]
		if dev != nil && dev.wants().kindChanged(s) {
			dev = nil // another device of that name, which begins when the old one has gone
		}
		if dev == nil {
			var err error
			if dev, err = newDevice(l, s); err != nil {
				return nil, err
			}
		}
		if dev.keep.Assigned {
			before.Routers = append(before.Routers, &lab.Router{Name: dev.name, Instance: dev.keep.Instance})
		}
		devices = append(devices, dev)
	}
	topo.Inherit(before)
	others, own := l.d.portsOfOthers(l), map[int]bool{}
	for _, r := range topo.Routers {
		own[r.Console], own[r.AUX] = true, true
	}
	var msgs []lab.Message
	for i, dev := range devices {
		if all[i].sw != nil {
			continue
		}
		m, err := dev.assign(all[i].router, others, own)
		if err != nil {
			return nil, err
		}
		msgs = append(msgs, m...)
	}
	for i, dev := range devices {
		dev.ask(all[i])
		if was[dev.name] == dev {
			delete(was, dev.name)
		}
	}
	l.mu.Lock()
	l.topo, l.applied, l.links = topo, text, linksOf(topo)
	l.devices, l.byName = devices, make(map[string]*Device, len(devices))
	for _, dev := range devices {
		l.byName[dev.name] = dev
	}
	l.mu.Unlock()
	for _, dev := range was {
		l.rec.gone = append(l.rec.gone, dev)
	}
	return msgs, nil
}

// load reads what the lab was, and connects it with the nodes that run.
func (l *Lab) load(nodes map[string]Node) error {
	l.op.Lock()
	defer l.op.Unlock()
	err := readJSON(l.recordPath(), &l.rec)
	if err != nil {
		l.d.log.Error("cannot read what a lab has in the kernel", "lab", l.name, "err", err)
	}
	text, e := os.ReadFile(l.TextPath())
	if e != nil {
		// Without its file the lab is to be removed; see resume.
		l.rec.orphans = nodes
		return nil
	}
	topo, msgs := l.d.parse(l.name, text)
	if topo == nil || hasError(msgs) {
		l.refuse(msgs)
		good, e := os.ReadFile(l.appliedPath())
		if e != nil {
			l.rec.orphans = nodes
			l.heldBack.Store(true)
			return fmt.Errorf("it is held back: its text is refused, and none was applied: %w", e)
		}
		if topo, msgs = l.d.parse(l.name, good); topo == nil || hasError(msgs) {
			l.rec.orphans = nodes
			l.heldBack.Store(true)
			return fmt.Errorf("it is held back: its text, and that which was applied last, are refused: %v", msgs)
		}
		text = good
	}
	l.rec.orphans = nodes
	if _, err := l.adopt(topo, text); err != nil {
		l.heldBack.Store(true)
		return err
	}
	l.attachOrphans()
	return nil
}

// attachOrphans gives the nodes found running to the devices that they run.
func (l *Lab) attachOrphans() {
	for name, n := range l.rec.orphans {
		if dev := l.Device(name); dev != nil {
			dev.attach(n, l.rec.Started[name])
			delete(l.rec.orphans, name)
		}
	}
}

// stopOrphans stops the nodes that no lab asks for.
func (l *Lab) stopOrphans() {
	for name, n := range l.rec.orphans {
		l.d.log.Info("stopping a device that no lab asks for", "lab", l.name, "device", name)
		if err := n.Stop(); err != nil {
			l.d.log.Error("cannot stop it", "lab", l.name, "device", name, "err", err)
		}
		l.op.step()
	}
	l.rec.orphans = nil
}

// resume brings a loaded lab to the state it was left in.
func (l *Lab) resume() {
	l.op.Lock()
	defer l.op.Unlock()
	if l.heldBack.Load() { // what runs of it goes on until it has a text again
		return
	}
	l.stopOrphans()
	for _, dev := range l.Devices() {
		// The daemon ended while it was about to stop this one.
		if !dev.shouldRun() {
			if err := dev.stop(); err != nil {
				l.d.log.Error("cannot stop a device", "lab", l.name, "device", dev.name, "err", err)
			}
		}
	}
	l.mu.Lock()
	asked := l.topo != nil
	l.mu.Unlock()
	rep := &report{}
	l.adoptPorts(rep)
	l.reconcile(rep)
	if !asked {
		if _, err := os.Stat(l.TextPath()); err != nil && !l.hasFiles() {
			l.erase()
		}
		return
	}
	l.mu.Lock()
	if l.clean {
		l.result, l.changed = rep.String(), time.Now()
	}
	l.mu.Unlock()
}

// adoptPorts takes over what the nodes of an earlier daemon know of their ports.
func (l *Lab) adoptPorts(rep *report) {
	for _, dev := range l.Devices() {
		n := dev.running()
		if n == nil {
			continue
		}
		status, err := n.Status()
		if err != nil {
			rep.addf("%s: %v", dev.name, err)
			continue
		}
		for name, p := range status.Ports {
			dev.changePort(n, name, func(s *portState) { s.shut, s.encapsulation = !p.Enabled, p.Encapsulation })
		}
		l.checkNIOs(dev, n, status)
		if err := dev.adoptCaptures(n); err != nil {
			rep.addf("%s: %v", dev.name, err)
		}
	}
}

// hasFiles reports whether a user has put files into the lab's folder.
func (l *Lab) hasFiles() bool {
	_, err := os.Stat(l.FilesDir())
	return err == nil
}

// Remove stops the lab and removes it with its storage.
func (l *Lab) Remove() error {
	l.op.Lock()
	defer l.op.Unlock()
	l.mu.Lock()
	l.rec.gone = append(l.rec.gone, l.devices...)
	l.devices, l.byName, l.topo, l.applied, l.links = nil, nil, nil, nil, nil
	l.mu.Unlock()
	l.stopOrphans()
	l.reconcile(&report{})
	l.d.log.Info("lab removed", "lab", l.name)
	l.d.emit(Event{Event: EventRemoved, Lab: l.name})
	return l.erase()
}

func (l *Lab) erase() error {
	err := errors.Join(os.RemoveAll(l.dir()), os.RemoveAll(l.TextPath()), os.RemoveAll(l.recordPath()))
	l.d.forget(l)
	return err
}

// takeOver stops the lab from and makes its storage this lab's.
func (l *Lab) takeOver(from string) error {
	old := l.d.Lab(from)
	if old == nil {
		return nil
	}
	old.cancelPending()
	old.op.Lock()
	defer old.op.Unlock()
	old.mu.Lock()
	old.rec.gone = append(old.rec.gone, old.devices...)
	old.devices, old.topo, old.applied, old.links = nil, nil, nil, nil
	old.mu.Unlock()
	old.reconcile(&report{})
	l.op.Lock()
	defer l.op.Unlock()
	var err error
	if len(l.Devices()) == 0 {
		os.Remove(l.FilesDir())
		os.Remove(l.dir())
		err = os.Rename(old.dir(), l.dir())
	}
	return errors.Join(err, old.erase())
}

// shutdown stops what runs and removes what is in the kernel; what is asked
// stays as it is.
func (l *Lab) shutdown() error {
	l.op.Lock()
	defer l.op.Unlock()
	devices := l.Devices()
	errs := make([]error, len(devices))
	parallel(len(devices), parallelStops, func(i int) {
		errs[i] = devices[i].halt()
		l.op.step()
	})
	l.stopOrphans()
	l.clear(&report{})
	l.stopAllWatching()
	return errors.Join(errs...)
}
