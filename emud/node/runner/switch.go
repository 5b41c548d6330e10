package runner

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"dynemu/emud/node"
	"dynemu/vm/fabric"
	"dynemu/vm/fabric/chassis"
	"dynemu/vm/wire"
	"dynemu/vm/wire/capture"
)

// virtualSwitch is a device that switches frames: an engine in a chassis.
type virtualSwitch struct {
	r       *runner
	chassis *chassis.Chassis
	engine  engine // used on the chassis' goroutine
	since   time.Time

	// Used with r.wiring held.
	spec   node.SwitchSpec
	places map[int]*wire.Port
}

func newSwitch(r *runner, spec node.SwitchSpec) (*virtualSwitch, error) {
	if err := try(spec); err != nil {
		return nil, err
	}
	return &virtualSwitch{r: r, spec: spec, places: map[int]*wire.Port{}}, nil
}

func (d *virtualSwitch) prepare(*node.Received) error { return nil }

func (d *virtualSwitch) build() error {
	d.chassis = chassis.New(func(out fabric.Output) fabric.Engine {
		d.engine, _ = newEngine(d.spec.Type, out) // it was tried
		return d.engine
	})
	go d.chassis.Run()
	return d.change(node.SwitchSpec{Type: d.spec.Type}, d.spec)
}

func (d *virtualSwitch) place(p node.PortSpec) (*wire.Port, error) {
	if place := d.places[p.Port]; place != nil && p.Name == strconv.Itoa(p.Port) {
		return place, nil
	}
	return nil, errors.New("the description of the switch does not have it")
}

// wrap implements device: a switch has many frames at once.
func (d *virtualSwitch) wrap(w wire.Wire) wire.Wire { return wire.NewBatch(w) }

func (d *virtualSwitch) settle() { d.chassis.Do(func(int64) {}) }

// encapsulation implements device: the serial ports are those of an FRSW.
func (d *virtualSwitch) encapsulation() capture.Encapsulation { return capture.EncapsulationFrameRelay }

func (d *virtualSwitch) start() error {
	d.since = time.Now()
	d.r.setState(node.Running)
	return nil
}

func (d *virtualSwitch) handle(m *node.Received) (body any, content *os.File, err error) {
	switch m.Op {
	case node.OpSuspend, node.OpResume, node.OpReset:
		err = fmt.Errorf("%s: an %s has no processor that it could halt or restart", m.Op, d.spec.Type)
	case node.OpConfigure:
		err = d.configure(m)
	case node.OpTable:
		content, err = d.table()
	case node.OpClearTable:
		err = d.clearTable()
	case node.OpSwitchStatus:
		content, err = node.MemFile(node.FileContent, []byte(d.describe()))
	default:
		err = unknown(m.Op, d.spec.Type)
	}
	return nil, content, err
}

// configure carries out OpConfigure. All that may be refused is, before anything is
// changed.
func (d *virtualSwitch) configure(m *node.Received) error {
	spec, err := decode[node.SwitchSpec](m)
	if err != nil {
		return err
	}
	if spec.Type != d.spec.Type {
		return fmt.Errorf("the switch is an %s and cannot become an %s while it runs", d.spec.Type, spec.Type)
	}
	if err := try(spec); err != nil {
		return err
	}
	_, gone, added := compare(d.spec, spec)
	var come []node.PortSpec
	for _, p := range spec.Ports {
		if slices.Contains(added, p.Number) {
			come = append(come, node.PortSpec{Name: strconv.Itoa(p.Number), Port: p.Number, Kind: p.Kind, Wire: p.Wire})
		}
	}
	ports, err := d.r.openPorts(come, m)
	if err != nil {
		return err
	}
	for name := range m.Files {
		closeOpened(ports)
		return fmt.Errorf("the file %q came along; wanted: the wires of ports that are new", name)
	}
	d.r.dropPorts(func(p node.PortSpec) bool { return slices.Contains(gone, p.Port) })
	err = d.change(d.spec, spec)
	d.spec = spec
	d.r.mu.Lock()
	s := *d.r.spec
	s.Switch = &spec
	d.r.spec = &s
	d.r.mu.Unlock()
	return errors.Join(err, d.r.addPorts(ports))
}

// compare returns the ports that stay, those that go and those that come. A port that
// becomes one of another kind does both of the latter.
func compare(old, spec node.SwitchSpec) (stay map[int]node.SwitchPortSpec, gone, added []int) {
	stay = map[int]node.SwitchPortSpec{}
	for _, p := range old.Ports {
		stay[p.Number] = p
	}
	kept := map[int]bool{}
	for _, p := range spec.Ports {
		if was, ok := stay[p.Number]; ok && was.Kind == p.Kind {
			kept[p.Number] = true
		} else {
			added = append(added, p.Number)
		}
	}
	for n := range stay {
		if !kept[n] {
			gone = append(gone, n)
			delete(stay, n)
		}
	}
	return stay, gone, added
}

