package fs

import (
	"context"
	"os"
	"slices"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"

	"dynemu/emud"
	"dynemu/emud/idlepc"
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
	// databaseMode is of a file that all may read, edited as a whole.
	databaseMode = syscall.S_IFREG | 0o664
	linkMode     = syscall.S_IFLNK | 0o777
)

func (t *Tree) base(path string, mode uint32) base { return base{t: t, path: path, perm: mode} }

// files is a directory with the same files always.
type files map[string]func(path string) entry

// fixed makes a directory of those files that order lists; it is there while
// order lists any.
func (t *Tree) fixed(path string, f files, order func() []string) *dir {
	return &dir{
		base: t.base(path, dirMode),
		names: func() (names []string, ok bool) {
			all := order()
			for _, n := range all {
				if e := f[n](path + "/" + n); e != nil {
					names = append(names, n)
				}
			}
			return names, all != nil
		},
		find: func(_ context.Context, name string) entry {
			if !slices.Contains(order(), name) {
				return nil
			}
			return f[name](path + "/" + name)
		},
	}
}

// while is an order that holds while alive says so.
func while(alive func() bool, order ...string) func() []string {
	return func() []string {
		if !alive() {
			return nil
		}
		return order
	}
}

func (t *Tree) text(mode uint32, content func() ([]byte, error)) func(string) entry {
	return func(path string) entry { return &text{base: t.base(path, mode), content: content} }
}

func (t *Tree) control(help string, command func(string) error) func(string) entry {
	return func(path string) entry {
		return &control{base: t.base(path, ctlMode), show: func() ([]byte, error) { return []byte(help), nil }, command: command}
	}
}

func line(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s + "\n")
}

func (t *Tree) root() *dir {
	d := t.d
	return t.fixed("", files{
		"README":  t.text(statusMode, func() ([]byte, error) { return []byte(readme), nil }),
		"version": t.text(statusMode, func() ([]byte, error) { return []byte(d.VersionText()), nil }),
		"status":  t.text(statusMode, func() ([]byte, error) { return []byte(emud.Status(d.Labs()...)), nil }),
		"ctl":     t.control(emud.DaemonHelp, d.Command),
		"errors":  t.text(statusMode, func() ([]byte, error) { return line(d.ErrorText()), nil }),
		"metrics": t.text(statusMode, d.Metrics),
		"events": func(path string) entry {
			return &stream{base: t.base(path, statusMode), open: func(bool) (source, error) { return d.OpenEvents() }}
		},
		idlepc.File: func(path string) entry {
			return &storage{base: t.base(path, databaseMode), load: func() ([]byte, error) { return d.IdleDB(), nil }, store: d.SetIdleDB}
		},
		"images": func(path string) entry {
			return &dir{
				base:  t.base(path, dirMode),
				names: func() ([]string, bool) { return d.Images(), true },
				find: func(_ context.Context, name string) entry {
					if !d.HasImage(name) {
						return nil
					}
					return t.text(statusMode, func() ([]byte, error) { return d.ImageText(name) })(path + "/" + name)
				},
			}
		},
		"labs": func(path string) entry {
			return &labsDir{base: t.base(path, labsMode), l: t.labs}
		},
	}, while(func() bool { return true }, "README", "version", "status", "metrics", "events", "ctl", "errors", idlepc.File, "images", "labs"))
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
	plain := func(path func(*emud.Lab) string) func(string) entry {
		return func(string) entry {
			l, err := get()
			if err != nil {
				return nil
			}
			return t.plainDir(path(l))
		}
	}
	// A picture has addresses of the routers' configurations.
	picture := func(draw func(*emud.Lab) []byte) func(string) entry {
		return t.text(secretMode, func() ([]byte, error) {
			l, err := get()
			if err != nil {
				return nil, err
			}
			return draw(l), nil
		})
	}
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
		"topology.dot": picture((*emud.Lab).DOT),
		"topology.svg": picture((*emud.Lab).SVG),
		"captures":     plain((*emud.Lab).CapturesDir),
		"files":        plain((*emud.Lab).FilesDir),
		"live.pcapng": func(path string) entry {
			return &stream{base: t.base(path, secretMode), open: func(bool) (source, error) {
				l, err := get()
				if err != nil {
					return nil, err
				}
				return l.OpenLive(), nil
			}}
		},
	}
	always := t.fixed(path, f, while(func() bool { l, _ := get(); return l != nil },
		"status", "ctl", "errors", "result", "topology.dot", "topology.svg", "captures", "files", "live.pcapng"))
	return &dir{
		base: t.base(path, dirMode),
		names: func() ([]string, bool) {
			names, ok := always.names()
			if l, err := get(); err == nil {
				for _, dev := range l.Devices() {
					names = append(names, dev.Name())
				}
			}
			return names, ok
		},
		find: func(ctx context.Context, entryName string) entry {
			if e := always.find(ctx, entryName); e != nil {
				return e
			}
			if l, err := get(); err == nil && l.Device(entryName) != nil {
				return t.deviceDir(name, entryName)
			}
			return nil
		},
	}
}

