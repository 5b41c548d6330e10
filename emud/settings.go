package emud

import (
	"errors"
	"fmt"

	"dynemu/emud/lab"
	"dynemu/emud/node"
)

// Settings are what may change while the daemon runs.
type Settings struct {
	// TreeConsoles makes routers that are started from now on listen on no TCP
	// port: their consoles are in the tree.
	TreeConsoles bool
	// ConsoleAddress is the address that consoles listen on; empty: 127.0.0.1.
	ConsoleAddress string
	// Limits are those of routers whose sections say nothing.
	Limits lab.Limits
}

// Settings returns what is in force.
func (d *Daemon) Settings() Settings {
	return *d.settings.Load()
}

// Configure changes the settings. Limits hold at once.
func (d *Daemon) Configure(s Settings) error {
	d.set(s)
	var errs []error
	for _, l := range d.Labs() {
		l.op.Lock()
		rep := &report{}
		l.limit(rep)
		l.op.Unlock()
		for _, line := range rep.lines {
			errs = append(errs, fmt.Errorf("lab %s: %s", l.name, line))
		}
	}
	return errors.Join(errs...)
}

// set puts settings in force for what is started from now on.
func (d *Daemon) set(s Settings) {
	if s.ConsoleAddress == "" {
		s.ConsoleAddress = "127.0.0.1"
	}
	d.settings.Store(&s)
}

// limits are what the node of a router may use.
func (d *Daemon) limits(r *lab.Router) node.Limits {
	l := r.Limits.Or(d.Settings().Limits)
	return node.Limits{CPU: max(l.CPU, 0), Memory: uint64(max(l.Memory, 0)) << 20}
}

// limit brings the limits of the running routers in line with what is asked.
func (l *Lab) limit(rep *report) {
	for _, dev := range l.Devices() {
		r, n := dev.asked(), dev.running()
		if r == nil {
			continue
		}
		if !l.d.opt.Units {
			if r.Limits.CPU > 0 || r.Limits.Memory > 0 {
				rep.addf("%s", lab.Message{File: l.name + ".net", Line: r.Line, Severity: lab.Notice,
					Text: fmt.Sprintf("cpu_limit and memory_limit of %s have no effect: they need routers that systemd runs", r.Name)})
			}
			continue
		}
		if n == nil || n.Spec().Limits == l.d.limits(r) {
			continue
		}
		if err := n.Limit(l.d.limits(r)); err != nil {
			rep.addf("%s: cannot change its limits: %v", dev.name, err)
		}
	}
}
