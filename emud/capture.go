package emud

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"dynemu/emud/lab"
	"dynemu/emud/node"
	"dynemu/vm/wire/capture"
)

// captureKept is a capture into a file of the lab's folder. The node writes it, so that
// it goes on without the daemon.
type captureKept struct {
	Name     string `json:"name"` // of the file in CapturesDir
	LinkType string `json:"link_type,omitempty"`
	// Port tells that it was made by making capture.pcap in the port's folder.
	Port bool `json:"port,omitempty"`
}

// CapturesDir is the plain folder of the lab's capture files.
func (l *Lab) CapturesDir() string { return filepath.Join(l.dir(), "captures") }

// makeCaptures makes the folder of captures.
func (l *Lab) makeCaptures() error {
	err := os.MkdirAll(l.CapturesDir(), 0o770)
	if g := l.d.opt.Group; g >= 0 && err == nil {
		err = errors.Join(os.Chown(l.CapturesDir(), -1, g), os.Chmod(l.CapturesDir(), 0o770|os.ModeSetgid))
	}
	return err
}

// StartCapture writes what passes the port into a file of CapturesDir, until
// StopCapture, over restarts of the device and of the daemon. linkType is a name
// of Dynagen's (HDLC FR PPP ATM) or of libpcap's; empty: the usual one of the port.
func (dev *Device) StartCapture(p lab.Port, name, linkType string) error {
	return dev.startCapture(p, captureKept{Name: name, LinkType: linkType})
}

func (dev *Device) startCapture(p lab.Port, c captureKept) error {
	return dev.command(func() error {
		if err := dev.hasPort(p); err != nil {
			return err
		}
		if err := checkCaptureName(c.Name); err != nil {
			return err
		}
		if c.LinkType != "" {
			if _, err := capture.ParseLinkType(c.LinkType); err != nil {
				return refuse(syscall.EINVAL, "%v", err)
			}
		}
		for _, other := range dev.lab.Devices() {
			for _, q := range other.Ports() {
				if slices.Contains(other.Captures(q), c.Name) {
					return refuse(syscall.EBUSY, "%s is being written by the capture of %s %s; end that with: no capture %s %s", c.Name, other.name, q.Name, other.name, q.Name)
				}
			}
		}
		if n := dev.running(); n != nil {
			if err := dev.capture(n, p, c, true); err != nil {
				return err
			}
		} else if f, err := dev.lab.openCapture(c.Name, true); err != nil {
			return err
		} else {
			f.Close()
		}
		dev.tellCapture(p, c.Name, "started")
		return dev.setPort(p.Name, func(k *portKept) { k.Captures = append(k.Captures, c) })
	})
}

// checkCaptureName refuses what is not the name of a file in the folder of captures.
func checkCaptureName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00\n") || len(name) > 255 {
		return refuse(syscall.EINVAL, "capture file %q: expected a name without /, of a file in the lab's folder captures", name)
	}
	return nil
}