// What the folder of a device has.
var (
	routerFiles = slices.Concat([]string{"ctl", "errors"}, emud.Verbs,
		[]string{"state", "info", "stats", "log", "console", "console.log", "tty", "aux", "startup-config", "private-config", "nvram"},
		emud.StorageNames, []string{"idlepc", "ports"})
	switchFiles = []string{"ctl", "errors", "status", "state", "info", "stats", "mac", "log", "ports"}
)

// deviceDir is the directory of a router or of a virtual switch. A lab file can
// make one of the other while the directory is in use.
func (t *Tree) deviceDir(labName, name string) *configFolder {
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
	terminal := func(open func(*emud.Device, bool) *emud.Console) func(string) entry {
		return func(path string) entry {
			return &stream{base: t.base(path, storageMode), open: func(read bool) (source, error) {
				dev := find()
				if dev == nil {
					return nil, syscall.ENOENT
				}
				return open(dev, read), nil
			}}
		}
	}
	f := files{
		"ctl": func(path string) entry {
			return &control{base: t.base(path, ctlMode), show: with(func(dev *emud.Device) ([]byte, error) {
				if dev.Switch() != nil {
					return []byte(emud.SwitchHelp), nil
				}
				return []byte(emud.DeviceHelp), nil
			}), command: func(line string) error { return do(func(dev *emud.Device) error { return dev.Command(line) }) }}
		},
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
		"console":     terminal((*emud.Device).OpenConsole),
		"aux":         terminal((*emud.Device).OpenAUX),
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
		"idlepc": func(path string) entry { return t.idlePCDir(path, find) },
		"ports":  func(path string) entry { return t.portsDir(path, find) },
		"status": t.text(statusMode, with((*emud.Device).SwitchStatus)),
		"mac": func(path string) entry {
			if dev := find(); dev == nil || dev.Switch() == nil || dev.Switch().Type != "ETHSW" {
				return nil
			}
			return &control{base: t.base(path, ctlMode), show: with((*emud.Device).Table), command: func(line string) error {
				return do(func(dev *emud.Device) error { return dev.TableCommand(line) })
			}}
		},
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
		f[verb] = func(path string) entry {
			return &trigger{base: t.base(path, ctlMode), act: func() error {
				return do(func(dev *emud.Device) error { return dev.Do(verb) })
			}}
		}
	}
	return t.configFolder(t.fixed("/labs/"+labName+"/"+name, f, func() []string {
		switch dev := find(); {
		case dev == nil:
			return nil
		case dev.Switch() != nil:
			return switchFiles
		}
		return routerFiles
	}))
}

// plainDir is a plain folder of a lab, as it lies under the state directory.
func (t *Tree) plainDir(path string) entry {
	var st syscall.Stat_t
	if syscall.Lstat(path, &st) != nil {
		return nil
	}
	f := &folder{}
	f.RootData = &fs.LoopbackRoot{Path: path, Dev: uint64(st.Dev), RootNode: f}
	f.st = st
	return f
}
