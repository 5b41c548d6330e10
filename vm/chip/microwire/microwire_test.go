package microwire

import "testing"

// driver clocks commands as a driver does.
type driver struct{ EEPROM }

func (d *driver) bit(b bool) bool {
	d.Pins(true, false, b)
	d.Pins(true, true, b)
	return d.Out
}

func (d *driver) send(v uint32, n int) {
	for n--; n >= 0; n-- {
		d.bit(v>>n&1 != 0)
	}
}

// command clocks a start bit, two bits of opcode and six of address.
func (d *driver) command(op, addr uint32) {
	d.Pins(false, false, false)
	d.Pins(true, false, false)
	d.send(4|op, 3)
	d.send(addr, 6)
}

func (d *driver) word() (v uint16) {
	for range 16 {
		v <<= 1
		if d.bit(false) {
			v |= 1
		}
	}
	return v
}

func (d *driver) read(addr uint32) uint16 {
	d.command(fetch, addr)
	return d.word()
}

func (d *driver) want(t *testing.T, when string, addr uint32, want uint16) {
	t.Helper()
	if got := d.read(addr); got != want {
		t.Errorf("%s: word %d is %04X, want %04X", when, addr, got, want)
	}
}

func TestCommands(t *testing.T) {
	d := &driver{New(0x1234, 0xBABA)}
	d.want(t, "new", 0, 0x1234)
	d.want(t, "new", 1, 0xBABA)
	d.want(t, "new", 63, 0xFFFF)

	d.command(fetch, 0)
	if d.Out {
		t.Error("no dummy bit before the data")
	}
	if a, b, c := d.word(), d.word(), d.word(); a != 0x1234 || b != 0xBABA || c != 0xFFFF {
		t.Errorf("sequential read: %04X %04X %04X", a, b, c)
	}

	d.command(store, 5)
	d.send(0x5555, 16)
	d.want(t, "written while disabled", 5, 0xFFFF)
	d.command(extended, 0x30)
	d.command(store, 5)
	d.send(0x5555, 16)
	d.want(t, "written", 5, 0x5555)
	d.command(erase, 0)
	d.want(t, "erased", 0, 0xFFFF)
	d.command(extended, 0x10)
	d.send(0xA5A5, 16)
	d.want(t, "all written", 17, 0xA5A5)
	d.command(extended, 0x20)
	d.want(t, "all erased", 17, 0xFFFF)
	d.command(extended, 0)
	d.command(store, 5)
	d.send(0x5555, 16)
	d.want(t, "written after disabling", 5, 0xFFFF)
}

// Zeros before the start bit are skipped; taking CS away ends a command.
func TestFraming(t *testing.T) {
	d := &driver{New(0x1234)}
	d.Pins(true, false, false)
	d.send(0, 7)
	d.send(6, 3)
	d.send(0, 6)
	if got := d.word(); got != 0x1234 {
		t.Errorf("after leading zeros: %04X", got)
	}
	d.command(fetch, 0)
	d.Pins(false, false, false)
	if !d.Out {
		t.Error("DO is driven without CS")
	}
	d.want(t, "after a broken command", 0, 0x1234)
}
