package emud

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"dynemu/emud/lab"
	"dynemu/emud/node"
	"dynemu/vm"
)

// start starts a node for the device; pipes are its ends of serial wires by
// port. The reason for which it cannot is kept.
func (dev *Device) start(pipes map[string]*os.File) error {
	var own owned
	defer own.close()
	s := dev.wants()
	var n Node
	var err error
	if s.sw != nil {
		n, err = dev.startSwitch(s.sw, pipes, &own)
	} else {
		n, err = dev.startRouter(s.router, pipes, &own)
	}
	dev.setError(err)
	if err == nil {
		dev.lab.d.log.Info("device started", "lab", dev.lab.name, "device", dev.name, "pid", n.PID())
	}
	return err
}

// owned are files that are closed together.
type owned []*os.File

// add takes f over unless err says that there is none, and returns both.
func (o *owned) add(f *os.File, err error) (*os.File, error) {
	if err == nil && f != nil {
		*o = append(*o, f)
	}
	return f, err
}

func (o *owned) close() {
	for _, f := range *o {
		f.Close()
	}
}

// openLog opens the log of the node, after one that has grown long was put aside.
func (dev *Device) openLog() (*os.File, error) {
	if err := turnLog(dev.LogPath()); err != nil {
		dev.lab.d.log.Error("cannot put a device's old log aside", "lab", dev.lab.name, "device", dev.name, "err", err)
	}
	return os.OpenFile(dev.LogPath(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
}

// openPorts opens the interfaces of Ethernet ports; pipes are the wires of others.
func (dev *Device) openPorts(ports []lab.Port, pipes map[string]*os.File, own *owned) (map[string]*os.File, error) {
	files := maps.Clone(pipes)
	if files == nil {
		files = map[string]*os.File{}
	}
	for _, p := range ports {
		if !hasTAP(p.Kind) {
			continue
		}
		f, err := own.add(dev.lab.d.opt.Network.OpenTAP(dev.endpoint(p)))
		if err != nil {
			return nil, fmt.Errorf("%s: cannot open its interface: %w", p.Name, err)
		}
		files[p.Name] = f
	}
	return files, nil
}

// startSwitch starts the node of a virtual switch.
func (dev *Device) startSwitch(s *lab.Switch, pipes map[string]*os.File, own *owned) (Node, error) {
	log, err := own.add(dev.openLog())
	if err != nil {
		return nil, err
	}
	ports := dev.wants().ports()
	files, err := dev.openPorts(ports, pipes, own)
	if err != nil {
		return nil, err
	}
	spec := node.Spec{Version: 1, Lab: dev.lab.name, Device: dev.name, Switch: switchSpec(s), Ports: dev.portSpecs(ports, files)}
	n, err := dev.lab.d.opt.Nodes.Start(spec, node.Files{Log: log, Ports: files})
	if err != nil {
		return nil, err
	}
	dev.attach(n, nil)
	return n, nil
}

// startRouter starts the node of a router.
func (dev *Device) startRouter(r *lab.Router, pipes map[string]*os.File, own *owned) (Node, error) {
	if r.Unsupported != "" {
		return nil, errors.New(r.Unsupported)
	}
	dev.mu.Lock()
	keep := dev.keep
	dev.mu.Unlock()
	var files node.Files

	image, path, err := dev.lab.d.openImage(dev.lab, r.Image)
	if files.Image, err = own.add(image, err); err != nil {
		return nil, err
	}
	if err := dev.checkImage(image, path); err != nil {
		return nil, err
	}
	if err := dev.firstConfig(); err != nil {
		dev.lab.d.log.Warn("router starts without a configuration", "lab", dev.lab.name, "device", dev.name, "reason", err)
	}
	if files.NVRAM, err = own.add(os.OpenFile(dev.nvramPath(), os.O_RDWR|os.O_CREATE, 0o600)); err != nil {
		return nil, err
	}
	if files.Vars, err = own.add(os.OpenFile(filepath.Join(dev.dir(), "vars"), os.O_RDWR|os.O_CREATE, 0o600)); err != nil {
		return nil, err
	}
	if files.Log, err = own.add(dev.openLog()); err != nil {
		return nil, err
	}
	for _, s := range []struct {
		name string
		has  bool
		file **os.File
	}{{"bootflash", true, &files.Bootflash}, {"disk0", r.Disk0 > 0, &files.Disk0}, {"disk1", r.Disk1 > 0, &files.Disk1}} {
		if !s.has {
			continue
		}
		if *s.file, err = own.add(os.OpenFile(dev.storagePath(s.name), os.O_RDWR|os.O_CREATE, 0o600)); err != nil {
			return nil, err
		}
	}
	if r, err = dev.listenAll(r, &files, own); err != nil {
		return nil, err
	}
	tty := ""
	if files.PTYMaster, files.PTYSlave, tty, err = openPTY(dev.lab.d.opt.Group); err != nil {
		return nil, fmt.Errorf("console terminal: %w", err)
	}
	*own = append(*own, files.PTYMaster, files.PTYSlave)
	if files.Ports, err = dev.openPorts(r.Ports, pipes, own); err != nil {
		return nil, err
	}
	mac := keep.MAC
	if r.MAC != "" {
		mac = r.MAC
	}
	spec := node.Spec{
		Version: 1, Lab: dev.lab.name, Device: dev.name,
		Config: vm.Config{
			Name: dev.name, Instance: keep.Instance, Platform: "c" + strings.TrimPrefix(r.Model, "c"),
			NPE: r.NPE, Midplane: r.Midplane, RAM: r.RAM, NVRAM: r.NVRAM, ConfReg: keep.confReg(r),
			Disk0: r.Disk0, Disk1: r.Disk1,
			MAC: mac, Slots: r.Slots, Quirks: r.Quirks, NoJIT: r.NoJIT, CheckJIT: r.CheckJIT, PerfMap: r.PerfMap,
		},
		ConsolePort: r.Console, AUXPort: r.AUX, TTY: tty, Image: path,
		Ports: dev.portSpecs(r.Ports, files.Ports), Limits: dev.lab.d.limits(r),
	}
	idleness := dev.idleness(r)
	spec.Config.SetIdleness(idleness)
	if idleness.Off {
		dev.lab.d.log.Warn("Starting "+dev.name+" with no idle-pc value", "lab", dev.lab.name)
	}
	n, err := dev.lab.d.opt.Nodes.Start(spec, files)
	if err != nil {
		return nil, err
	}
	dev.attach(n, r)
	return n, nil
}

// checkImage refuses what is not an image for the router's processor.
func (dev *Device) checkImage(f *os.File, path string) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if st.Size() == 0 {
		return fmt.Errorf("image %s is empty", path)
	}
	data, err := syscall.Mmap(int(f.Fd()), 0, int(st.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return fmt.Errorf("image %s: %w", path, err)
	}
	defer syscall.Munmap(data)
	if err := dev.lab.d.opt.CheckImage(dev.asked().Model, data); err != nil {
		return fmt.Errorf("image %s: %w", path, err)
	}
	return nil
}
