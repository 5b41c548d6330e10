package vm

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

func lbu(rt, off, base uint32) uint32 { return 36<<26 | base<<21 | rt<<16 | off }

const syscall = 0x0000000c

// storing puts a text with its NUL at offset off of 0xa0300000.
func storing(off uint32, text string) []uint32 {
	code := []uint32{lui(8, 0xa030)}
	for i, c := range []byte(text + "\x00") {
		code = append(code, ori(9, 0, uint32(c)), sb(9, off+uint32(i), 8))
	}
	return code
}

// calling makes a monitor call whose arguments are offsets of 0xa0300000, and the
// last a number.
func calling(service, a1, a2, a3 uint32) []uint32 {
	return []uint32{ori(4, 0, service), lui(5, 0xa030), ori(5, 5, a1), lui(6, 0xa030), ori(6, 6, a2), ori(7, 0, a3), syscall, nop}
}

// A variable that the guest sets through the ROM monitor is stored, and there at
// the next start (c7200 reference, 9.6 and 13.4).
func TestROMMONVariables(t *testing.T) {
	const set, get = 45, 46
	var mu sync.Mutex
	var stored []string
	save := func(lines []string) error {
		mu.Lock()
		defer mu.Unlock()
		stored = slices.Clone(lines)
		return nil
	}
	code := slices.Concat(storing(0, "BOOT=disk0:image"), calling(set, 0, 0, 0), printing("set"), []uint32{forever, nop})
	m, con := start(t, config(), Host{Image: image(code...), ROMMONVars: []string{"PS1=rommon"}, SaveROMMONVars: save})
	eventually(t, "the variable to be set", func() bool { return strings.Contains(con.String(), "set") })
	m.Stop()
	mu.Lock()
	if want := []string{"BOOT=disk0:image", "PS1=rommon"}; !slices.Equal(slices.Sorted(slices.Values(stored)), want) {
		t.Errorf("stored %q, want %q", stored, want)
	}
	vars := stored
	mu.Unlock()

	code = slices.Concat(storing(0, "BOOT"), calling(get, 0, 0x100, 64), printing("is "), []uint32{lui(10, 0xa030)})
	for i := range uint32(11) {
		code = append(code, lbu(9, 0x100+i, 10), nop, sw(9, 0x40, 8))
	}
	code = append(code, forever, nop)
	_, con = start(t, config(), Host{Image: image(code...), ROMMONVars: vars})
	eventually(t, "the variable to be read", func() bool { return strings.Contains(con.String(), "is disk0:image") })
}