// change changes the engine and the places for wires from one configuration to another,
// which was tried. What is in both keeps its state.
func (d *virtualSwitch) change(old, spec node.SwitchSpec) error {
	stay, gone, added := compare(old, spec)
	before, after := circuitSet(old), circuitSet(spec)
	var errs []error
	d.chassis.Do(func(int64) {
		for key, c := range before {
			if _, ok := after[key]; !ok {
				errs = append(errs, d.engine.disconnect(c))
			}
		}
		for _, p := range spec.Ports {
			if was, ok := stay[p.Number]; ok && !sameSettings(was, p) {
				errs = append(errs, d.engine.setPort(p))
			}
		}
	})
	for _, n := range gone {
		d.chassis.RemovePort(n, func() { d.engine.RemovePort(n) })
		delete(d.places, n)
	}
	for _, p := range spec.Ports {
		if slices.Contains(added, p.Number) {
			place, err := d.chassis.AddPort(p.Number, func() error { return d.engine.addPort(p) })
			if err == nil {
				d.places[p.Number] = place
			}
			errs = append(errs, err)
		}
	}
	d.chassis.Do(func(int64) {
		for _, c := range spec.Circuits {
			if _, ok := before[circuitKey(c)]; !ok {
				errs = append(errs, d.engine.connect(c))
			}
		}
	})
	return errors.Join(errs...)
}

// sameSettings reports whether a port of the same kind is configured alike.
func sameSettings(a, b node.SwitchPortSpec) bool {
	a.Wire, b.Wire = "", ""
	a.EtherType, b.EtherType = etherType(a), etherType(b)
	return a == b
}

// circuitKey is the same for both directions of a circuit.
func circuitKey(c node.CircuitSpec) node.CircuitSpec {
	a, b := c.From, c.To
	if a.Port > b.Port || a.Port == b.Port && fmt.Sprint(a) > fmt.Sprint(b) {
		a, b = b, a
	}
	return node.CircuitSpec{From: a, To: b}
}

func circuitSet(s node.SwitchSpec) map[node.CircuitSpec]node.CircuitSpec {
	set := map[node.CircuitSpec]node.CircuitSpec{}
	for _, c := range s.Circuits {
		set[circuitKey(c)] = c
	}
	return set
}

// stationTable is a switch with a table of stations.
type stationTable interface {
	table(now int64) []string
	Clear()
}

// withTable calls fn with the switch's table of stations between two frames.
func (d *virtualSwitch) withTable(fn func(t stationTable, now int64)) error {
	t, ok := d.engine.(stationTable)
	if !ok {
		return fmt.Errorf("an %s has no table of stations", d.spec.Type)
	}
	d.chassis.Do(func(now int64) { fn(t, now) })
	return nil
}

func (d *virtualSwitch) table() (f *os.File, err error) {
	var lines []string
	if err := d.withTable(func(t stationTable, now int64) { lines = t.table(now) }); err != nil {
		return nil, err
	}
	return node.MemFile(node.FileContent, []byte(joinLines(lines)))
}

func (d *virtualSwitch) clearTable() error {
	return d.withTable(func(t stationTable, _ int64) { t.Clear() })
}

// describe tells of the ports and circuits, a line each.
func (d *virtualSwitch) describe() string {
	var lines []string
	ports := slices.SortedFunc(slices.Values(d.spec.Ports), func(a, b node.SwitchPortSpec) int { return a.Number - b.Number })
	d.chassis.Do(func(int64) {
		for _, p := range ports {
			state := "down"
			if place := d.places[p.Number]; place != nil && place.Plugged() {
				state = "up"
			}
			lines = append(lines, fmt.Sprintf("port %d %s%s", p.Number, state, d.engine.port(p)))
		}
		lines = append(lines, d.engine.circuits()...)
	})
	return joinLines(lines)
}

func joinLines(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

func (d *virtualSwitch) status(s *node.Status) {
	s.Uptime = time.Since(d.since)
	d.chassis.Do(func(int64) {
		for name, p := range s.Ports {
			number, err := strconv.Atoi(name)
			if err != nil {
				continue
			}
			p.Dropped = maps.Clone(p.Dropped)
			for reason, n := range d.engine.Stats(number).Dropped {
				if n > 0 {
					p.Dropped["switch-"+fabric.Drop(reason).String()] = n
				}
			}
			s.Ports[name] = p
		}
	})
}

// done implements device: a switch does not end by itself.
func (d *virtualSwitch) done() <-chan struct{} { return nil }
func (d *virtualSwitch) ended() ending         { return ending{} }

func (d *virtualSwitch) stop() { d.chassis.Close() }
