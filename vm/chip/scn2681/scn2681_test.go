package scn2681

import (
	"sync/atomic"
	"testing"
	"time"

	"dynemu/vm/event"
)

// line is a user's terminal: typed is what waits, out is what was printed.
type line struct{ typed, out string }

func (l *line) WriteByte(b byte) error { l.out += string(rune(b)); return nil }
func (l *line) Waiting() bool          { return l.typed != "" }
func (l *line) Get() (byte, bool) {
	if l.typed == "" {
		return 0, false
	}
	b := l.typed[0]
	l.typed = l.typed[1:]
	return b, true
}

type bench struct {
	*DUART
	a, b  *line
	loop  *event.Loop
	now   int64
	irq   bool
	rises int
}

func newBench() *bench {
	b := &bench{a: &line{}, b: &line{}}
	b.loop = event.NewWithSource(&atomic.Uint32{}, func() int64 { return b.now })
	b.DUART = New(b.a, b.b, b.loop, func(on bool) {
		if on && !b.irq {
			b.rises++
		}
		b.irq = on
	})
	return b
}

func (b *bench) pass(d time.Duration) {
	b.now += int64(d)
	b.loop.RunPending()
}

func (b *bench) typeKeys(l *line, s string) {
	l.typed += s
	b.Input()
}

func (b *bench) get(off uint64) uint32 { return uint32(b.Read(off, 1)) }
func (b *bench) put(off uint64, v byte) {
	b.Write(off, 1, uint64(v))
}

func TestIdle(t *testing.T) {
	b := newBench()
	for off, want := range map[uint64]uint32{
		RegMRA: 0, RegSRA: 0x04, RegCRA: 0, RegRHRA: 0xFFFFFFFF, RegACR: 0, RegISR: 0, RegCTU: 0, RegCTL: 0,
		RegMRB: 0, RegSRB: 0x04, RegCRB: 0, RegRHRB: 0xFFFFFFFF, RegOPCR: 0, RegSOPB: 0, RegROPB: 0,
		0x09: 0, 0x0B: 0, 0x1B: 0, // only exact offsets answer
	} {
		if got := b.get(off); got != want {
			t.Errorf("%#x: %#x, want %#x", off, got, want)
		}
	}
}

func TestTransmit(t *testing.T) {
	b := newBench()
	b.put(RegRHRA, 'a')
	b.Write(RegRHRA, 4, 'b')
	b.put(RegRHRA+3, 'x') // not a register
	b.put(RegRHRB, 'c')
	b.put(RegCRA, 0x08)
	if b.a.out != "ab" || b.b.out != "c" {
		t.Errorf("A %q, B %q", b.a.out, b.b.out)
	}
	if b.irq {
		t.Error("interrupt with IMR 0")
	}
}

// A guest that polls loses nothing, also what was typed before it looked.
func TestPollingReceive(t *testing.T) {
	b := newBench()
	b.typeKeys(b.a, "hello")
	b.typeKeys(b.b, "aux")
	var got string
	for b.get(RegSRA)&StatusRxRDY != 0 {
		got += string(rune(b.get(RegRHRA)))
	}
	if got != "hello" || b.get(RegRHRA) != 0xFFFFFFFF {
		t.Errorf("A %q", got)
	}
	got = ""
	for b.get(RegSRB)&StatusRxRDY != 0 {
		got += string(rune(b.get(RegRHRB)))
	}
	if got != "aux" {
		t.Errorf("B %q", got)
	}
	if b.rises != 0 {
		t.Error("interrupt with IMR 0")
	}
}

// handler is an interrupt routine; it returns what it received.
type handler func(b *bench) string

func readOne(b *bench) string { // acknowledges, then takes one byte
	b.get(RegSRA)
	return string(rune(b.get(RegRHRA)))
}

func readOneUnchecked(b *bench) string { // as on the real part: reads the ISR, never SRA
	if b.get(RegISR)&IntRxRDYA == 0 {
		return ""
	}
	return string(rune(b.get(RegRHRA)))
}

func readAll(b *bench) (s string) {
	for b.get(RegSRA)&StatusRxRDY != 0 {
		s += string(rune(b.get(RegRHRA)))
	}
	return s
}

