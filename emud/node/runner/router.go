package runner

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/emud/node"
	"dynemu/emud/node/store"
	"dynemu/vm"
	"dynemu/vm/console"
	"dynemu/vm/wire"
	"dynemu/vm/wire/capture"
)

// Machine is what a node needs of a router's hardware; *vm.Machine implements it.
type Machine interface {
	Start() error
	Suspend()
	Resume()
	Reset()
	Stop()
	// Port returns the place for the wire of a port.
	Port(slot, port int) (*wire.Port, error)
	// Insert puts a card into an empty slot of the running router, Remove takes
	// one out and closes what is plugged into it.
	Insert(slot int, card string) error
	Remove(slot int) error
	NVRAM() []byte
	SetNVRAM(content []byte) error
	// SetConfigs replaces the configurations in NVRAM that are not nil.
	SetConfigs(startup, private []byte) error
	SetConfReg(v uint16)
	SetIdleness(i vm.Idleness)
	// SamplePC counts where the guest is, and takes some seconds.
	SamplePC(samples int, every time.Duration, seen func(done int)) (counts map[uint64]int, err error)
	Stats() vm.Stats
	// Done is closed when the router has ended; Err then says why, nil for an
	// end in order.
	Done() <-chan struct{}
	Err() error
}

// router is a device with a machine.
type router struct {
	r       *runner
	spec    *node.Spec
	machine Machine
	rate    rateMeter
	sampler sampler

	console, aux *console.Console
	nvram, vars  *os.File
	image        *os.File
	host         vm.Host       // as far as prepare has it
	reboot       chan struct{} // the router was restarted, by a user or its guest
}

func newRouter(r *runner, spec *node.Spec) *router {
	return &router{r: r, spec: spec, console: console.New(), aux: console.New(), reboot: make(chan struct{}, 1)}
}

func (d *router) prepare(m *node.Received) error {
	d.nvram, d.vars = m.Take(node.FileNVRAM), m.Take(node.FileVars)
	if d.image = m.Take(node.FileImage); d.image == nil || d.nvram == nil {
		return errors.New("image or NVRAM did not come along")
	}
	d.host = vm.Host{
		Bootflash: m.Take(node.FileBootflash), Disk0: m.Take(node.FileDisk0), Disk1: m.Take(node.FileDisk1),
		PerfMap: m.Take(node.FilePerfMap),
	}
	return d.serveConsoles(m)
}

// serveConsoles lets users at the consoles. It changes terminal settings, which
// the sandbox forbids.
func (d *router) serveConsoles(m *node.Received) error {
	for _, c := range []struct {
		file, port string
		console    *console.Console
	}{{node.FileConsoleListener, "Console", d.console}, {node.FileAUXListener, "AUX", d.aux}} {
		f := m.Take(c.file)
		if f == nil {
			continue
		}
		l, err := net.FileListener(f)
		f.Close()
		if err != nil {
			return fmt.Errorf("%s port: %w", c.port, err)
		}
		info := console.Info{Name: d.spec.Device, ID: d.spec.Config.Instance, Type: d.spec.Config.Platform, Port: c.port}
		go func() {
			if err := c.console.ServeTelnet(l, info); err != nil {
				d.r.log.line("NODE", fmt.Sprintf("%s port: %v", c.port, err))
			}
		}()
	}
	if master := m.Take(node.FilePTYMaster); master != nil {
		if _, err := d.console.AttachTTY(master); err != nil {
			return err
		}
	}
	return nil
}

func (d *router) build() error {
	if err := d.surround(); err != nil {
		return err
	}
	var err error
	d.machine, err = d.r.opt.New(d.spec.Config, d.host)
	return err
}

// surround completes what the machine gets of its surroundings.
func (d *router) surround() error {
	h := &d.host
	image, err := mapFile(d.image)
	d.image.Close()
	if err != nil {
		return fmt.Errorf("image: %w", err)
	}
	h.Image, h.Console, h.AUX, h.Log = image, d.console, d.aux, d.r.log.line
	h.Restarted = func() {
		d.logConsole("the guest restarted the router")
		d.rebooted()
	}
	found := ""
	if h.NVRAM, found, err = store.Load(d.nvram); err != nil {
		return fmt.Errorf("NVRAM: %w", err)
	}
	if found != "" { // the guest's next save replaces the damage
		d.r.log.line("NVRAM", found)
	}
	h.SaveNVRAM = func(content []byte) error { return store.Write(d.nvram, content) }
	if d.vars != nil {
		vars, found, err := store.Load(d.vars)
		if err != nil {
			return fmt.Errorf("ROMMON variables: %w", err)
		}
		if found != "" {
			d.r.log.line("ROMMON", "variables: "+found)
		}
		if len(vars) > 0 {
			h.ROMMONVars = strings.Split(strings.TrimSuffix(string(vars), "\n"), "\n")
		}
		h.SaveROMMONVars = func(lines []string) error {
			return store.Write(d.vars, []byte(strings.Join(lines, "\n")))
		}
	}
	return nil
}

