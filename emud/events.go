package emud

import (
	"encoding/json"
	"strings"
	"sync"
	"syscall"
	"time"

	"dynemu/emud/lab"
	"dynemu/emud/node"
)

// The kinds of Event.
const (
	EventState   = "state"   // State: what a device is now
	EventCrash   = "crash"   // Reason: how a device ended by itself
	EventApply   = "apply"   // OK, Messages: the outcome of applying a lab file, as in result
	EventRemoved = "removed" // the lab was removed
	EventCapture = "capture" // State, File: a capture of Port has started, ended or failed
	EventCarrier = "carrier" // State: that of the link of Port, as in its file carrier
	EventLost    = "lost"    // Count: events that a slow reader missed
)

// Event is something that happened in a lab: a line of JSON in the file events.
type Event struct {
	Time   time.Time `json:"time"`
	Event  string    `json:"event"`
	Lab    string    `json:"lab,omitempty"`
	Device string    `json:"device,omitempty"`
	Port   string    `json:"port,omitempty"` // as the lab file names it
	State  string    `json:"state,omitempty"`
	File   string    `json:"file,omitempty"`
	Reason string    `json:"reason,omitempty"`
	OK     *bool     `json:"ok,omitempty"`
	// Messages are the lines of the file result.
	Messages []string `json:"messages,omitempty"`
	Count    uint64   `json:"count,omitempty"`
}

const (
	// eventBuffer bounds what a reader of events may leave unread, in bytes.
	eventBuffer = 256 << 10
	// maxEventReaders bounds how many there are.
	maxEventReaders = 256
)

// eventReaders are those who read events now.
type eventReaders struct {
	mu    sync.Mutex
	all   map[*Events]bool
	ended bool
}

// Events is a stream of events from the moment it was opened. One who reads slowly
// misses some, and is told how many.
type Events struct {
	*backlog
	readers *eventReaders
	lost    uint64 // under mu
}

// OpenEvents opens the events of all labs.
func (d *Daemon) OpenEvents() (*Events, error) {
	r := &d.events
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) >= maxEventReaders {
		return nil, refuse(syscall.EBUSY, "events is read by %d already", len(r.all))
	}
	e := &Events{backlog: newBacklog(), readers: r}
	e.refill = e.tellLost
	e.ended = r.ended
	if r.all == nil {
		r.all = map[*Events]bool{}
	}
	r.all[e] = true
	return e, nil
}

// Close ends the reading.
func (e *Events) Close() {
	e.readers.mu.Lock()
	defer e.readers.mu.Unlock()
	delete(e.readers.all, e)
}

// add puts a line into the backlog. After one that had no room, none is put there
// until the reader has come to where it was.
func (e *Events) add(line []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.lost > 0 || e.buf.Len()+len(line) > eventBuffer {
		e.lost++
		return
	}
	e.buf.Write(line)
	e.signal()
}

// tellLost is the refill of a reader who has read all that had room.
func (e *Events) tellLost() {
	if e.lost > 0 {
		e.buf.Write(Event{Time: time.Now(), Event: EventLost, Count: e.lost}.line())
		e.lost = 0
	}
}

func (e Event) line() []byte {
	b, _ := json.Marshal(e) // it holds nothing that cannot be
	return append(b, '\n')
}

// emit tells the readers of e, which happens now.
func (d *Daemon) emit(e Event) {
	d.events.mu.Lock()
	defer d.events.mu.Unlock()
	if len(d.events.all) == 0 {
		return
	}
	e.Time = time.Now()
	line := e.line()
	for r := range d.events.all {
		r.add(line)
	}
}

// endEvents ends the streams of all readers.
func (d *Daemon) endEvents() {
	d.events.mu.Lock()
	defer d.events.mu.Unlock()
	d.events.ended = true
	for r := range d.events.all {
		r.end()
	}
}

// told is what readers of events were told last of a device.
type told struct {
	mu    sync.Mutex
	state node.State
	links map[string]string // by port
	// captures are those that failed, by their file.
	captures map[string]bool
}

func (dev *Device) emit(e Event) {
	e.Lab, e.Device = dev.lab.name, dev.name
	dev.lab.d.emit(e)
}

// tellState tells of the device's state where that has changed.
func (dev *Device) tellState() {
	dev.told.mu.Lock()
	defer dev.told.mu.Unlock()
	dev.mu.Lock()
	state := dev.rest
	if dev.node != nil {
		state = dev.node.State()
		if state == node.Stopped || state == node.Crashed { // its end is about to be noted, and told of then
			state = dev.told.state
		}
	}
	dev.mu.Unlock()
	if state != dev.told.state {
		dev.told.state = state
		dev.emit(Event{Event: EventState, State: string(state)})
	}
}

// tellLinks tells of the links of the device's ports where those have changed.
func (dev *Device) tellLinks() {
	ports := dev.Ports()
	dev.told.mu.Lock()
	defer dev.told.mu.Unlock()
	was := dev.told.links
	dev.told.links = make(map[string]string, len(ports))
	for _, p := range ports {
		state := dev.LinkState(p)
		dev.told.links[p.Name] = state
		if old, known := was[p.Name]; state != old && (known || state != noLink) {
			dev.emit(Event{Event: EventCarrier, Port: p.Name, State: state})
		}
	}
}

// captureFailed tells of a capture that the node could not go on with, once.
func (dev *Device) captureFailed(port, file, reason string) {
	dev.told.mu.Lock()
	known := dev.told.captures[file]
	if dev.told.captures == nil {
		dev.told.captures = map[string]bool{}
	}
	dev.told.captures[file] = true
	dev.told.mu.Unlock()
	if known {
		return
	}
	dev.lab.d.log.Warn("a capture ended", "lab", dev.lab.name, "device", dev.name, "port", port, "file", file, "reason", reason)
	dev.emit(Event{Event: EventCapture, Port: port, File: file, State: "failed", Reason: reason})
}

// tellCapture tells that a capture has started or ended.
func (dev *Device) tellCapture(p lab.Port, file, state string) {
	dev.told.mu.Lock()
	delete(dev.told.captures, file)
	dev.told.mu.Unlock()
	dev.emit(Event{Event: EventCapture, Port: p.Name, File: file, State: state})
}

// tellResult tells of the outcome of an apply.
func (l *Lab) tellResult(text string, clean bool) {
	l.d.emit(Event{Event: EventApply, Lab: l.name, OK: &clean, Messages: strings.Split(strings.TrimRight(text, "\n"), "\n")})
}
