package fs

import (
	"context"
	"strings"
	"syscall"

	"dynemu/emud"
	"dynemu/emud/lab"
)

// portsDir has a folder per port of the device.
func (t *Tree) portsDir(path string, find func() *emud.Device) *dir {
	return &dir{
		base: t.base(path, dirMode),
		names: func() ([]string, bool) {
			dev := find()
			if dev == nil {
				return nil, false
			}
			var names []string
			for _, p := range dev.Ports() {
				names = append(names, p.FileName())
			}
			return names, true
		},
		find: func(_ context.Context, name string) entry {
			if dev := find(); dev != nil {
				if _, ok := dev.Port(name); ok {
					return t.portDir(path+"/"+name, name, find)
				}
			}
			return nil
		},
	}
}

// portDir has the facts of a port, and what can be done to its wire. An ATM port
// has no kernel interface and so no ifname; only an Ethernet port has a mac, and
// only a router's.
func (t *Tree) portDir(path, name string, find func() *emud.Device) *portFolder {
	port := func() (dev *emud.Device, p lab.Port, err error) {
		if dev = find(); dev != nil {
			if p, ok := dev.Port(name); ok {
				return dev, p, nil
			}
		}
		return nil, p, syscall.ENOENT
	}
	with := func(fn func(*emud.Device, lab.Port) ([]byte, error)) func() ([]byte, error) {
		return func() ([]byte, error) {
			dev, p, err := port()
			if err != nil {
				return nil, err
			}
			return fn(dev, p)
		}
	}
	// only makes the file where fact says that the port has it.
	only := func(fact func(*emud.Device, lab.Port) string) func(string) entry {
		return func(path string) entry {
			if dev, p, err := port(); err != nil || fact(dev, p) == "" {
				return nil
			}
			return t.text(statusMode, with(func(dev *emud.Device, p lab.Port) ([]byte, error) { return line(fact(dev, p)), nil }))(path)
		}
	}
	word := func(fact func(*emud.Device, lab.Port) string) func(string) entry {
		return t.text(statusMode, with(func(dev *emud.Device, p lab.Port) ([]byte, error) { return line(fact(dev, p)), nil }))
	}
	text := func(get func(*emud.Device, lab.Port) string, set func(*emud.Device, lab.Port, string) error) func(string) entry {
		return func(path string) entry {
			return &setting{
				base: t.base(path, storageMode),
				get: with(func(dev *emud.Device, p lab.Port) ([]byte, error) {
					// In one line, a semicolon parts what the file has on lines of its own.
					return line(strings.ReplaceAll(strings.TrimRight(get(dev, p), "\n"), "; ", "\n")), nil
				}),
				set: func(text string) error {
					dev, p, err := port()
					if err != nil {
						return err
					}
					return set(dev, p, text)
				},
			}
		}
	}
	f := files{
		"ifname": only((*emud.Device).Ifname),
		"netns":  word(func(dev *emud.Device, _ lab.Port) string { return dev.Namespace() }),
		"mac": only(func(dev *emud.Device, p lab.Port) string {
			if dev.Switch() != nil || p.Kind != lab.Ethernet {
				return ""
			}
			return dev.MAC(p)
		}),
		"peer":    word((*emud.Device).Peer),
		"carrier": word((*emud.Device).LinkState),
		"stats": t.text(statusMode, with(func(dev *emud.Device, p lab.Port) ([]byte, error) {
			s, err := dev.PortStats(p)
			return []byte(s.String()), err
		})),
		"filter": text((*emud.Device).Filter, (*emud.Device).SetFilter),
		"link":   text((*emud.Device).Impairment, (*emud.Device).SetImpairment),
		"live.pcap": func(path string) entry {
			return &stream{base: t.base(path, secretMode), open: func(bool) (source, error) {
				dev, p, err := port()
				if err != nil {
					return nil, err
				}
				return dev.OpenLive(p), nil
			}}
		},
		captureName: func(path string) entry {
			if dev, p, err := port(); err != nil || dev.PortCapture(p) == "" {
				return nil
			}
			return &capture{base: t.base(path, storageMode), port: port}
		},
	}
	d := t.fixed(path, f, while(func() bool { _, _, err := port(); return err == nil },
		"ifname", "netns", "mac", "peer", "carrier", "stats", "filter", "link", "live.pcap", captureName))
	// The group makes and removes capture.pcap.
	return &portFolder{dir: dir{base: t.base(path, labsMode), names: d.names, find: d.find}, port: port}
}
