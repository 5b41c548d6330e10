package runner

import (
	"errors"
	"fmt"
	"os"

	"dynemu/emud/node"
)

// errStarted refuses a second description, which does the device no harm.
var errStarted = errors.New("the device was started already")

// start builds and starts the device that m describes. A failure other than
// errStarted ends the process, so nothing is taken back.
func (r *runner) start(m *node.Received) error {
	r.mu.Lock()
	if r.starting {
		r.mu.Unlock()
		return errStarted
	}
	r.starting = true
	r.mu.Unlock()
	spec, err := decode[node.Spec](m)
	if err != nil {
		return err
	}

	if f := m.Take(node.FileLog); f != nil {
		r.log.to(f)
	}
	if r.device, err = r.newDevice(&spec); err != nil {
		return err
	}
	if err := r.device.prepare(m); err != nil {
		return err
	}
	ports, err := r.openPorts(spec.Ports, m)
	if err != nil {
		return err
	}
	if err := enterSandbox(); err != nil {
		return err
	}
	if err := r.device.build(); err != nil {
		return err
	}
	r.wiring.Lock()
	err = r.addPorts(ports)
	r.wiring.Unlock()
	if err != nil {
		return err
	}
	if err := r.device.start(); err != nil {
		return err
	}
	r.mu.Lock()
	r.spec = &spec
	r.mu.Unlock()
	r.log.line("NODE", fmt.Sprintf("%s of lab %s started, process %d", spec.Device, spec.Lab, os.Getpid()))
	close(r.started)
	return nil
}
