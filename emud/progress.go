package emud

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"dynemu/emud/node"
)

// opLock is a lab's op: a lock that knows since when the work under it has not come
// on. Work that changes a lab calls step where it has come on.
type opLock struct {
	sync.Mutex
	moved atomic.Int64 // Unix time in ns; 0: nobody holds it
}

// Lock begins work on the lab.
func (o *opLock) Lock() {
	o.Mutex.Lock()
	o.step()
}

// Unlock ends it.
func (o *opLock) Unlock() {
	o.moved.Store(0)
	o.Mutex.Unlock()
}

// step notes that the work comes on.
func (o *opLock) step() { o.moved.Store(time.Now().UnixNano()) }

// stuck is for how long the work has not come on; 0 when there is none.
func (o *opLock) stuck() time.Duration {
	since := o.moved.Load()
	if since == 0 {
		return 0
	}
	return time.Since(time.Unix(0, since))
}

// Check is the daemon's own look at itself, for a watchdog: an error names a lab on
// which work has not come on for the time given. It takes every lock that the tree
// takes, so it does not return while one of them is held for good.
func (d *Daemon) Check(patience time.Duration) error {
	for _, l := range d.Labs() {
		for _, dev := range l.Devices() {
			dev.running()
		}
		if t := l.op.stuck(); t > patience {
			return fmt.Errorf("work on lab %s has not come on for %v", l.name, t.Round(time.Second))
		}
	}
	return nil
}

// Summary says in a line what runs.
func (d *Daemon) Summary() string {
	labs := d.Labs()
	routers, running, crashed := 0, 0, 0
	var held []string
	for _, l := range labs {
		if l.heldBack.Load() {
			held = append(held, l.name)
		}
		for _, dev := range l.Devices() {
			if dev.Switch() != nil {
				continue
			}
			routers++
			switch state, _ := dev.State(); state {
			case node.Booting, node.Running, node.Suspended:
				running++
			case node.Crashed:
				crashed++
			}
		}
	}
	text := fmt.Sprintf("%s, %d of %s running", count(len(labs), "lab"), running, count(routers, "router"))
	if crashed > 0 {
		text += fmt.Sprintf(", %d crashed", crashed)
	}
	if len(held) > 0 {
		text += "; held back for errors in its file: " + strings.Join(held, " ")
	}
	return text
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