// However the guest's routine is made, every byte arrives and the line is low
// in the end.
func TestInterruptReceive(t *testing.T) {
	for name, h := range map[string]handler{"one byte": readOne, "one byte, no SRA": readOneUnchecked, "all": readAll} {
		b := newBench()
		b.put(RegISR, IntRxRDYA)
		var got string
		typed := "the quick brown fox"
		for i := range typed {
			b.typeKeys(b.a, typed[i:i+1])
			if i%3 == 2 { // the guest is slower than the user
				continue
			}
			if b.irq {
				got += h(b)
			}
		}
		for i := 0; i < 1000 && len(got) < len(typed); i++ {
			b.pass(ReassertAfter)
			if b.irq {
				got += h(b)
			}
		}
		if got != typed {
			t.Errorf("%s: %q", name, got)
		}
		b.pass(time.Second)
		if b.irq {
			t.Errorf("%s: line high with nothing waiting", name)
		}
		if b.loop.RunPending(); b.timer.Pending() {
			t.Errorf("%s: timer armed with nothing to do", name)
		}
	}
}

func TestReceiveInterruptIsAtOnce(t *testing.T) {
	b := newBench()
	b.put(RegISR, IntRxRDYA|IntRxRDYB)
	for _, c := range []struct {
		l    *line
		isr  uint32
		data uint64
	}{{b.a, IntRxRDYA, RegRHRA}, {b.b, IntRxRDYB, RegRHRB}} {
		b.typeKeys(c.l, "x")
		if !b.irq || b.get(RegISR) != c.isr {
			t.Errorf("IRQ %t, ISR %#x, want %#x", b.irq, b.get(RegISR), c.isr)
		}
		b.get(RegSRB)
		b.get(RegISR)
		if !b.irq {
			t.Error("reading SRB or ISR dropped the line")
		}
		b.get(RegSRA)
		if b.irq {
			t.Error("reading SRA did not drop the line")
		}
		b.get(c.data)
		if got := b.get(RegISR); got != 0 {
			t.Errorf("ISR %#x after the byte was read", got)
		}
	}
}

// Bytes that came while the interrupt was disabled are told of when it is
// enabled.
func TestEnableWithBytesWaiting(t *testing.T) {
	b := newBench()
	b.typeKeys(b.a, "x")
	if b.get(RegISR) != IntRxRDYA {
		t.Errorf("ISR %#x is not independent of IMR", b.get(RegISR))
	}
	b.put(RegISR, IntRxRDYA)
	if !b.irq {
		t.Error("no interrupt")
	}
	b.put(RegISR, 0)
	if b.irq {
		t.Error("line high with IMR 0")
	}
}

// A byte that arrives between the handler's last look and its end raises the
// line again.
func TestByteAfterAcknowledge(t *testing.T) {
	b := newBench()
	b.put(RegISR, IntRxRDYA)
	b.typeKeys(b.a, "1")
	readAll(b)
	b.typeKeys(b.a, "2")
	if !b.irq {
		t.Error("no interrupt for the second byte")
	}
}

// The guest never takes the byte: it is reminded at the slow rate.
func TestIgnoredByte(t *testing.T) {
	b := newBench()
	b.put(RegISR, IntRxRDYA)
	b.typeKeys(b.a, "1")
	b.rises = 0
	for range 1000 {
		if b.irq {
			b.get(RegSRA)
		}
		b.pass(time.Millisecond)
	}
	if b.rises < 45 || b.rises > 51 {
		t.Errorf("%d interrupts in a second, want about 50", b.rises)
	}
}

func TestTransmitInterrupt(t *testing.T) {
	for _, enable := range []byte{IntTxRDYA, IntTxRDYB, IntTxRDYA | IntTxRDYB} {
		b := newBench()
		b.put(RegISR, enable)
		b.pass(ReassertAfter)
		if !b.irq || b.get(RegISR) != 0x11 {
			t.Errorf("IMR %#x: IRQ %t, ISR %#x", enable, b.irq, b.get(RegISR))
		}
		b.get(RegSRA)
		if b.irq || b.get(RegISR) != 0x11 {
			t.Errorf("IMR %#x after SRA: IRQ %t, ISR %#x", enable, b.irq, b.get(RegISR))
		}
		b.put(RegRHRA, 'x')
		if got := b.get(RegISR); got != IntTxRDYB {
			t.Errorf("IMR %#x after THRA: ISR %#x", enable, got)
		}
		b.put(RegRHRB, 'x')
		if got := b.get(RegISR); got != 0 {
			t.Errorf("IMR %#x after THRB: ISR %#x", enable, got)
		}
		b.pass(ReassertAfter)
		if !b.irq || b.get(RegISR) != 0x11 {
			t.Errorf("IMR %#x, ready again: IRQ %t, ISR %#x", enable, b.irq, b.get(RegISR))
		}
	}
}

