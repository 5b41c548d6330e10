package emud

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"dynemu/emud/idlepc"
	"dynemu/emud/lab"
	"dynemu/emud/node"
	"dynemu/vm"
)

// How a router knows that its guest is idle. What a user set holds as long as the lab file
// asks for what it asked for then; after that, in this order, the router's section, its
// defaults, the database by the name of its image, and "auto".

// idleGiven is a value that a user set in place of that of the lab file.
type idleGiven struct {
	Asked string `json:"asked"`
	Value string `json:"value"`
}

// idlePC is the value for a router with section r.
func (k kept) idlePC(r *lab.Router, db idlepc.DB) string {
	if k.IdlePC.Value != "" && k.IdlePC.Asked == r.IdlePC {
		return k.IdlePC.Value
	}
	if r.IdlePC != "" {
		return r.IdlePC
	}
	if v, ok := db.Lookup(r.Image); ok {
		return v
	}
	return "auto"
}

// idleness is what a router with section r is told now.
func (dev *Device) idleness(r *lab.Router) vm.Idleness {
	db := dev.lab.d.idleDB()
	dev.mu.Lock()
	value := dev.keep.idlePC(r, db)
	dev.mu.Unlock()
	pc, off, _ := lab.ParseIdlePC(value) // checked where it came from
	return vm.Idleness{PC: pc, Off: off, Max: r.IdleMax}
}

// IdlePC is the value in force, or that of the next start: 0x and an address, auto or
// none.
func (dev *Device) IdlePC() (string, error) {
	if err := dev.mustRoute("has an idle-pc"); err != nil {
		return "", err
	}
	var i vm.Idleness
	if n := dev.running(); n != nil {
		spec := n.Spec()
		i = spec.Config.Idleness()
	} else {
		i = dev.idleness(dev.asked())
	}
	switch {
	case i.Off:
		return "none", nil
	case i.PC == 0:
		return "auto", nil
	}
	return idlepc.Format(i.PC), nil
}

// SetIdlePC puts a value into force, at once and for later starts, until the lab file asks
// for another.
func (dev *Device) SetIdlePC(value string) error {
	return dev.command(func() error {
		if err := dev.mustRoute("has an idle-pc"); err != nil {
			return err
		}
		if _, _, err := lab.ParseIdlePC(value); err != nil {
			return refuse(syscall.EINVAL, "idlepc %s: expected %v", value, err)
		}
		r := dev.asked()
		if err := dev.setKept(func(k *kept) { k.IdlePC = idleGiven{Asked: r.IdlePC, Value: value} }); err != nil {
			return err
		}
		if n := dev.running(); n != nil {
			return n.SetIdleness(dev.idleness(r))
		}
		return nil
	})
}

// DropIdlePC takes the address in force away: the router finds its idle loop by itself.
func (dev *Device) DropIdlePC() error { return dev.SetIdlePC("auto") }

// changeIdleness tells running routers what their sections ask for now.
func (l *Lab) changeIdleness(rep *report) {
	for _, dev := range l.Devices() {
		r := dev.asked()
		if r == nil {
			continue
		}
		if err := dev.setKept(func(k *kept) {
			if k.IdlePC.Asked != r.IdlePC {
				k.IdlePC = idleGiven{} // the file asks for something else since
			}
		}); err != nil {
			rep.addf("%s: %v", dev.name, err)
		}
		n, started := dev.running(), dev.startedWith()
		if n == nil || started == nil || started.IdlePC == r.IdlePC && started.IdleMax == r.IdleMax && started.IdleSleep == r.IdleSleep {
			continue
		}
		if err := n.SetIdleness(dev.idleness(r)); err != nil {
			rep.addf("%s: idlepc cannot be changed: %v", dev.name, err)
			continue
		}
		now := *started
		now.IdlePC, now.IdleMax, now.IdleSleep = r.IdlePC, r.IdleMax, r.IdleSleep
		dev.mu.Lock()
		dev.started = &now
		dev.mu.Unlock()
		l.rec.Started[dev.name] = &now
	}
}

// How often GatherIdlePC asks the node, and how long at most: the node itself ends after
// half as long again as its samples take.
const (
	gatherPoll = 100 * time.Millisecond
	gatherMost = 2 * idlepc.Samples * idlepc.Every
)

