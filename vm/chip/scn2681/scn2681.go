// Package scn2681 models the Signetics SCN2681 DUART as the Cisco 7200 uses it
// for its console (channel A) and AUX (channel B) lines. There is no baud rate:
// a byte is sent when it is written. Register n of the part is at offset
// 8n, at exact offsets only.
//
// Interrupts. The part's INTRN is the level of ISR AND IMR. Router images were
// also run on Dynamips, where the line is an edge that the read of SRA ends
// and a 20 ms tick begins again (c7200 reference, 6.2). This model serves both:
//
//   - RxRDY in the ISR follows the receiver: it is set while a byte waits.
//   - Both TxRDY bits become set in the ISR, and the line rises, a short time
//     (ReassertAfter) after the IMR enables either of them or, while enabled,
//     after a byte was written. A write to THRA clears TxRDY A, to THRB TxRDY B.
//   - A read of SRA drops the line whatever is pending. Where a cause stays,
//     the line rises again ReassertAfter later if the guest moved a byte since
//     the line rose, and else IdleAfter later: a guest that leaves TxRDY
//     enabled with nothing to send sees what it would on Dynamips, not a storm.
//   - The line also drops when no cause is left, as on the real part, and rises
//     at once when a byte arrives.
package scn2681

import (
	"time"

	"dynemu/vm/chip"
	"dynemu/vm/event"
)

// Register offsets in bytes. Offsets with two names differ for reads and writes.
const (
	RegMRA  = 0x00
	RegSRA  = 0x08 // write: clock select
	RegCRA  = 0x10
	RegRHRA = 0x18 // write: THRA
	RegACR  = 0x20
	RegISR  = 0x28 // write: IMR
	RegCTU  = 0x30
	RegCTL  = 0x38
	RegMRB  = 0x40
	RegSRB  = 0x48
	RegCRB  = 0x50
	RegRHRB = 0x58 // write: THRB
	RegOPCR = 0x68
	RegSOPB = 0x70
	RegROPB = 0x78
)

// Bits of SRA and SRB.
const (
	StatusRxRDY = 0x01 // a byte waits
	StatusTxRDY = 0x04 // always set
)

// Bits of ISR and IMR.
const (
	IntTxRDYA = 0x01
	IntRxRDYA = 0x02
	IntTxRDYB = 0x10
	IntRxRDYB = 0x20

	intTx = IntTxRDYA | IntTxRDYB
)

// ReassertAfter and IdleAfter are the two delays of the interrupt line; see
// the package comment.
const (
	ReassertAfter = 100 * time.Microsecond
	IdleAfter     = 20 * time.Millisecond
)

// noData is what an empty receiver reads.
const noData = 0xFFFFFFFF

// Line is the user's side of a channel.
type Line interface {
	WriteByte(b byte) error
	// Get takes the next byte typed, if there is one.
	Get() (b byte, ok bool)
	// Waiting reports whether Get would find a byte.
	Waiting() bool
}

// State is the registers and the interrupt line.
type State struct {
	IMR   uint8
	TxISR uint8 // the TxRDY bits of the ISR
	// Acknowledged tells that SRA was read since the line rose; it holds the
	// line low.
	Acknowledged bool
	// Moved tells that the guest moved a byte since the line rose.
	Moved bool
	IRQ   bool // level of the line
}

// DUART is the part. It is a mem.Device.
type DUART struct {
	a, b  Line
	irq   chip.IRQ
	clock event.Clock
	timer event.Timer
	State State
}

// New returns a DUART after power-on. A nil line receives nothing and loses
// what is sent.
func New(a, b Line, clock event.Clock, irq chip.IRQ) *DUART {
	d := &DUART{a: a, b: b, irq: irq, clock: clock}
	d.timer.Fire = d.reassert
	return d
}

// Reset is power-on. Bytes that wait in a line stay there.
func (d *DUART) Reset() {
	d.clock.Disarm(&d.timer)
	d.State = State{}
	d.irq(false)
}

