package emud

import (
	"errors"
	"strings"
	"syscall"
)

// verbs are the commands that act on devices.
var verbs = map[string]func(*Device) error{
	"start": (*Device).Start, "stop": (*Device).Stop, "reload": (*Device).Reload,
	"suspend": (*Device).Suspend, "resume": (*Device).Resume,
}

// Verbs are the commands that have a file of their own beside a device's ctl.
var Verbs = []string{"start", "stop", "reload", "suspend", "resume"}

// Help texts are what reading a control file prints.
const (
	DeviceHelp = `start         run the router
stop          end it, with its NVRAM stored
reload        stop and start
suspend       halt its processor
resume        let it go on
confreg VALUE set its configuration register, now and for later starts
send TEXT     type TEXT and a carriage return at its console
idlepc get    gather statistics of the idle loop for some 10 s; idlepc/show then has the values
idlepc set VALUE           how it is known that the router has nothing to do: an address such as 0x60719b98, auto or none
idlepc drop                idlepc set auto
idlepc save db|router|default    write the address in force into idlepc.ini, or into the lab file
` + portHelp
	SwitchHelp = `clear mac     forget the stations (ETHSW)
` + portHelp
	portHelp = `link down|up PORT          cut the link of a port, or mend it
capture PORT FILE [TYPE]   write what passes a port into a file of the lab's captures; TYPE is HDLC, FR, PPP, ATM or a
                           link type of libpcap
no capture PORT [FILE]     end that
filter PORT TEXT           drop frames: none | [in|out|both] freq_drop N
impair PORT TEXT           none | [in|out|both] delay TIME jitter TIME loss SHARE duplicate SHARE reorder SHARE rate RATE
`
	LabHelp = `start [DEVICE ...]     run these devices, or all routers
stop [DEVICE ...]      end them, with their NVRAM stored
reload [DEVICE ...]    stop and start
suspend [DEVICE ...]   halt their processors
resume [DEVICE ...]    let them go on
apply                  apply the lab file again
`
	DaemonHelp = `start [LAB[/DEVICE] ...]     run these labs or devices, or all
stop [LAB[/DEVICE] ...]      end them, with their NVRAM stored
reload [LAB[/DEVICE] ...]    stop and start
suspend [LAB[/DEVICE] ...]   halt their processors
resume [LAB[/DEVICE] ...]    let them go on
apply [LAB ...]              apply the lab files again
detach                       end dynemud and leave all routers running
`
)

// Do runs verb, one of Verbs, on the device.
func (dev *Device) Do(verb string) error { return verbs[verb](dev) }

// Command runs a line written to the device's ctl.
func (dev *Device) Command(line string) error {
	words := strings.Fields(line)
	if len(words) == 0 {
		return nil
	}
	fn, ok := verbs[words[0]]
	switch {
	case ok && len(words) == 1:
		return fn(dev)
	case ok:
		return dev.command(func() error {
			return refuse(syscall.EINVAL, "%s takes nothing after it, found %q", words[0], strings.Join(words[1:], " "))
		})
	}
	switch words[0] {
	case "confreg":
		return dev.SetConfReg(strings.Join(words[1:], " "))
	case "send":
		_, text, _ := strings.Cut(strings.TrimLeft(line, " \t"), "send")
		text = strings.TrimPrefix(text, " ")
		return dev.command(func() error { return dev.Type([]byte(text + "\r")) })
	case "idlepc":
		if err := dev.mustRoute("has an idle-pc"); err != nil {
			return dev.command(func() error { return err })
		}
		return dev.idlePCCommand(words)
	case "link", "capture", "no", "filter", "impair", "clear":
		return dev.portCommand(words, line)
	}
	return dev.command(func() error {
		return unknown(line, "start, stop, reload, suspend, resume, confreg VALUE, send TEXT, idlepc, link, capture, no capture, filter, impair, clear mac")
	})
}

// portCommands are the commands that name a port as the word of that index, with how
// they are written.
var portCommands = map[string]struct {
	form             string
	port, least, max int // words
}{
	"link":    {"link down|up PORT", 2, 3, 3},
	"capture": {"capture PORT FILE [TYPE]", 1, 3, 4},
	"no":      {"no capture PORT [FILE]", 2, 3, 4},
	"filter":  {"filter PORT TEXT", 1, 3, 1 << 10},
	"impair":  {"impair PORT TEXT", 1, 3, 1 << 10},
	"clear":   {"clear mac", 0, 2, 2},
}

