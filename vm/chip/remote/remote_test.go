package remote

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"dynemu/vm/mem"
)

var _ mem.Device = (*Device)(nil)

type calls struct{ log []string }

func (c *calls) note(format string, args ...any) {
	c.log = append(c.log, fmt.Sprintf(format, args...))
}

func device(c *calls, vars ...string) *Device {
	m := new(mem.Map)
	ram := make([]byte, 4096)
	copy(ram[0x100:], "from memory\n\x00rest")
	if err := m.Add(&mem.Region{Name: "ram", Len: 4096, RAM: ram}); err != nil {
		panic(err)
	}
	return New(Config{
		RAMMiB: 256, ROMMiB: 4, NVRAMKiB: 128, IOMemMiB: 32,
		ConfReg:   func() uint16 { return 0x2142 },
		Entry:     func() uint32 { return 0x80008000 },
		MachineID: 0x19, NVRAMBase: 0xbe000000, SmartInit: 0x8005,
		Vars:       vars,
		SaveVars:   func(l []string) { c.note("save %s", strings.Join(l, ",")) },
		ConsolePut: func(b byte) { c.note("put %q", b) },
		Log:        func(module, text string) { c.note("%s: %s", module, text) },
		Memory:     m,
		OnStop:     func() { c.note("stop") },
		OnReload:   func() { c.note("reload") },
	})
}

func TestReadOnlyRegisters(t *testing.T) {
	d := device(&calls{})
	for off, want := range map[uint64]uint64{
		RegID: 0x1e94b3df, RegCPU: 0, RegRAM: 256, RegROM: 4, RegNVRAM: 128, RegIOMem: 32, RegConfReg: 0x2142,
		RegEntry: 0x80008000, RegMachine: 0x19, RegRestart: 0, RegNVRAMBase: 0xbe000000, RegSmartInit: 0x8005,
		RegCookie: 0, 0x10: 0, 0x02: 0, 0x60: 0, 0xffc: 0,
	} {
		d.Write(off&^3|1, 1, 0xff) // no register: ignored
		if got := d.Read(off, 4); got != want {
			t.Errorf("register %#x reads %#x, want %#x", off, got, want)
		}
	}
	d.Write(RegCookieIndex, 4, 70)
	if got := d.Read(RegCookieIndex, 4); got != 70 {
		t.Errorf("cookie index %d", got)
	}
}

func TestActions(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(d *Device)
		want []string
	}{
		{"stop by a write", func(d *Device) { d.Write(RegStop, 4, 1) }, []string{"stop"}},
		{"stop by a read", func(d *Device) { d.Read(RegStop, 4) }, []string{"stop"}},
		{"reload", func(d *Device) { d.Write(RegReload, 4, 1) }, []string{"reload"}},
		{"reload where none is offered", func(d *Device) { d.cfg.OnReload = nil; d.Write(RegReload, 4, 1) }, []string{"stop"}},
		{"console", func(d *Device) { d.Write(RegConsole, 4, 0x141) }, []string{"put 'A'"}},
		{"log string", func(d *Device) { d.Write(RegLogString, 4, 0x100) }, []string{"ROM: from memory"}},
		{"log line", func(d *Device) {
			for _, b := range []byte("one\r\ntwo\nthr") {
				d.Write(RegLogChar, 4, uint64(b))
			}
		}, []string{"ROM: one", "ROM: two"}},
		{"long log line", func(d *Device) {
			for range 512 {
				d.Write(RegLogChar, 4, 'x')
			}
		}, []string{"ROM: " + strings.Repeat("x", 511)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got calls
			c.do(device(&got))
			if !reflect.DeepEqual(got.log, c.want) {
				t.Errorf("got %q, want %q", got.log, c.want)
			}
		})
	}
}

func put(d *Device, s string) {
	for _, b := range []byte(s) {
		d.Write(RegVarChar, 4, uint64(b))
	}
}

func get(d *Device) string {
	var s []byte
	for {
		b := byte(d.Read(RegVarChar, 4))
		if b == 0 {
			return string(s)
		}
		s = append(s, b)
	}
}

func TestVariables(t *testing.T) {
	var c calls
	d := device(&c, "BOOT=flash:old", "damaged", "=x")
	for _, step := range []struct {
		put    string
		cmd    uint64
		status uint64
		value  string // read afterwards, unless empty
		saved  string
	}{
		{"BOOT", VarGet, 0, "flash:old", ""},
		{"NONE", VarGet, failed, "", ""},
		{"A=1", VarSet, 0, "", "save A=1,BOOT=flash:old"},
		{"BOOT=new=x", VarSet, 0, "", "save A=1,BOOT=new=x"},
		{"BOOT", VarGet, 0, "new=x", ""},
		{"E=", VarSet, 0, "", "save E=,A=1,BOOT=new=x"},
		{"=value", VarSet, failed, "", ""},
		{"value", VarSet, failed, "", ""},
		{"A", 7, failed, "", ""},
		{"", VarRewind, 0, "A", ""},
	} {
		c.log = nil
		put(d, step.put)
		d.Write(RegVarCommand, 4, step.cmd)
		if got := d.Read(RegVarCommand, 4); got != step.status {
			t.Errorf("%q, command %d: status %#x, want %#x", step.put, step.cmd, got, step.status)
		}
		if step.value != "" {
			if got := get(d); got != step.value {
				t.Errorf("%q: value %q, want %q", step.put, got, step.value)
			}
			d.Write(RegVarCommand, 4, VarRewind)
		}
		if got := strings.Join(c.log, ";"); got != step.saved {
			t.Errorf("%q: saved %q, want %q", step.put, got, step.saved)
		}
	}
	put(d, strings.Repeat("y", 2*BufferSize))
	d.Write(RegVarCommand, 4, VarRewind)
	if got := get(d); got != strings.Repeat("y", BufferSize-1) {
		t.Errorf("overlong: %d characters", len(got))
	}
	d.Reset()
	if v, ok := d.Variable("E"); !ok || v != "" || d.VarPos != 0 {
		t.Error("reset must keep the variables and nothing else")
	}
}

// A guest may do what it likes with the registers.
func FuzzRegisters(f *testing.F) {
	f.Add([]byte("\x54A\x54=\x541\x58\x01\x54A\x58\x02\x58\x03\x3cx\x3c\n\x38\x00"))
	f.Fuzz(func(t *testing.T, ops []byte) {
		var c calls
		d := device(&c)
		for ; len(ops) >= 2; ops = ops[2:] {
			off, v := uint64(ops[0]), uint64(ops[1])
			if off&1 != 0 {
				d.Read(off&^1, 4)
				continue
			}
			d.Write(off, 4, v)
			if d.VarPos >= BufferSize || d.Var[BufferSize-1] != 0 || len(d.Line) >= BufferSize {
				t.Fatalf("a buffer ran over: %d, %d", d.VarPos, len(d.Line))
			}
		}
		for i, l := range d.Vars {
			name, _, ok := strings.Cut(l, "=")
			if !ok || name == "" || strings.ContainsAny(l, "\r\n") {
				t.Errorf("stored %q", l)
			}
			for _, o := range d.Vars[:i] {
				if strings.HasPrefix(o, name+"=") {
					t.Errorf("stored %q and %q", o, l)
				}
			}
		}
	})
}
