package pd6729

import "testing"

// FuzzPorts lets a guest do anything with the two ports and configuration
// space: what tells of the sockets stays, and no register changes another.
func FuzzPorts(f *testing.F) {
	f.Add([]byte{0, RegStatus, 1, 0xFF, 0, 0x80, 1, 2, 2, 0x10})
	f.Fuzz(func(t *testing.T, ops []byte) {
		c := New([Sockets]bool{true, false})
		for ; len(ops) >= 2; ops = ops[2:] {
			before, v := c.State, ops[1]
			switch ops[0] % 3 {
			case 0:
				c.SetIndex(v)
				before.Index = v
			case 1:
				c.SetData(v)
				if i := c.Index(); i < registers {
					before.Regs[i] = c.State.Regs[i]
				}
			case 2:
				c.ConfigWrite(v, uint32(v)*0x01010101)
				c.ConfigRead(v)
			}
			c.Data()
			if c.State != before {
				t.Fatalf("operation %d with %02x changed more than its register", ops[0]%3, v)
			}
		}
		for i, want := range map[uint8]uint8{RegStatus: statusPresent, SocketB + RegStatus: statusEmpty, RegRevision: revision} {
			c.SetIndex(i)
			if got := c.Data(); got != want {
				t.Errorf("register %02x reads %02x, want %02x", i, got, want)
			}
		}
	})
}
