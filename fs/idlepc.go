package fs

import (
	"context"
	"syscall"

	"dynemu/emud"
	"dynemu/emud/idlepc"
)

// idlePCFiles are what the folder idlepc of a router has.
var idlePCFiles = []string{"value", "get", "show", "stats", "save"}

// savePlaces is what reading the file save prints.
const savePlaces = `db       into the database idlepc.ini, for the router's image
router   into the router's section of the lab file
default  into the defaults section of its model
`

// idlePCDir is the folder idlepc of a router.
func (t *Tree) idlePCDir(path string, find func() *emud.Device) entry {
	router := func() (*emud.Device, error) {
		if dev := find(); dev != nil && dev.Switch() == nil {
			return dev, nil
		}
		return nil, syscall.ENOENT
	}
	with := func(fn func(*emud.Device) (string, error)) func() ([]byte, error) {
		return func() ([]byte, error) {
			dev, err := router()
			if err != nil {
				return nil, err
			}
			s, err := fn(dev)
			return []byte(s), err
		}
	}
	// write makes a file that takes a word.
	write := func(show func() ([]byte, error), set func(*emud.Device, string) error) func(string) entry {
		return func(path string) entry {
			return &control{base: t.base(path, ctlMode), show: show, command: func(word string) error {
				dev, err := router()
				if err != nil || word == "" {
					return err
				}
				return set(dev, word)
			}}
		}
	}
	return t.fixed(path, files{
		"value": write(with(func(dev *emud.Device) (string, error) {
			v, err := dev.IdlePC()
			return v + "\n", err
		}), (*emud.Device).SetIdlePC),
		"save": write(func() ([]byte, error) { return []byte(savePlaces), nil }, (*emud.Device).SaveIdlePC),
		"show": t.text(statusMode, with(func(dev *emud.Device) (string, error) {
			values, err := dev.IdlePCValues()
			return idlepc.Table(values), err
		})),
		"stats": t.text(statusMode, with((*emud.Device).IdlePCStats)),
		"get": func(path string) entry {
			return &stream{base: t.base(path, secretMode), open: func(bool) (source, error) {
				dev, err := router()
				if err != nil {
					return nil, err
				}
				return newGathering(dev), nil
			}}
		},
	}, while(func() bool { _, err := router(); return err == nil }, idlePCFiles...))
}

// gathering is an open file get: its first read has statistics gathered, and the table is
// what it reads.
type gathering struct {
	ctx   context.Context
	end   context.CancelFunc
	begin chan struct{} // takes a value at the first read
	done  chan struct{} // closed when there is text, or an error
	text  []byte
	err   error
}

func newGathering(dev *emud.Device) *gathering {
	g := &gathering{begin: make(chan struct{}, 1), done: make(chan struct{})}
	g.ctx, g.end = context.WithCancel(context.Background())
	go func() {
		defer close(g.done)
		select {
		case <-g.begin:
		case <-g.ctx.Done():
			return
		}
		var values []idlepc.Value
		if values, g.err = dev.GatherIdlePC(g.ctx); g.err == nil {
			g.text = []byte(idlepc.Table(values))
		}
	}()
	return g
}

// Read implements source.
func (g *gathering) Read(ctx context.Context, p []byte, wait bool) (int, error) {
	select {
	case g.begin <- struct{}{}:
	default:
	}
	if !wait {
		select {
		case <-g.done:
		default:
			return 0, syscall.EAGAIN
		}
	}
	select {
	case <-g.done:
	case <-ctx.Done():
		return 0, syscall.EINTR
	}
	if g.err != nil {
		return 0, g.err
	}
	n := copy(p, g.text)
	g.text = g.text[n:]
	return n, nil
}

// Close implements source.
func (g *gathering) Close() { g.end() }
