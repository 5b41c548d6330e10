package lab

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"dynemu/vm/board/c7200"
	"dynemu/vm/event"
)

// What a 7200's engine takes.
// Promise: 23.
func TestNPEs(t *testing.T) {
	const head = "[localhost]\n[[ROUTER R1]]\nnpe = "
	for _, c := range []struct{ name, text, want string }{
		{"not emulated", head + "npe-g1\n[[ROUTER R2]]\nnpe = npe-g2", `
			3:7: npe = "npe-g1": expected npe-400 npe-300 npe-225 npe-200 npe-175 npe-150 npe-100; npe-g1 and npe-g2 are not emulated
			5:7: npe = "npe-g2": expected npe-400 npe-300 npe-225 npe-200 npe-175 npe-150 npe-100; npe-g1 and npe-g2 are not emulated`},
		{"unknown", head + "npe400", `
			3:7: npe = "npe400": expected npe-400 npe-300 npe-225 npe-200 npe-175 npe-150 npe-100 (did you mean npe-400?)`},
		{"RAM", head + "npe-225\nram = 257", `
			4:7: ram = "257": npe-225 takes 1 to 256 MiB (R1)`},
		{"RAM of the defaults section", "[localhost]\n[[7200]]\nram = 513\n[[ROUTER R1]]\n[[ROUTER R2]]\nram = 512\n[[ROUTER R3]]\nmodel = 3640\nram = 9999", `
			3:7: ram = "513": npe-400 takes 1 to 512 MiB (R1)`},
		{"card of a later engine", head + "npe-200\nslot0 = C7200-IO-2FE", `
			4:9: C7200-IO-2FE is not supported in slot 0 of a 7200 with npe-200 (R1); it takes C7200-IO-FE C7200-JC-PA`},
		{"card of the defaults section", "[localhost]\n[[7200]]\nslot0 = PA-C7200-IO-GE-E\n[[ROUTER R1]]\nnpe = npe-100\n[[ROUTER R2]]", `
			3:9: PA-C7200-IO-GE-E is not supported in slot 0 of a 7200 with npe-100 (R1); it takes C7200-IO-FE C7200-JC-PA`},
		{"ports that need it", head + "npe-150\nf0/0 = LAN 1\nf0/1 = LAN 1\n[[ROUTER R2]]\nnpe = npe-150\ng0/0 = LAN 1", `
			5:1: R1 has no interface f0/1: slot 0 holds C7200-IO-FE with f0/0; with npe-150 it takes C7200-IO-FE C7200-JC-PA
			8:1: unsupported interface g0/0: slot 0 of a 7200 with npe-150 (R2) takes C7200-IO-FE C7200-JC-PA`},
		{"slot 7", head + "npe-400\nslot0 = C7200-JC-PA\nslot7 = PA-2FE-TX", `
			5:1: invalid slot 7: it needs npe-g2, which is not emulated; a 7200 has slots 0 to 6`},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, messages := Parse("x.net", []byte(c.text))
			got := ""
			for _, m := range messages {
				got += strings.TrimPrefix(m.String(), "x.net:") + "\n"
			}
			if l != nil || got != lines(c.want) {
				t.Errorf("got:\n%swant:\n%s", got, lines(c.want))
			}
		})
	}
}

// Lab files accept what the board does: engines, their RAM, and the cards in
// each of their slots.
func TestBoardAgrees(t *testing.T) {
	if got, want := slices.Sorted(slices.Values(npes)), slices.Sorted(slices.Values(c7200.NPEs())); !slices.Equal(got, want) {
		t.Errorf("lab files have the engines %v, the board %v", got, want)
	}
	m := modelTable["7200"]
	for _, npe := range npes {
		if got, want := npeTable[npe].maxRAM, c7200.MaxRAM(npe); got != want {
			t.Errorf("%s takes %d MiB in lab files, %d on the board", npe, got, want)
		}
		d := &device{model: m, router: &Router{Model: "7200", NPE: npe}}
		for _, slot := range []int{0, 1, m.slots - 1} { // the others are as slot 1
			for name := range adapterTable {
				if !slices.Contains(emulated, name) {
					continue
				}
				slots := make([]string, slot+1)
				slots[slot] = name
				err := buildBoard(npe, slots)
				if accepted := slices.Contains(d.accepts(slot), name); accepted != (err == nil) {
					t.Errorf("%s in slot %d with %s: accepted in lab files %v, on the board: %v", name, slot, npe, accepted, err)
				}
			}
		}
	}
}

// buildBoard makes a board as a router would, with little memory.
func buildBoard(npe string, slots []string) error {
	var attention atomic.Uint32
	_, err := c7200.New(c7200.Params{
		NPE: npe, RAMMiB: 1, NVRAMKiB: 4, Slots: slots,
		AllocRAM: func(n int) ([]byte, error) {
			if n > 64<<20 {
				return nil, fmt.Errorf("%d bytes are more than this test expects", n)
			}
			return make([]byte, n), nil
		},
	}, event.New(&attention), &attention)
	return err
}
