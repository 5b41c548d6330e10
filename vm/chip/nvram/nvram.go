// Package nvram models the battery-backed memory of Cisco routers with the
// Dallas DS1216 SmartWatch calendar in byte 3, and the file system in it that
// holds the configurations of a router.
//
// Source: c7200 reference section 9; DS1216 data sheet for the pattern and the
// order of the time registers.
package nvram

import (
	"time"

	"dynemu/vm/chip"
	"dynemu/vm/event"
)

// CalendarOffset is the byte that is not memory but the calendar's port.
const CalendarOffset = 3

// calendarPattern opens the calendar when it has been written, least
// significant bit first, one bit a write.
const calendarPattern = 0x5CA33AC55CA33AC5

// SaveQuiet and SaveLatest bound when changed content is saved: once the guest
// has written nothing for SaveQuiet, and no later than SaveLatest after the
// first change that is not saved yet.
const (
	SaveQuiet  = 20 * time.Millisecond
	SaveLatest = 250 * time.Millisecond
)

// State is what the device remembers beside its content.
type State struct {
	Dirty      bool
	FirstDirty int64 // guest time in ns of the first change not saved

	Pattern   uint64 // last 64 bits written to the calendar's port
	Time      uint64 // bits of the time still to be read
	ClockBits uint8  // bits that a guest setting the clock still has to write
}

// Config is what a board gives to the device.
type Config struct {
	// Content is the memory. The device owns it from now on.
	Content []byte
	// Save stores the content; it is called on the machine's goroutine, must
	// not block, and must copy what it keeps. It may be nil.
	Save  func(content []byte)
	Clock event.Clock
	// Now is the calendar's time; nil is the host's.
	Now func() time.Time
	Log chip.Logf
}

// Device is the memory and its calendar. It is a mem.Device.
type Device struct {
	cfg   Config
	timer event.Timer
	State State
}

// New returns a device.
func New(cfg Config) *Device {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	d := &Device{cfg: cfg}
	d.timer.Fire = d.Flush
	return d
}

// Reset closes the calendar. The content stays, and what is not saved will be.
func (d *Device) Reset() {
	d.State.Pattern, d.State.Time, d.State.ClockBits = 0, 0, 0
}

// Content returns the memory itself, for reading. After changing it, call
// Changed.
func (d *Device) Content() []byte { return d.cfg.Content }

// Changed notes that the content was changed other than by Write.
func (d *Device) Changed() { d.dirty() }

// Empty reports whether every byte is zero.
func (d *Device) Empty() bool {
	for _, b := range d.cfg.Content {
		if b != 0 {
			return false
		}
	}
	return true
}

// Flush saves what is not saved yet, now.
func (d *Device) Flush() {
	d.cfg.Clock.Disarm(&d.timer)
	if !d.State.Dirty {
		return
	}
	d.State.Dirty = false
	if d.cfg.Save != nil {
		d.cfg.Save(d.cfg.Content)
	}
}

func (d *Device) dirty() {
	now := d.cfg.Clock.Now()
	if !d.State.Dirty {
		d.State.Dirty, d.State.FirstDirty = true, now
	}
	d.cfg.Clock.Arm(&d.timer, min(now+int64(SaveQuiet), d.State.FirstDirty+int64(SaveLatest)))
}

// Read implements mem.Device. Only an access to offset 3 itself reaches the
// calendar.
func (d *Device) Read(off uint64, size int) uint64 {
	if off == CalendarOffset {
		bit := d.State.Time & 1
		d.State.Time >>= 1
		return bit
	}
	var v uint64
	for i := range uint64(size) {
		v <<= 8
		if off+i < uint64(len(d.cfg.Content)) {
			v |= uint64(d.cfg.Content[off+i])
		}
	}
	return v
}

// Write implements mem.Device.
func (d *Device) Write(off uint64, size int, v uint64) {
	if off == CalendarOffset {
		d.calendar(v&1 != 0)
		return
	}
	changed := false
	for i := size - 1; i >= 0; i-- {
		if a := off + uint64(i); a < uint64(len(d.cfg.Content)) && d.cfg.Content[a] != byte(v) {
			d.cfg.Content[a] = byte(v)
			changed = true
		}
		v >>= 8
	}
	if changed {
		d.dirty()
	}
}

// calendar takes a bit written to the port. A guest that sets the clock is
// heard out and not obeyed: the calendar is the host's UTC time.
func (d *Device) calendar(bit bool) {
	s := &d.State
	s.Pattern >>= 1
	if bit {
		s.Pattern |= 1 << 63
	}
	if s.Pattern == calendarPattern {
		s.Time = calendarTime(d.cfg.Now().UTC())
		s.ClockBits = 64
		return
	}
	if s.ClockBits > 0 {
		if s.ClockBits--; s.ClockBits == 0 && d.cfg.Log != nil {
			d.cfg.Log("the guest set the calendar; it keeps the host's time")
		}
	}
}

// calendarTime returns the eight BCD time registers, hundredths in the lowest
// byte. The year has two digits, as in the real part (c7200 reference, 17 #10).
func calendarTime(t time.Time) uint64 {
	var v uint64
	for _, n := range []int{
		t.Year() % 100, int(t.Month()), t.Day(), int(t.Weekday()), t.Hour(), t.Minute(), t.Second(), 0,
	} {
		v = v<<8 | uint64(n/10<<4|n%10)
	}
	return v
}
