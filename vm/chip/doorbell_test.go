package chip

import (
	"sync/atomic"
	"testing"

	"dynemu/vm/event"
	"dynemu/vm/mem"
)

type plain struct{ Memory } // hides Watch

func TestDoorbell(t *testing.T) {
	m := &mem.Map{}
	ram := &mem.Region{Name: "ram", Len: 0x6000, RAM: make([]byte, 0x6000)}
	if err := m.Add(ram); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		mem     Memory
		watched bool
	}{
		{"watched", m, true},
		{"polled", plain{m}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var attention atomic.Uint32
			now := int64(0)
			loop := event.NewWithSource(&attention, func() int64 { return now })
			rings := 0
			var d Doorbell
			d.Ring = func() {
				rings++
				m.Write32(0x1008, 0) // the chip takes the word; no ring from inside
			}
			d.Init(c.mem, loop)
			step := func(what string, want int, do func()) {
				t.Helper()
				rings = 0
				do()
				if rings != want {
					t.Errorf("%s: rang %d times, want %d", what, rings, want)
				}
			}
			watched, polled := 0, 1
			if c.watched {
				watched, polled = 1, 0
			}
			tick := func() { now += PollPeriod; loop.RunPending() }

			step("before it is armed", 0, func() { m.Write32(0x1008, 1); tick() })
			d.WaitAt(0x1008)
			step("the word", watched, func() { m.Write32(0x1008, 1) })
			step("its last byte", watched, func() { m.WriteAt(0x100B, []byte{1}) })
			step("the word before", 0, func() { m.Write32(0x1004, 1) })
			step("the word behind", 0, func() { m.Write32(0x100C, 1) })
			step("a store of the CPU", watched, func() { m.Written(ram, 0x1008, 8) })
			step("a period", polled, tick)
			step("the next period", polled, tick)
			d.WaitAt(0x100C)
			step("the word before after moving on", 0, func() { m.Write32(0x1008, 1) })
			step("the word after moving on", watched, func() { m.Write32(0x100C, 1) })
			d.WaitAt(0x2000)
			step("the page that was left", 0, func() { m.Write32(0x100C, 1) })
			step("the new page", watched, func() { m.Write32(0x2000, 1) })
			if c.watched != ram.IsCode(0x2000) || c.watched != ram.IsCode(0x1000) || ram.IsCode(0) {
				t.Error("marks of the pages are wrong")
			}
			for _, pa := range []uint64{0x3000, 0x4000, 0x5000, 0x2000} {
				d.WaitAt(pa)
				step("another page", watched, func() { m.Write32(pa, 1) })
			}
			if ram.IsCode(0x1000) {
				t.Error("the oldest page is still watched")
			}
			d.Off()
			step("after it is off", 0, func() { m.Write32(0x2000, 1); tick() })
			if _, armed := loop.NextTimer(); armed || ram.IsCode(0x2000) {
				t.Error("something stays when it is off")
			}
		})
	}
}
