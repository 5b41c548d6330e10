package emud

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"

	"dynemu/emud/lab"
	"dynemu/emud/node"
)

// consolePort is one of the two TCP ports of a device.
type consolePort struct {
	name  string // the option
	named bool   // by the lab file
	port  *int   // of the router
	kept  *given
}

func consolePorts(r *lab.Router, keep *kept) []consolePort {
	return []consolePort{
		{"console", r.ConsoleNamed(), &r.Console, &keep.Console},
		{"aux", r.AUXNamed(), &r.AUX, &keep.AUX},
	}
}

// portMessage is the warning about a port that was given in place of another.
func (dev *Device) portMessage(r *lab.Router, p consolePort) lab.Message {
	who := "another lab"
	if p.kept.Foreign {
		who = "another program"
	}
	return lab.Message{File: dev.lab.name + ".net", Line: r.Line, Column: 1, Severity: lab.Warning,
		Text: fmt.Sprintf("%s port %d of %s is in use by %s; it has %d", p.name, p.kept.Asked, r.Name, who, *p.port)}
}

// listenAll opens the TCP ports of the device for its node. Where another program
// has one that the lab file does not name, the device gets the next that is free;
// the router that is returned has what it got, and so has the lab then.
func (dev *Device) listenAll(r *lab.Router, files *node.Files, own *owned) (*lab.Router, error) {
	dev.mu.Lock()
	keep := dev.keep
	dev.mu.Unlock()
	got := *r
	if dev.lab.d.Settings().TreeConsoles {
		got.Console, got.AUX = 0, 0
		return &got, nil
	}
	for i, p := range consolePorts(&got, &keep) {
		if p.kept.Foreign { // it may be free by now
			*p.port, *p.kept = p.kept.Asked, given{}
		}
		asked := *p.port
		f, err := own.add(dev.lab.d.listen(asked))
		if errors.Is(err, errPortInUse) && !p.named {
			if f, *p.port, err = dev.listenAbove(asked); err == nil {
				f, err = own.add(f, nil)
				*p.kept = given{Asked: asked, Given: *p.port, Foreign: true}
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%s port %d: %w", p.name, asked, err)
		}
		if i == 0 {
			files.ConsoleListener = f
		} else {
			files.AUXListener = f
		}
		if p.kept.Foreign {
			dev.lab.d.log.Warn(dev.portMessage(r, p).Text, "lab", dev.lab.name, "device", dev.name)
		}
	}
	if got.Console == r.Console && got.AUX == r.AUX {
		return r, nil
	}
	if err := dev.setKept(func(k *kept) { k.Console, k.AUX = keep.Console, keep.AUX }); err != nil {
		return nil, err
	}
	dev.ask(section{router: &got})
	dev.lab.replace(&got)
	return &got, nil
}

// foreignPorts are the warnings about ports that other programs had at the
// device's start.
func (dev *Device) foreignPorts() (msgs []lab.Message) {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	keep := dev.keep
	if dev.section.router == nil {
		return nil
	}
	r := *dev.section.router
	for _, p := range consolePorts(&r, &keep) {
		if p.kept.Foreign {
			msgs = append(msgs, dev.portMessage(&r, p))
		}
	}
	return msgs
}

// listenAbove listens on the first port above n that neither a program nor a
// device of any lab has.
func (dev *Device) listenAbove(n int) (*os.File, int, error) {
	taken := dev.lab.d.portsOfOthers(nil)
	for n++; n < 65536; n++ {
		if taken[n] {
			continue
		}
		f, err := dev.lab.d.listen(n)
		if !errors.Is(err, errPortInUse) {
			return f, n, err
		}
	}
	return nil, 0, errPortInUse
}

var errPortInUse = errors.New("another program listens on it")

// listen opens a TCP port of this machine for the node; port 0 gives none.
func (d *Daemon) listen(port int) (*os.File, error) {
	if port == 0 {
		return nil, nil
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(d.Settings().ConsoleAddress, strconv.Itoa(port)))
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, errPortInUse
		}
		return nil, err
	}
	defer ln.Close()
	return ln.(*net.TCPListener).File()
}

// replace puts r in the place of the router of its name in what is asked.
func (l *Lab) replace(r *lab.Router) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.topo == nil {
		return
	}
	topo := *l.topo
	topo.Routers = append([]*lab.Router(nil), topo.Routers...)
	for i, o := range topo.Routers {
		if o.Name == r.Name {
			topo.Routers[i] = r
		}
	}
	l.topo = &topo
}