func (dev *Device) portCommand(words []string, line string) error {
	c := portCommands[words[0]]
	wrong := len(words) < c.least || len(words) > c.max
	if !wrong {
		switch words[0] {
		case "link":
			wrong = words[1] != "up" && words[1] != "down"
		case "no":
			wrong = words[1] != "capture"
		case "clear":
			wrong = words[1] != "mac"
		}
	}
	if wrong {
		return dev.command(func() error { return refuse(syscall.EINVAL, "%q: expected %s", strings.TrimSpace(line), c.form) })
	}
	if words[0] == "clear" {
		return dev.ClearTable()
	}
	p, err := dev.PortNamed(words[c.port])
	if err != nil {
		return dev.command(func() error { return err })
	}
	rest := append(words[c.port+1:], "", "")
	switch words[0] {
	case "link":
		return dev.SetLink(p, words[1] == "up")
	case "capture":
		return dev.StartCapture(p, rest[0], rest[1])
	case "no":
		return dev.StopCapture(p, rest[0])
	case "filter":
		return dev.SetFilter(p, strings.Join(rest, " "))
	}
	return dev.SetImpairment(p, strings.Join(rest, " "))
}

func unknown(line, accepted string) error {
	return refuse(syscall.EINVAL, "unknown command %q; accepted: %s", strings.TrimSpace(line), accepted)
}

// Command runs a line written to the lab's ctl.
func (l *Lab) Command(line string) error {
	words := strings.Fields(line)
	if len(words) == 0 {
		return nil
	}
	err := l.run(words, line)
	l.setError(err)
	return err
}

func (l *Lab) run(words []string, line string) error {
	if words[0] == "apply" {
		if len(words) > 1 {
			return refuse(syscall.EINVAL, "apply takes nothing after it, found %q", strings.Join(words[1:], " "))
		}
		return l.Reapply()
	}
	if verbs[words[0]] == nil {
		return unknown(line, "start, stop, reload, suspend, resume with names of devices or none, apply")
	}
	var devices []*Device
	if len(words) == 1 {
		devices = l.Devices()
	}
	for _, name := range words[1:] {
		dev := l.Device(name)
		if dev == nil {
			return refuse(syscall.ENOENT, "lab %s has no device %q; it has %s", l.name, name, l.names())
		}
		devices = append(devices, dev)
	}
	return each(devices, words[0], len(words) == 1)
}

func (l *Lab) names() string {
	var names []string
	for _, dev := range l.Devices() {
		names = append(names, dev.name)
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}

// each runs a command on devices, all of them also when one fails. Where no
// device was named, those that the command does not fit are left out.
func each(devices []*Device, verb string, all bool) error {
	var errs []error
	for _, dev := range devices {
		if all && (verb == "suspend" || verb == "resume") && dev.running() == nil {
			continue
		}
		if all && dev.Switch() != nil { // it is always on
			continue
		}
		if err := dev.Do(verb); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Command runs a line written to the ctl of all labs.
func (d *Daemon) Command(line string) error {
	words := strings.Fields(line)
	if len(words) == 0 {
		return nil
	}
	err := d.run(words, line)
	d.setError(err)
	return err
}

func (d *Daemon) run(words []string, line string) error {
	switch verb := words[0]; {
	case verb == "detach":
		if len(words) > 1 {
			return refuse(syscall.EINVAL, "detach takes nothing after it, found %q", strings.Join(words[1:], " "))
		}
		d.detachOnce.Do(func() { close(d.detach) })
		return nil
	case verb == "apply":
		labs, err := d.pick(words[1:])
		if err != nil {
			return err
		}
		var errs []error
		for _, l := range labs {
			errs = append(errs, l.Command("apply"))
		}
		return errors.Join(errs...)
	case verbs[verb] != nil:
		var devices []*Device
		if len(words) == 1 {
			for _, l := range d.Labs() {
				devices = append(devices, l.Devices()...)
			}
		}
		for _, w := range words[1:] {
			name, device, one := strings.Cut(w, "/")
			labs, err := d.pick([]string{name})
			if err != nil {
				return err
			}
			if !one {
				devices = append(devices, labs[0].Devices()...)
				continue
			}
			dev := labs[0].Device(device)
			if dev == nil {
				return refuse(syscall.ENOENT, "lab %s has no device %q; it has %s", name, device, labs[0].names())
			}
			devices = append(devices, dev)
		}
		return each(devices, verb, len(words) == 1)
	}
	return unknown(line, "start, stop, reload, suspend, resume with LAB or LAB/DEVICE or none, apply, detach")
}

// pick returns the labs named, or all.
func (d *Daemon) pick(names []string) ([]*Lab, error) {
	if len(names) == 0 {
		return d.Labs(), nil
	}
	var labs []*Lab
	for _, n := range names {
		l := d.Lab(n)
		if l == nil {
			have := "none"
			if all := d.Labs(); len(all) > 0 {
				have = ""
				for i, o := range all {
					if i > 0 {
						have += ", "
					}
					have += o.name
				}
			}
			return nil, refuse(syscall.ENOENT, "no lab %q; there are %s", n, have)
		}
		labs = append(labs, l)
	}
	return labs, nil
}
