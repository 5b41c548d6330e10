package pd6729

import "testing"

func TestRegisters(t *testing.T) {
	c := New([Sockets]bool{true, false})
	for _, r := range []struct{ index, before, after uint8 }{
		{RegRevision, 0x48, 0x48},
		{RegStatus, 0xEF, 0xEF},
		{0x02, 0, 0xA5},
		{RegInterrupt, 0x40, 0x40},
		{RegFIFO, 0x80, 0x80},
		{0x2E, 0, 0},
		{0x3F, 0, 0xA5},
		{SocketB + RegRevision, 0x48, 0x48},
		{SocketB + RegStatus, 0x80, 0x80},
		{SocketB + 0x10, 0, 0xA5},
		{0x80, 0, 0},
		{0xFF, 0, 0},
	} {
		c.SetIndex(r.index)
		if c.Index() != r.index {
			t.Errorf("index reads %02x after %02x", c.Index(), r.index)
		}
		if got := c.Data(); got != r.before {
			t.Errorf("register %02x reads %02x, want %02x", r.index, got, r.before)
		}
		c.SetData(0xA5)
		if got := c.Data(); got != r.after {
			t.Errorf("register %02x reads %02x after a write, want %02x", r.index, got, r.after)
		}
	}
	c.Reset()
	if c.State != (State{}) {
		t.Errorf("after a reset: %+v", c.State)
	}
}
