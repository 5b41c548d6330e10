package fs

import (
	"context"
	"os"
	"slices"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"

	"dynemu/emud"
	"dynemu/emud/lab"
)

// The permissions of the tree: root and the group may write, others may read
// status, but not configurations, consoles or storage.
const (
	dirMode     = syscall.S_IFDIR | 0o755
	labsMode    = syscall.S_IFDIR | 0o775
	statusMode  = syscall.S_IFREG | 0o444
	ctlMode     = syscall.S_IFREG | 0o664
	secretMode  = syscall.S_IFREG | 0o440
	storageMode = syscall.S_IFREG | 0o660
	linkMode    = syscall.S_IFLNK | 0o777
)

func (t *Tree) base(path string, mode uint32) base { return base{t: t, path: path, perm: mode} }

// files is a directory with the same files always.
type files map[string]func(path string) entry

// fixed makes a directory of files that exists while alive says so.
func (t *Tree) fixed(path string, order []string, f files, alive func() bool) *dir {
	return &dir{
		base: t.base(path, dirMode),
		names: func() ([]string, bool) {
			if !alive() {
				return nil, false
			}
			var names []string
			for _, n := range order {
				if e := f[n](path + "/" + n); e != nil {
					names = append(names, n)
				}
			}
			return names, true
		},
		find: func(_ context.Context, name string) entry {
			if f[name] == nil || !alive() {
				return nil
			}
			return f[name](path + "/" + name)
		},
	}
}

func (t *Tree) text(mode uint32, content func() ([]byte, error)) func(string) entry {
	return func(path string) entry { return &text{base: t.base(path, mode), content: content} }
}

func (t *Tree) control(help string, command func(string) error) func(string) entry {
	return func(path string) entry { return &control{base: t.base(path, ctlMode), help: help, command: command} }
}

func line(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s + "\n")
}

func (t *Tree) root() *dir {
	d := t.d
	return t.fixed("", []string{"README", "version", "status", "ctl", "errors", "labs"}, files{
		"README":  t.text(statusMode, func() ([]byte, error) { return []byte(readme), nil }),
		"version": t.text(statusMode, func() ([]byte, error) { return []byte(d.VersionText()), nil }),
		"status":  t.text(statusMode, func() ([]byte, error) { return []byte(emud.Status(d.Labs()...)), nil }),
		"ctl":     t.control(emud.DaemonHelp, d.Command),
		"errors":  t.text(statusMode, func() ([]byte, error) { return line(d.ErrorText()), nil }),
		"labs": func(path string) entry {
			return &labsDir{base: t.base(path, labsMode), l: t.labs}
		},
	}, func() bool { return true })
}

// labDir is the directory of a lab.
func (t *Tree) labDir(name string) *dir {
	get := func() (*emud.Lab, error) {
		if l := t.d.Lab(name); l != nil {
			return l, nil
		}
		return nil, syscall.ENOENT
	}
	path := "/labs/" + name
	order := []string{"status", "ctl", "errors", "result", "files"}
	f := files{
		"status": t.text(statusMode, func() ([]byte, error) {
			l, err := get()
			if err != nil {
				return nil, err
			}
			return []byte(emud.Status(l)), nil
		}),
		"ctl": t.control(emud.LabHelp, func(line string) error {
			l, err := get()
			if err != nil {
				return err
			}
			return l.Command(line)
		}),
		"errors": t.text(statusMode, func() ([]byte, error) {
			l, err := get()
			if err != nil {
				return nil, err
			}
			return line(l.ErrorText()), nil
		}),
		"result": t.text(statusMode, func() ([]byte, error) {
			l, err := get()
			if err != nil {
				return nil, err
			}
			text, _ := l.Result()
			return []byte(text), nil
		}),
		"files": func(path string) entry {
			l, err := get()
			if err != nil {
				return nil
			}
			return t.filesDir(l.FilesDir())
		},
	}
	plain := t.fixed(path, order, f, func() bool { l, _ := get(); return l != nil })
	return &dir{
		base: t.base(path, dirMode),
		names: func() ([]string, bool) {
			names, ok := plain.names()
			if l, err := get(); err == nil {
				for _, dev := range l.Devices() {
					names = append(names, dev.Name())
				}
			}
			return names, ok
		},
		find: func(ctx context.Context, entryName string) entry {
			if e := plain.find(ctx, entryName); e != nil {
				return e
			}
			if l, err := get(); err == nil && l.Device(entryName) != nil {
				return t.deviceDir(name, entryName)
			}
			return nil
		},
	}
}

