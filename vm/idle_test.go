package vm

import (
	"errors"
	"testing"
	"time"
)

// idleLoop is a guest that has nothing to do, in a loop of three blocks at 0x80008000
// plus 0x0c, 0x34 and 0x84, of 10, 20 and 30 instructions.
func idleLoop() []uint32 {
	code := []uint32{lui(8, 0x1000), ori(8, 8, 1), 0x40806000 | 8<<16} // Status: CU0, IE
	for i, n := range []int{10, 20, 30} {
		for range n - 2 {
			code = append(code, nop)
		}
		if i < 2 {
			code = append(code, 0x10000001, nop) // to the next block
		} else {
			code = append(code, bne(8, 0, -59), nop) // Status is not 0
		}
	}
	return code
}

var idleBlocks = map[uint64]bool{0xffffffff8000800c: true, 0xffffffff80008034: true, 0xffffffff80008084: true}

// sleeping watches the guest for a moment. Stats itself wakes it.
func (m *Machine) sleeping() bool {
	a := m.Stats()
	time.Sleep(20 * time.Millisecond)
	b := m.Stats()
	return b.Instructions-a.Instructions < 1_000_000 && b.Asleep > a.Asleep
}

// TestSamplePC: a guest that sleeps is woken, seen where its loop's jumps lead, each place
// as often as the block before it is long, and sleeps again.
func TestSamplePC(t *testing.T) {
	for name, noJIT := range map[string]bool{"translator": false, "interpreter": true} {
		t.Run(name, func(t *testing.T) {
			cfg := config()
			cfg.NoJIT = noJIT
			m, _ := start(t, cfg, Host{Image: image(idleLoop()...)})
			eventually(t, "the guest to sleep", m.sleeping)
			before := m.Stats().Instructions
			const samples = 600
			seen := 0
			counts, err := m.SamplePC(samples, time.Millisecond, func(n int) { seen = n })
			if err != nil || seen < samples/2 {
				t.Fatalf("%d samples, %v", seen, err)
			}
			if n := m.Stats().Instructions - before; n < 1_000_000 {
				t.Errorf("the guest ran %d instructions meanwhile", n)
			}
			all := 0
			for pc, n := range counts {
				if all += n; !idleBlocks[pc] {
					t.Errorf("seen %d times at %#x, where no jump leads", n, pc)
				}
			}
			if len(counts) != 3 || all != seen {
				t.Errorf("%d samples, counted %v", seen, counts)
			}
			// A block of 30 of 60 instructions is before the first place.
			if n := counts[0xffffffff8000800c]; n < seen*3/10 || n > seen*7/10 {
				t.Errorf("the place behind half of the loop was seen %d times of %d", n, seen)
			}
			eventually(t, "the guest to sleep again", m.sleeping)
		})
	}
}

// TestSamplePCRefused: one at a time, not of a suspended guest, and not for ever.
func TestSamplePCRefused(t *testing.T) {
	m, _ := start(t, config(), Host{Image: image(idleLoop()...)})
	begun, ended := make(chan struct{}), make(chan error)
	go func() {
		_, err := m.SamplePC(100000, time.Millisecond, func(n int) {
			if n == 1 {
				close(begun)
			}
		})
		ended <- err
	}()
	<-begun
	if _, err := m.SamplePC(1, time.Millisecond, func(int) {}); !errors.Is(err, ErrSampling) {
		t.Errorf("a second one: %v", err)
	}
	m.Reset()
	m.Suspend()
	if err := <-ended; !errors.Is(err, ErrSuspended) {
		t.Errorf("suspended meanwhile: %v", err)
	}
	if _, err := m.SamplePC(1, time.Millisecond, func(int) {}); !errors.Is(err, ErrSuspended) {
		t.Errorf("suspended: %v", err)
	}
	m.Resume()
	if _, err := m.SamplePC(1, time.Millisecond, func(int) {}); err != nil {
		t.Errorf("resumed: %v", err)
	}
	go func() {
		_, err := m.SamplePC(100000, time.Millisecond, func(int) {})
		ended <- err
	}()
	m.Stop()
	if err := <-ended; err == nil {
		t.Error("a router that ended was sampled to the end")
	}
}

// TestSetIdleness: what is in force changes under the running guest, and stays over its
// restarts.
func TestSetIdleness(t *testing.T) {
	m, _ := start(t, config(), Host{Image: image(idleLoop()...)})
	for _, c := range []struct {
		name   string
		set    Idleness
		sleeps bool
	}{
		{"auto", Idleness{}, true},
		{"off", Idleness{Off: true}, false},
		{"an address of the loop", Idleness{PC: 0x80008034}, true},
		{"an address of none", Idleness{PC: 0x80001000}, false},
		{"auto again", Idleness{}, true},
	} {
		m.SetIdleness(c.set)
		for range 2 {
			eventually(t, c.name, func() bool { return m.sleeping() == c.sleeps })
			s := m.Stats()
			if s.Idleness != c.set || (s.Idle != nil) != (c.set == Idleness{}) {
				t.Errorf("%s: stats say %+v, %v", c.name, s.Idleness, s.Idle)
			}
			m.Reset()
		}
	}
}
