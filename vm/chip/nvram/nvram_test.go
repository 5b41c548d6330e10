package nvram

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"

	"dynemu/vm/event"
)

// bench is a device with a clock that the test moves.
type bench struct {
	*Device
	loop  *event.Loop
	now   int64
	saves [][]byte
}

func newBench(n int) *bench {
	b := &bench{}
	b.loop = event.NewWithSource(&atomic.Uint32{}, func() int64 { return b.now })
	b.Device = New(Config{
		Content: make([]byte, n),
		Save:    func(c []byte) { b.saves = append(b.saves, bytes.Clone(c)) },
		Clock:   b.loop,
		Now:     func() time.Time { return time.Date(2026, 11, 24, 13, 59, 7, 5e8, time.FixedZone("", 3600)) },
	})
	return b
}

func (b *bench) pass(d time.Duration) {
	b.now += int64(d)
	b.loop.RunPending()
}

func TestMemory(t *testing.T) {
	b := newBench(0x1000)
	b.Write(0x10, 8, 0x0102030405060708)
	b.Write(0x18, 4, 0xFFFFFFFF_0A0B0C0D)
	b.Write(0x1C, 2, 0x0E0F)
	b.Write(0x1E, 1, 0x7F10)
	for _, c := range []struct {
		off  uint64
		size int
		want uint64
	}{
		{0x10, 8, 0x0102030405060708}, {0x18, 8, 0x0A0B0C0D0E0F1000}, {0x14, 4, 0x05060708},
		{0x1A, 2, 0x0C0D}, {0x1E, 1, 0x10}, {0xFFC, 8, 0}, {0x2000, 4, 0},
	} {
		if got := b.Read(c.off, c.size); got != c.want {
			t.Errorf("read of %d at %#x: %#x, want %#x", c.size, c.off, got, c.want)
		}
	}
	b.Write(0xFFE, 4, 0xAABBCCDD) // the half behind the end is lost
	if got := b.Read(0xFFE, 2); got != 0xAABB {
		t.Errorf("%#x", got)
	}
}

// open writes the pattern as a driver does: least significant bit first.
func open(b *bench) {
	for i := range 64 {
		b.Write(CalendarOffset, 1, calendarPattern>>i)
	}
}

func readTime(b *bench) (v uint64) {
	for i := range 64 {
		v |= b.Read(CalendarOffset, 1) & 1 << i
	}
	return v
}

func TestCalendar(t *testing.T) {
	b := newBench(0x1000)
	if got := readTime(b); got != 0 {
		t.Errorf("closed calendar reads %#x", got)
	}
	open(b)
	// 2026-11-24 12:59:07 UTC, a Tuesday: year month day weekday hours minutes
	// seconds hundredths.
	const want = 0x26_11_24_02_12_59_07_00
	if got := readTime(b); got != want {
		t.Errorf("%016x, want %016x", got, uint64(want))
	}
	if got := readTime(b); got != 0 {
		t.Errorf("after 64 bits reads %#x", got)
	}
	open(b)
	if got := readTime(b); got != want {
		t.Errorf("opened again: %016x", got)
	}
	if b.State.Dirty {
		t.Error("the calendar's port changed the memory")
	}
}

func TestCalendarOnlyAtItsByte(t *testing.T) {
	b := newBench(0x1000)
	for i := range 64 {
		b.Write(0, 4, calendarPattern>>i) // a word store covers byte 3 and is memory
		b.Write(2, 1, calendarPattern>>i)
	}
	if got := readTime(b); got != 0 {
		t.Errorf("opened by other bytes: %#x", got)
	}
}

func TestCalendarSet(t *testing.T) {
	b := newBench(0x1000)
	var lines int
	b.cfg.Log = func(string, ...any) { lines++ }
	open(b)
	for i := range 64 {
		b.Write(CalendarOffset, 1, 0x99123104_00000000>>i)
	}
	if lines != 1 {
		t.Errorf("%d log lines", lines)
	}
	open(b)
	if got := readTime(b); got>>56 != 0x26 {
		t.Errorf("the guest changed the time: %016x", got)
	}
}

func TestSavedAfterQuiet(t *testing.T) {
	b := newBench(0x1000)
	b.Write(0x100, 4, 1)
	b.pass(SaveQuiet - 1)
	if len(b.saves) != 0 {
		t.Fatal("saved too early")
	}
	b.Write(0x104, 4, 2)
	b.pass(SaveQuiet - 1)
	if len(b.saves) != 0 {
		t.Fatal("saved while the guest was writing")
	}
	b.pass(1)
	if len(b.saves) != 1 || !bytes.Equal(b.saves[0], b.Content()) {
		t.Fatalf("%d saves", len(b.saves))
	}
	b.pass(time.Second)
	if len(b.saves) != 1 {
		t.Fatal("saved again without a change")
	}
}

func TestSavedWhileTheGuestKeepsWriting(t *testing.T) {
	b := newBench(0x1000)
	start := b.now
	for i := uint64(1); len(b.saves) == 0; i++ {
		b.Write(0x100, 4, i)
		b.pass(time.Millisecond)
		if i > 1000 {
			t.Fatal("never saved")
		}
	}
	if d := time.Duration(b.now - start); d != SaveLatest {
		t.Errorf("saved after %v, want %v", d, SaveLatest)
	}
}

func TestSameValueIsNoChange(t *testing.T) {
	b := newBench(0x1000)
	b.Write(0x100, 4, 0)
	b.Flush()
	if len(b.saves) != 0 {
		t.Error("saved")
	}
}

func TestFlushAndReset(t *testing.T) {
	b := newBench(0x1000)
	b.Write(0x100, 1, 1)
	b.Reset()
	b.Flush()
	if len(b.saves) != 1 || b.saves[0][0x100] != 1 {
		t.Fatalf("%d saves", len(b.saves))
	}
	b.pass(time.Second)
	b.Flush()
	if len(b.saves) != 1 {
		t.Error("saved twice")
	}
	open(b)
	b.Reset()
	if got := readTime(b); got != 0 {
		t.Errorf("calendar open after reset: %#x", got)
	}
}

func TestEmpty(t *testing.T) {
	b := newBench(0x1000)
	if !b.Empty() {
		t.Error("zeros are not empty")
	}
	b.Write(0xFFF, 1, 1)
	if b.Empty() {
		t.Error("a one is empty")
	}
}