// mapFile maps a file read-only, so that routers of one image share its pages.
func mapFile(f *os.File) ([]byte, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if fi.Size() == 0 {
		return nil, errors.New("the file is empty")
	}
	c, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var b []byte
	ctlErr := c.Control(func(fd uintptr) {
		b, err = unix.Mmap(int(fd), 0, int(fi.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	})
	return b, errors.Join(ctlErr, err)
}

func (d *router) place(p node.PortSpec) (*wire.Port, error) { return d.machine.Port(p.Slot, p.Port) }

// wrap implements device. A machine sends each frame by itself.
func (d *router) wrap(w wire.Wire) wire.Wire { return w }

// settle implements device: the guest learns of it as its hardware tells.
func (d *router) settle() {}

func (d *router) encapsulation() capture.Encapsulation { return "" }

func (d *router) start() error {
	if err := d.machine.Start(); err != nil {
		return err
	}
	go d.watchConsole()
	return nil
}

func (d *router) handle(m *node.Received) (body any, content *os.File, err error) {
	switch m.Op {
	case node.OpSuspend:
		d.machine.Suspend()
		d.r.setStateNow(node.Suspended)
	case node.OpResume:
		if d.r.getState() == node.Suspended {
			d.machine.Resume()
			d.r.setStateNow(node.Running)
		}
	case node.OpReset:
		d.r.setStateNow(node.Booting)
		d.machine.Reset()
		d.rebooted()
	case node.OpConsole:
		err = d.openConsole(m)
	case node.OpConsoleLog:
		content, err = node.MemFile(node.FileContent, d.console.Snapshot())
	case node.OpNVRAM:
		content, err = node.MemFile(node.FileContent, d.machine.NVRAM())
	case node.OpSetNVRAM:
		err = d.setNVRAM(m)
	case node.OpSetConfig:
		err = d.setConfig(m)
	case node.OpConfReg:
		var q node.ConfRegRequest
		if q, err = decode[node.ConfRegRequest](m); err == nil {
			d.machine.SetConfReg(q.Value)
		}
	case node.OpIdleness:
		err = d.setIdleness(m)
	case node.OpSampleIdle:
		err = d.sampleIdle(m)
	case node.OpIdleSamples:
		body = d.samples()
	case node.OpInsert:
		err = d.insert(m)
	case node.OpRemove:
		err = d.remove(m)
	default:
		err = unknown(m.Op, "router")
	}
	return body, content, err
}

// openConsole serves the socket that came along.
func (d *router) openConsole(m *node.Received) error {
	q, err := decode[node.ConsoleRequest](m)
	if err != nil {
		return err
	}
	f, err := file(m, node.FileWire)
	if err != nil {
		return err
	}
	conn, err := net.FileConn(f)
	f.Close()
	if err != nil {
		return fmt.Errorf("console: %w", err)
	}
	c := d.console
	if q.AUX {
		c = d.aux
	}
	go c.ServeRaw(conn, q.Replay)
	return nil
}

func (d *router) setNVRAM(m *node.Received) error {
	b, err := content(m)
	if err != nil {
		return err
	}
	return d.machine.SetNVRAM(b)
}

func (d *router) setConfig(m *node.Received) error {
	q, err := decode[node.ConfigRequest](m)
	if err != nil {
		return err
	}
	text, err := content(m)
	if err != nil {
		return err
	}
	if q.Private {
		return d.machine.SetConfigs(nil, text)
	}
	return d.machine.SetConfigs(text, nil)
}

// content reads the file that came along with a request.
func content(m *node.Received) ([]byte, error) {
	f, err := file(m, node.FileContent)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return node.ReadFile(f, store.MaxSize)
}

func (d *router) status(s *node.Status) {
	v := d.machine.Stats()
	s.Uptime, s.Instructions, s.Reloads, s.Idleness = v.Uptime, v.Instructions, v.Reloads, v.Idleness
	s.Asleep, s.Sleeps, s.TimerWakes = v.Asleep, v.Sleeps, v.TimerWakes
	s.Idle, s.GuestMemory, s.JIT = v.Idle, v.Memory, v.JIT
	s.Rate, s.IdleShare = d.rate.update(v)
}

func (d *router) done() <-chan struct{} { return d.machine.Done() }

// ended implements device: it describes the end of a router that nobody asked to stop.
func (d *router) ended() ending {
	e := ending{event: node.Event{State: node.Stopped, Reason: "the guest switched the router off"}}
	if err := d.machine.Err(); err != nil {
		e = ending{event: node.Event{State: node.Crashed, Reason: err.Error()}, code: 1}
	}
	d.logConsole(e.event.Reason)
	text := d.console.Snapshot()
	e.event.Console = text[max(0, len(text)-node.MaxConsole):]
	return e
}

func (d *router) stop() { d.machine.Stop() }

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