// A driver with a queue: it enables TxRDY, sends a burst an interrupt, and
// disables TxRDY when the queue is empty.
func TestTransmitQueue(t *testing.T) {
	b := newBench()
	const text = "Router#show version and what it prints, a few lines of it"
	queue := text
	b.put(RegISR, IntTxRDYA)
	for b.State.IMR != 0 {
		b.pass(ReassertAfter)
		if !b.irq {
			t.Fatalf("no interrupt with %d bytes to go", len(queue))
		}
		b.get(RegSRA)
		for i := 0; i < 8 && queue != "" && b.get(RegSRA)&StatusTxRDY != 0; i++ {
			b.put(RegRHRA, queue[0])
			queue = queue[1:]
		}
		if queue == "" {
			b.put(RegISR, 0)
		}
	}
	if b.a.out != text {
		t.Errorf("%q", b.a.out)
	}
	b.pass(time.Second)
	if b.irq || b.timer.Pending() {
		t.Errorf("IRQ %t, timer armed %t after TxRDY was disabled", b.irq, b.timer.Pending())
	}
	if len(text)/8+2 < b.rises {
		t.Errorf("%d interrupts for %d bytes", b.rises, len(text))
	}
}

// A guest that leaves TxRDY enabled with nothing to send is interrupted at the
// slow rate, and what it queues meanwhile goes out.
func TestTransmitEnabledAndIdle(t *testing.T) {
	b := newBench()
	b.put(RegISR, IntTxRDYA|IntRxRDYA)
	for range 1000 {
		b.pass(time.Millisecond)
		if b.irq {
			b.get(RegSRA)
		}
	}
	if b.rises < 45 || b.rises > 51 {
		t.Errorf("%d interrupts in a second, want about 50", b.rises)
	}
	for range 30 {
		b.pass(time.Millisecond)
		if b.irq {
			b.get(RegSRA)
			b.put(RegRHRA, '!')
			break
		}
	}
	if b.a.out != "!" {
		t.Errorf("%q", b.a.out)
	}
}

// With both directions in use the receiver is not held up by the transmitter.
func TestBothDirections(t *testing.T) {
	b := newBench()
	b.put(RegISR, IntTxRDYA|IntRxRDYA)
	typed, got := "abcdefghij", ""
	for i := range typed {
		b.typeKeys(b.a, typed[i:i+1])
		if !b.irq {
			t.Fatalf("byte %d: no interrupt", i)
		}
		got += readAll(b)
		b.put(RegRHRA, typed[i]) // echo
		b.pass(10 * time.Microsecond)
	}
	if got != typed || b.a.out != typed {
		t.Errorf("received %q, echoed %q", got, b.a.out)
	}
}

func TestReset(t *testing.T) {
	b := newBench()
	b.put(RegISR, IntTxRDYA|IntRxRDYA)
	b.typeKeys(b.a, "x")
	b.Reset()
	b.pass(time.Second)
	if b.irq || b.get(RegISR) != IntRxRDYA || b.State.IMR != 0 {
		t.Errorf("IRQ %t, ISR %#x, IMR %#x", b.irq, b.get(RegISR), b.State.IMR)
	}
}

func TestUnconnected(t *testing.T) {
	b := newBench()
	d := New(nil, nil, b.loop, func(bool) {})
	d.Write(RegRHRA, 1, 'x')
	if got := d.Read(RegSRA, 1); got != 0x04 {
		t.Errorf("SRA %#x", got)
	}
	if got := d.Read(RegRHRB, 1); got != 0xFFFFFFFF {
		t.Errorf("RHRB %#x", got)
	}
}