// GatherIdlePC looks for some seconds where the guest of the running router is, and returns
// the values to choose from. One that is under way is joined. It returns EINTR when ctx
// ends; the node then gathers on.
func (dev *Device) GatherIdlePC(ctx context.Context) ([]idlepc.Value, error) {
	values, err := dev.gatherIdlePC(ctx)
	dev.setError(err)
	return values, err
}

func (dev *Device) gatherIdlePC(ctx context.Context) ([]idlepc.Value, error) {
	n, err := dev.idleNode()
	if err != nil {
		return nil, err
	}
	if err := n.SampleIdle(idlepc.Samples, idlepc.Every); err != nil {
		return nil, refuse(syscall.EPERM, "%s: %v", dev.name, err)
	}
	end := time.After(gatherMost)
	for {
		select {
		case <-ctx.Done():
			return nil, syscall.EINTR
		case <-end:
			return nil, refuse(syscall.ETIMEDOUT, "%s: the statistics are not complete after %v", dev.name, gatherMost)
		case <-n.Done():
			return nil, refuse(syscall.EPERM, "%s ended while statistics were gathered", dev.name)
		case <-time.After(gatherPoll):
		}
		s, err := n.IdleSamples()
		switch {
		case err != nil:
			return nil, err
		case s.Sampling:
		case s.Error != "":
			return nil, refuse(syscall.EPERM, "%s: %s", dev.name, s.Error)
		default:
			return chooseIdlePC(s), nil
		}
	}
}

// idleNode is the node of a router that runs.
func (dev *Device) idleNode() (Node, error) {
	if err := dev.mustRoute("has an idle-pc"); err != nil {
		return nil, err
	}
	if n := dev.running(); n != nil {
		return n, nil
	}
	state, _ := dev.State()
	return nil, refuse(syscall.EPERM, "router \"%s\" is %s. Idle-pc functions can only be used on running routers", dev.name, state)
}

func chooseIdlePC(s node.IdleSamples) []idlepc.Value {
	counts := map[uint64]int{}
	for _, c := range s.Counts {
		counts[c.PC] = c.Count
	}
	return idlepc.Choose(counts)
}

// IdlePCValues is what was gathered last since the router was started.
func (dev *Device) IdlePCValues() ([]idlepc.Value, error) {
	if err := dev.mustRoute("has an idle-pc"); err != nil {
		return nil, err
	}
	n := dev.running()
	if n == nil {
		return nil, nil
	}
	s, err := n.IdleSamples()
	return chooseIdlePC(s), err
}

// IdlePCStats tells how the router sleeps; only the value while it does not run.
func (dev *Device) IdlePCStats() (string, error) {
	value, err := dev.IdlePC()
	if err != nil {
		return "", err
	}
	facts := []Fact{{"value", value}}
	if n := dev.running(); n != nil {
		st, err := n.Status()
		if err != nil {
			return "", err
		}
		facts = append(facts, st.Idle...)
		s, err := n.IdleSamples()
		if err != nil {
			return "", err
		}
		if s.Sampling {
			facts = append(facts, Fact{"gathering", fmt.Sprintf("%d of %d", s.Done, s.Of)})
		}
	}
	var b strings.Builder
	for _, f := range facts {
		fmt.Fprintf(&b, "%s %s\n", f.Name, f.Value)
	}
	return b.String(), nil
}

// idleFacts are what a node says of the idle time of its guest.
func idleFacts(s node.Status) []Fact {
	percent := func(part, whole float64) string {
		if whole <= 0 {
			return "0.0%"
		}
		return strconv.FormatFloat(100*min(part/whole, 1), 'f', 1, 64) + "%"
	}
	facts := []Fact{
		{"sleeps", strconv.FormatUint(s.Sleeps, 10)},
		{"wakeups-timer", strconv.FormatUint(s.TimerWakes, 10)},
		{"wakeups-other", strconv.FormatUint(s.Sleeps-min(s.TimerWakes, s.Sleeps), 10)},
		{"asleep-seconds", fmt.Sprintf("%.3f", s.Asleep.Seconds())},
		{"asleep-share", percent(float64(s.Asleep), float64(s.Uptime))},
		{"asleep-share-now", percent(s.IdleShare, 1)},
	}
	if i := s.Idle; i != nil {
		found := "none"
		if i.PC != 0 {
			found = idlepc.Format(i.PC)
		}
		facts = append(facts, Fact{"found", found},
			Fact{"proofs", strconv.FormatUint(i.Proofs, 10)},
			Fact{"proofs-failed", strconv.FormatUint(i.Failed, 10)},
			Fact{"loops-found", strconv.FormatUint(i.Found, 10)},
			Fact{"loops-given-up", strconv.FormatUint(i.Lost, 10)})
	}
	return facts
}