// Input must be called, on the machine's goroutine, when a byte has arrived on
// either line.
func (d *DUART) Input() {
	if d.isr()&d.State.IMR&^intTx != 0 {
		d.State.Acknowledged = false
	}
	d.update()
}

func waiting(l Line) bool { return l != nil && l.Waiting() }

func (d *DUART) isr() uint8 {
	v := d.State.TxISR
	if waiting(d.a) {
		v |= IntRxRDYA
	}
	if waiting(d.b) {
		v |= IntRxRDYB
	}
	return v
}

// update drives the line from the state.
func (d *DUART) update() {
	s := &d.State
	level := d.isr()&s.IMR != 0 && !s.Acknowledged
	if level && !s.IRQ {
		s.Moved = false
	}
	if level != s.IRQ {
		s.IRQ = level
		d.irq(level)
	}
}

// reassert is the timer: what a tick is on Dynamips.
func (d *DUART) reassert() {
	s := &d.State
	s.Acknowledged = false
	if s.IMR&intTx != 0 {
		s.TxISR = intTx
	}
	d.update()
}

// again makes reassert happen after a while from now, instead of when it would
// have, if there is anything that it could raise the line for. A burst of bytes
// so ends in one interrupt.
func (d *DUART) again(after time.Duration) {
	if d.State.IMR&intTx == 0 && d.isr()&d.State.IMR == 0 {
		d.clock.Disarm(&d.timer)
		return
	}
	d.clock.Arm(&d.timer, d.clock.Now()+int64(after))
}

// moved notes that the guest moved a byte.
func (d *DUART) moved() {
	d.State.Moved = true
	d.update()
	if !d.State.IRQ {
		d.again(ReassertAfter)
	}
}

func status(l Line) uint64 {
	if waiting(l) {
		return StatusTxRDY | StatusRxRDY
	}
	return StatusTxRDY
}

func (d *DUART) receive(l Line) uint64 {
	if l == nil {
		return noData
	}
	c, ok := l.Get()
	if !ok {
		return noData
	}
	d.moved()
	return uint64(c)
}

func (d *DUART) transmit(l Line, c byte, bit uint8) {
	if l != nil {
		// A line that cannot take the byte now has dropped it and knows.
		_ = l.WriteByte(c)
	}
	d.State.TxISR &^= bit
	d.moved()
}

// Read implements mem.Device.
func (d *DUART) Read(off uint64, size int) uint64 {
	switch off {
	case RegSRA:
		v := status(d.a)
		d.acknowledge()
		return v
	case RegSRB:
		return status(d.b)
	case RegRHRA:
		return d.receive(d.a)
	case RegRHRB:
		return d.receive(d.b)
	case RegISR:
		return uint64(d.isr())
	}
	return 0
}

// Steady implements mem.Steady: the status registers are, but for a status read that
// acknowledges an interrupt.
func (d *DUART) Steady(off uint64, size int) bool {
	switch off {
	case RegSRA:
		return !d.State.IRQ
	case RegSRB, RegISR:
		return true
	}
	return false
}

func (d *DUART) acknowledge() {
	s := &d.State
	if !s.IRQ {
		return
	}
	s.Acknowledged = true
	d.update()
	if s.Moved {
		d.again(ReassertAfter)
	} else {
		d.again(IdleAfter)
	}
}

// Write implements mem.Device.
func (d *DUART) Write(off uint64, size int, v uint64) {
	switch off {
	case RegRHRA:
		d.transmit(d.a, byte(v), IntTxRDYA)
	case RegRHRB:
		d.transmit(d.b, byte(v), IntTxRDYB)
	case RegISR:
		d.setIMR(uint8(v))
	}
}

func (d *DUART) setIMR(v uint8) {
	s := &d.State
	enabled := v &^ s.IMR
	s.IMR = v
	if enabled&d.isr()&^intTx != 0 {
		s.Acknowledged = false // a byte that waits is told of at once
	}
	d.update()
	switch {
	case enabled&intTx != 0 && !s.IRQ:
		d.again(ReassertAfter)
	case v&intTx == 0 && d.isr()&v == 0:
		d.clock.Disarm(&d.timer)
	}
}