// deviceDir is the directory of a router.
func (t *Tree) deviceDir(labName, name string) *dir {
	find := func() *emud.Device {
		if l := t.d.Lab(labName); l != nil {
			return l.Device(name)
		}
		return nil
	}
	with := func(fn func(*emud.Device) ([]byte, error)) func() ([]byte, error) {
		return func() ([]byte, error) {
			dev := find()
			if dev == nil {
				return nil, syscall.ENOENT
			}
			return fn(dev)
		}
	}
	do := func(fn func(*emud.Device) error) error {
		dev := find()
		if dev == nil {
			return syscall.ENOENT
		}
		return fn(dev)
	}
	order := []string{"ctl", "errors"}
	f := files{
		"ctl": t.control(emud.DeviceHelp, func(line string) error {
			return do(func(dev *emud.Device) error { return dev.Command(line) })
		}),
		"errors": t.text(statusMode, with(func(dev *emud.Device) ([]byte, error) { return line(dev.ErrorText()), nil })),
		"state": t.text(statusMode, with(func(dev *emud.Device) ([]byte, error) {
			s, _ := dev.State()
			return line(string(s)), nil
		})),
		"info": t.text(statusMode, with(func(dev *emud.Device) ([]byte, error) { return []byte(dev.Info()), nil })),
		"stats": t.text(statusMode, with(func(dev *emud.Device) ([]byte, error) {
			s, err := dev.Stats()
			return []byte(s), err
		})),
		"log": t.text(secretMode, with(func(dev *emud.Device) ([]byte, error) {
			b, err := os.ReadFile(dev.LogPath())
			if os.IsNotExist(err) {
				return nil, nil
			}
			return b, err
		})),
		"console": func(path string) entry {
			return &console{base: t.base(path, storageMode), device: find}
		},
		"console.log": t.text(secretMode, with((*emud.Device).ConsoleLog)),
		"tty": func(path string) entry {
			if dev := find(); dev == nil || dev.TTY() == "" {
				return nil
			}
			return &link{base: t.base(path, linkMode), target: func() string {
				if dev := find(); dev != nil {
					return dev.TTY()
				}
				return ""
			}}
		},
		"nvram": func(path string) entry {
			return &storage{
				base:  t.base(path, storageMode),
				load:  with((*emud.Device).NVRAM),
				store: func(b []byte) error { return do(func(dev *emud.Device) error { return dev.SetNVRAM(b) }) },
				writable: func() error {
					return do(func(dev *emud.Device) error {
						if dev.Running() {
							return syscall.EBUSY
						}
						return nil
					})
				},
			}
		},
		"ports": func(path string) entry { return t.portsDir(path, find) },
	}
	for _, s := range emud.StorageNames {
		f[s] = func(path string) entry {
			if dev := find(); dev == nil || !dev.HasStorage(s) {
				return nil
			}
			return &raw{base: t.base(path, storageMode), name: s, device: find}
		}
	}
	config := func(private bool) func(path string) entry {
		return func(path string) entry {
			return &storage{
				base: t.base(path, storageMode),
				load: with(func(dev *emud.Device) ([]byte, error) {
					startup, priv, err := dev.Configs()
					if private {
						return priv, err
					}
					return startup, err
				}),
				store: func(b []byte) error {
					return do(func(dev *emud.Device) error { return dev.SetConfig(private, b) })
				},
			}
		}
	}
	f["startup-config"], f["private-config"] = config(false), config(true)
	for _, verb := range emud.Verbs {
		order = append(order, verb)
		f[verb] = func(path string) entry {
			return &trigger{base: t.base(path, ctlMode), act: func() error {
				return do(func(dev *emud.Device) error { return dev.Do(verb) })
			}}
		}
	}
	order = append(order, "state", "info", "stats", "log", "console", "console.log", "tty",
		"startup-config", "private-config", "nvram")
	order = append(append(order, emud.StorageNames...), "ports")
	return t.fixed("/labs/"+labName+"/"+name, order, f, func() bool { return find() != nil })
}

// portsDir has a directory per port of the router.
func (t *Tree) portsDir(path string, find func() *emud.Device) *dir {
	return &dir{
		base: t.base(path, dirMode),
		names: func() ([]string, bool) {
			dev := find()
			if dev == nil {
				return nil, false
			}
			var names []string
			for _, p := range dev.Router().Ports {
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

// portDir has the facts of a port. A serial port has no kernel interface, and
// so neither ifname nor mac.
func (t *Tree) portDir(path, name string, find func() *emud.Device) *dir {
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
	f := files{
		"ifname": t.text(statusMode, with(func(_ *emud.Device, p lab.Port) ([]byte, error) { return line(p.FileName()), nil })),
		"netns":  t.text(statusMode, with(func(dev *emud.Device, _ lab.Port) ([]byte, error) { return line(dev.Namespace()), nil })),
		"mac":    t.text(statusMode, with(func(dev *emud.Device, p lab.Port) ([]byte, error) { return line(dev.MAC(p)), nil })),
		"peer":   t.text(statusMode, with(func(dev *emud.Device, p lab.Port) ([]byte, error) { return line(dev.Peer(p)), nil })),
		"stats": t.text(statusMode, with(func(dev *emud.Device, p lab.Port) ([]byte, error) {
			s, err := dev.PortStats(p)
			return []byte(s.String()), err
		})),
	}
	order := []string{"ifname", "netns", "mac", "peer", "stats"}
	if _, p, err := port(); err == nil && p.Kind != lab.Ethernet {
		order = slices.DeleteFunc(order, func(n string) bool { return n == "ifname" || n == "mac" })
		delete(f, "ifname")
		delete(f, "mac")
	}
	return t.fixed(path, order, f, func() bool { _, _, err := port(); return err == nil })
}

// filesDir is a lab's plain folder, as it lies under the state directory.
func (t *Tree) filesDir(path string) entry {
	var st syscall.Stat_t
	if syscall.Lstat(path, &st) != nil {
		return nil
	}
	f := &folder{}
	f.RootData = &fs.LoopbackRoot{Path: path, Dev: uint64(st.Dev), RootNode: f}
	f.st = st
	return f
}