// openCapture opens a capture file, empty if fresh.
func (l *Lab) openCapture(name string, fresh bool) (*os.File, error) {
	if err := l.makeCaptures(); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(l.CapturesDir())
	if err != nil {
		return nil, err
	}
	defer root.Close()
	flags := os.O_RDWR | os.O_CREATE | os.O_APPEND | unix.O_NONBLOCK
	if fresh {
		flags |= os.O_TRUNC
	}
	f, err := regular(root.OpenFile(name, flags, 0o640))
	if err != nil {
		return nil, refuse(Errno(err), "capture file %s: %v", name, err)
	}
	if g := l.d.opt.Group; g >= 0 {
		err = errors.Join(f.Chown(-1, g), f.Chmod(0o660))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// capture has the node write a capture. One that is not fresh goes on where the file
// ends.
func (dev *Device) capture(n Node, p lab.Port, c captureKept, fresh bool) error {
	f, err := dev.lab.openCapture(c.Name, fresh)
	if err != nil {
		return err
	}
	defer f.Close()
	linkType := c.LinkType
	if t, err := dev.linkType(p); err == nil && linkType == "" {
		linkType = t.String()
	}
	return n.Capture(node.CaptureRequest{ID: c.Name, Port: p.Name, LinkType: linkType}, f)
}

// StopCapture ends a capture, all of the port's when name is empty. The file
// stays.
func (dev *Device) StopCapture(p lab.Port, name string) error {
	return dev.command(func() error {
		if err := dev.hasPort(p); err != nil {
			return err
		}
		have := dev.Captures(p)
		switch {
		case len(have) == 0:
			return refuse(syscall.ENOENT, "%s %s is not being captured", dev.name, p.Name)
		case name != "" && !slices.Contains(have, name):
			return refuse(syscall.ENOENT, "%s %s is not being captured into %q, but into %s", dev.name, p.Name, name, strings.Join(have, " "))
		}
		return dev.stopCapture(p, func(c captureKept) bool { return name == "" || c.Name == name })
	})
}

// stopCapture ends the captures that pick picks; op is held.
func (dev *Device) stopCapture(p lab.Port, pick func(captureKept) bool) error {
	var errs []error
	for _, c := range dev.portKept(p.Name).Captures {
		if !pick(c) {
			continue
		}
		if n := dev.running(); n != nil {
			errs = append(errs, n.NoCapture(c.Name))
		}
		dev.tellCapture(p, c.Name, "ended")
		if c.Port {
			if err := os.Remove(filepath.Join(dev.lab.CapturesDir(), c.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	errs = append(errs, dev.setPort(p.Name, func(k *portKept) { k.Captures = slices.DeleteFunc(k.Captures, pick) }))
	return errors.Join(errs...)
}

// Captures are the names of the files that the port is captured into.
func (dev *Device) Captures(p lab.Port) []string {
	var names []string
	for _, c := range dev.portKept(p.Name).Captures {
		names = append(names, c.Name)
	}
	return names
}

// capturing reports whether a capture of that name is wanted.
func (dev *Device) capturing(port, name string) bool {
	return slices.ContainsFunc(dev.portKept(port).Captures, func(c captureKept) bool { return c.Name == name })
}

// PortCapture is the path of the capture that was started by making capture.pcap
// in the port's folder; empty when there is none.
func (dev *Device) PortCapture(p lab.Port) string {
	for _, c := range dev.portKept(p.Name).Captures {
		if c.Port {
			return filepath.Join(dev.lab.CapturesDir(), c.Name)
		}
	}
	return ""
}

// StartPortCapture begins that one.
func (dev *Device) StartPortCapture(p lab.Port) error {
	if dev.PortCapture(p) != "" {
		return nil
	}
	return dev.startCapture(p, captureKept{Name: dev.name + "." + p.FileName() + ".pcap", Port: true})
}

// StopPortCapture ends the capture of StartPortCapture; its file goes with it.
func (dev *Device) StopPortCapture(p lab.Port) error {
	return dev.command(func() error {
		return dev.stopCapture(p, func(c captureKept) bool { return c.Port })
	})
}

// adoptCaptures brings the captures of a node that an earlier daemon started in line
// with what is wanted: streams whose readers went with that daemon end.
func (dev *Device) adoptCaptures(n Node) error {
	var errs []error
	have := map[string]bool{}
	for _, p := range n.Spec().Ports {
		for _, c := range p.Captures {
			have[c.ID] = true
			if isStale(c.ID) || !strings.HasPrefix(c.ID, liveID) && !dev.capturing(p.Name, c.ID) {
				errs = append(errs, n.NoCapture(c.ID))
			}
		}
	}
	for _, p := range dev.Ports() {
		for _, c := range dev.portKept(p.Name).Captures {
			if !have[c.Name] {
				errs = append(errs, dev.capture(n, p, c, false))
			}
		}
	}
	return errors.Join(errs...)
}