// IdlePCPlaces are where SaveIdlePC writes.
var IdlePCPlaces = []string{"db", "router", "default"}

// SaveIdlePC writes the address in force into the database for the router's image ("db"),
// or into the lab file: into the router's section ("router") or that of its model's
// defaults ("default").
func (dev *Device) SaveIdlePC(place string) error {
	err := dev.saveIdlePC(place)
	dev.setError(err)
	return err
}

func (dev *Device) saveIdlePC(place string) error {
	value, err := dev.IdlePC()
	switch {
	case err != nil:
		return err
	case !slices.Contains(IdlePCPlaces, place):
		return refuse(syscall.EINVAL, "idlepc save %s: expected db, router or default", place)
	case value == "auto" || value == "none":
		return refuse(syscall.EINVAL, "device %s has no idlepc value to save: it is %s", dev.name, value)
	case place == "db":
		return dev.lab.d.saveIdlePC(lab.Base(dev.Router().Image), value)
	}
	return dev.lab.edit(func(text []byte, topo *lab.Lab) ([]byte, error) {
		r := topo.Router(dev.name)
		if r == nil {
			return nil, refuse(syscall.ENOENT, "the lab file has no router %s", dev.name)
		}
		text, err := lab.SetRouterOption(text, r, place == "default", "idlepc", value)
		if err != nil {
			return nil, refuse(syscall.EINVAL, "%s.net: %v", dev.lab.name, err)
		}
		return text, nil
	})
}

// idleHelp is how the commands about idle-PC values are written.
const idleHelp = "idlepc get, idlepc set VALUE|auto|none, idlepc drop, idlepc save db|router|default"

// idlePCCommand runs a line of ctl that begins with idlepc.
func (dev *Device) idlePCCommand(words []string) error {
	switch word := strings.Join(words[1:min(2, len(words))], ""); {
	case word == "get" && len(words) == 2:
		_, err := dev.GatherIdlePC(context.Background())
		return err
	case word == "set" && len(words) == 3:
		return dev.SetIdlePC(words[2])
	case word == "drop" && len(words) == 2:
		return dev.DropIdlePC()
	case word == "save" && len(words) == 3:
		return dev.SaveIdlePC(words[2])
	}
	return dev.command(func() error {
		return refuse(syscall.EINVAL, "%q: expected %s", strings.Join(words, " "), idleHelp)
	})
}

// The database.

func (d *Daemon) idlePath() string { return filepath.Join(d.opt.State, idlepc.File) }

// loadIdleDB reads the database. One that is damaged is kept as it is and has no values.
func (d *Daemon) loadIdleDB() error {
	text, err := os.ReadFile(d.idlePath())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := idlepc.Parse(text)
	if err != nil {
		d.log.Error("the idle-PC database is damaged and not used", "err", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.idle, d.idleText = db, text
	return nil
}

func (d *Daemon) idleDB() idlepc.DB {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.idle
}

// IdleDB is the text of the idle-PC database.
func (d *Daemon) IdleDB() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.idleText
}

// SetIdleDB replaces the idle-PC database. A text that is none is refused, and the old one
// stays. Routers look at their next start.
func (d *Daemon) SetIdleDB(text []byte) error {
	d.idleOp.Lock()
	defer d.idleOp.Unlock()
	err := d.setIdleDB(text)
	d.setError(err)
	return err
}

func (d *Daemon) setIdleDB(text []byte) error {
	db, err := idlepc.Parse(text)
	if err != nil {
		return refuse(syscall.EINVAL, "%v", err)
	}
	if err := writeFile(d.idlePath(), text, 0o644); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.idle, d.idleText = db, text
	return nil
}

// saveIdlePC puts the value of an image into the database.
func (d *Daemon) saveIdlePC(image, value string) error {
	d.idleOp.Lock()
	defer d.idleOp.Unlock()
	if _, err := idlepc.Parse(d.IdleDB()); err != nil {
		return refuse(syscall.EINVAL, "the database is damaged: %v", err)
	}
	db, err := d.idleDB().With(image, value)
	if err != nil {
		return refuse(syscall.EINVAL, "%s: %v", idlepc.File, err)
	}
	return d.setIdleDB(db.Text())
}
