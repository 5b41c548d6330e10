package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"dynemu/emud/node"
	"dynemu/emud/node/store"
	"dynemu/vm"
	"dynemu/vm/console"
	"dynemu/vm/wire"
)

// errStarted refuses a second description, which does the router no harm.
var errStarted = errors.New("the router was started already")

// start builds and starts the machine that m describes. A failure other than
// errStarted ends the process, so nothing is taken back.
func (r *runner) start(m *node.Received) error {
	var spec node.Spec
	if err := json.Unmarshal(m.Body, &spec); err != nil {
		return fmt.Errorf("description: %w", err)
	}
	r.mu.Lock()
	if r.starting {
		r.mu.Unlock()
		return errStarted
	}
	r.starting = true
	r.mu.Unlock()

	if f := m.Take(node.FileLog); f != nil {
		r.log.to(f)
	}
	r.nvram, r.vars = m.Take(node.FileNVRAM), m.Take(node.FileVars)
	image := m.Take(node.FileImage)
	if image == nil || r.nvram == nil {
		return errors.New("image or NVRAM did not come along")
	}
	perfMap := m.Take(node.FilePerfMap)
	bootflash, disk0, disk1 := m.Take(node.FileBootflash), m.Take(node.FileDisk0), m.Take(node.FileDisk1)
	wires, err := openWires(spec.Ports, m)
	if err != nil {
		return err
	}
	if err := r.serveConsoles(&spec, m); err != nil {
		return err
	}
	if err := enterSandbox(); err != nil {
		return err
	}

	host, err := r.host(image)
	if err != nil {
		return err
	}
	host.PerfMap = perfMap
	host.Bootflash, host.Disk0, host.Disk1 = bootflash, disk0, disk1
	machine, err := r.opt.New(spec.Config, host)
	if err != nil {
		return err
	}
	for i, w := range wires {
		if err := machine.Plug(spec.Ports[i].Slot, spec.Ports[i].Port, w); err != nil {
			return fmt.Errorf("port %s: %w", spec.Ports[i].Name, err)
		}
	}
	if err := machine.Start(); err != nil {
		return err
	}
	r.mu.Lock()
	r.spec, r.machine = &spec, machine
	r.mu.Unlock()
	r.log.line("NODE", fmt.Sprintf("%s of lab %s started, process %d", spec.Device, spec.Lab, os.Getpid()))
	close(r.started)
	return nil
}

// openWires makes the wires of the ports, by index into ports. After an error
// none is open.
func openWires(ports []node.PortSpec, m *node.Received) (map[int]wire.Wire, error) {
	wires := map[int]wire.Wire{}
	for i := range ports {
		p := &ports[i]
		f := m.Take(node.FilePort + p.Name)
		if f == nil {
			p.Wire = wireNone
			continue
		}
		w, err := openWire(p.Wire, f)
		if err != nil {
			closeWires(wires)
			return nil, fmt.Errorf("port %s: %w", p.Name, err)
		}
		wires[i] = w
	}
	return wires, nil
}

// serveConsoles lets users at the consoles. It changes terminal settings, which
// the sandbox forbids.
func (r *runner) serveConsoles(spec *node.Spec, m *node.Received) error {
	for _, c := range []struct {
		file, port string
		console    *console.Console
	}{{node.FileConsoleListener, "Console", r.console}, {node.FileAUXListener, "AUX", r.aux}} {
		f := m.Take(c.file)
		if f == nil {
			continue
		}
		l, err := net.FileListener(f)
		f.Close()
		if err != nil {
			return fmt.Errorf("%s port: %w", c.port, err)
		}
		info := console.Info{Name: spec.Device, ID: spec.Config.Instance, Type: spec.Config.Platform, Port: c.port}
		go func() {
			if err := c.console.ServeTelnet(l, info); err != nil {
				r.log.line("NODE", fmt.Sprintf("%s port: %v", c.port, err))
			}
		}()
	}
	if master := m.Take(node.FilePTYMaster); master != nil {
		if _, err := r.console.AttachTTY(master); err != nil {
			return err
		}
	}
	return nil
}

// host is what the machine gets of its surroundings.
func (r *runner) host(image *os.File) (vm.Host, error) {
	b, err := mapFile(image)
	image.Close()
	if err != nil {
		return vm.Host{}, fmt.Errorf("image: %w", err)
	}
	h := vm.Host{Image: b, Console: r.console, AUX: r.aux, Log: r.log.line}
	h.Restarted = func() {
		r.logConsole("the guest restarted the router")
		r.rebooted()
	}
	found := ""
	if h.NVRAM, found, err = store.Load(r.nvram); err != nil {
		return vm.Host{}, fmt.Errorf("NVRAM: %w", err)
	}
	if found != "" { // the guest's next save replaces the damage
		r.log.line("NVRAM", found)
	}
	h.SaveNVRAM = func(content []byte) error { return store.Write(r.nvram, content) }
	if r.vars != nil {
		vars, found, err := store.Load(r.vars)
		if err != nil {
			return vm.Host{}, fmt.Errorf("ROMMON variables: %w", err)
		}
		if found != "" {
			r.log.line("ROMMON", "variables: "+found)
		}
		if len(vars) > 0 {
			h.ROMMONVars = strings.Split(strings.TrimSuffix(string(vars), "\n"), "\n")
		}
		h.SaveROMMONVars = func(lines []string) error {
			return store.Write(r.vars, []byte(strings.Join(lines, "\n")))
		}
	}
	return h, nil
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
