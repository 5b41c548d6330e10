package vm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dynemu/vm/chip/nvram"
)

// image makes an ELF image of one section of code at 0x80008000.
func image(code ...uint32) []byte {
	const base = 0x80008000
	names := "\x00.text\x00.shstrtab\x00"
	var b bytes.Buffer
	w := func(v ...any) {
		for _, x := range v {
			_ = binary.Write(&b, binary.BigEndian, x)
		}
	}
	size := uint32(4 * len(code))
	b.WriteString("\x7fELF\x01\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	w(uint16(2), uint16(8), uint32(1), uint32(base), uint32(0), uint32(52+size+uint32(len(names))), uint32(0x20000000))
	w(uint16(52), uint16(0), uint16(0), uint16(40), uint16(3), uint16(2))
	w(code)
	b.WriteString(names)
	w([10]uint32{})
	w([10]uint32{1, 1, 6, base, 52, size, 0, 0, 4, 0})
	w([10]uint32{7, 3, 0, 0, 52 + size, uint32(len(names)), 0, 0, 1, 0})
	return b.Bytes()
}

// Instructions of the test guests.
func lui(rt, v uint32) uint32         { return 15<<26 | rt<<16 | v }
func ori(rt, rs, v uint32) uint32     { return 13<<26 | rs<<21 | rt<<16 | v }
func sw(rt, off, base uint32) uint32  { return 43<<26 | base<<21 | rt<<16 | off }
func sb(rt, off, base uint32) uint32  { return 40<<26 | base<<21 | rt<<16 | off }
func addiu(rt, rs, v uint32) uint32   { return 9<<26 | rs<<21 | rt<<16 | v&0xffff }
func bne(rs, rt uint32, n int) uint32 { return 5<<26 | rs<<21 | rt<<16 | uint32(uint16(n)) }

const (
	nop     = 0
	forever = 0x1000ffff // b . ; with a nop behind it
	jrRA    = 0x03e00008
)

// print emits text on the console through the remote-control device.
func printing(text string) (code []uint32) {
	code = append(code, lui(8, 0xb600))
	for _, c := range []byte(text) {
		code = append(code, ori(9, 0, uint32(c)), sw(9, 0x40, 8))
	}
	return code
}

// line is a console line of a test.
type line struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *line) WriteByte(b byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.WriteByte(b)
}
func (l *line) Get() (byte, bool) { return 0, false }
func (l *line) Waiting() bool     { return false }
func (l *line) Notify(func())     {}
func (l *line) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func config() Config {
	return Config{Name: "R1", Platform: "c7200", RAM: 16, NVRAM: 32, ConfReg: 0x2102, NoJIT: interpreter}
}

// interpreter makes config choose the interpreter.
var interpreter bool

// TestOnInterpreter runs the tests of the machine without the translator.
func TestOnInterpreter(t *testing.T) {
	interpreter = true
	defer func() { interpreter = false }()
	t.Run("GuestRunsAndReturnsToROM", TestGuestRunsAndReturnsToROM)
	t.Run("SuspendResumeReset", TestSuspendResumeReset)
	t.Run("IdleSleeps", TestIdleSleeps)
	t.Run("NVRAMIsSaved", TestNVRAMIsSaved)
}

// TestCheckedTranslator runs a guest whose translation is checked throughout.
func TestCheckedTranslator(t *testing.T) {
	cfg := config()
	cfg.CheckJIT = true
	m, con := start(t, cfg, Host{Image: image(append(printing("hello\r\n"), jrRA, nop)...), Log: func(module, text string) {
		if strings.Contains(text, "differs") {
			t.Error(text)
		}
	}})
	select {
	case <-m.Done():
	case <-time.After(20 * time.Second):
		t.Fatalf("the router does not end; its console:\n%s", con)
	}
	if m.Err() != nil || !strings.Contains(con.String(), "hello") {
		t.Errorf("ended with %v; its console:\n%s", m.Err(), con)
	}
}

// TestStatsOfTranslator checks that the counters tell which engine runs.
func TestStatsOfTranslator(t *testing.T) {
	for _, cfg := range []Config{config(), {Name: "R1", Platform: "c7200", RAM: 16, NVRAM: 32, NoJIT: true}} {
		m, con := start(t, cfg, Host{Image: image(counting()...)})
		eventually(t, "dots", func() bool { return strings.Count(con.String(), ".") > 10 })
		eventually(t, "instructions", func() bool { return m.Stats().Instructions > 10_000_000 })
		s := m.Stats().JIT
		want := !cfg.NoJIT && runtime.GOOS == "linux" && runtime.GOARCH == "amd64"
		if (s != nil) != want || s != nil && (s.Blocks == 0 || s.Bytes == 0) {
			t.Errorf("with NoJIT %v the counters are %+v", cfg.NoJIT, s)
		}
		m.Stop()
	}
}

func start(t *testing.T, cfg Config, host Host) (*Machine, *line) {
	t.Helper()
	con := &line{}
	host.Console = con
	m, err := New(cfg, host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	return m, con
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 10 s for %s", what)
		}
	}
}

func TestGuestRunsAndReturnsToROM(t *testing.T) {
	m, con := start(t, config(), Host{Image: image(append(printing("hello\r\n"), jrRA, nop)...)})
	select {
	case <-m.Done():
	case <-time.After(10 * time.Second):
		t.Fatalf("the router does not end; its console:\n%s", con)
	}
	for _, want := range []string{"ROMMON emulation microcode.", "Launching IOS image at 0x80008000...", "hello\r\n", "Image returned to ROM."} {
		if !strings.Contains(con.String(), want) {
			t.Errorf("no %q on the console:\n%s", want, con)
		}
	}
	if m.Err() != nil || m.State() != Halted {
		t.Errorf("ended as %v, %v", m.State(), m.Err())
	}
	m.Stop()
	m.Suspend() // nothing hangs on a router that has ended
	if err := m.SetNVRAM(make([]byte, 32<<10)); err == nil {
		t.Error("NVRAM of an ended router was written")
	}
	if err := m.Start(); err == nil {
		t.Error("started twice")
	}
}

// counting prints a dot every few thousand turns of a loop, for ever.
func counting() []uint32 {
	code := []uint32{lui(8, 0xb600), ori(9, 0, '.')}
	loop := []uint32{ori(10, 0, 20000), addiu(10, 10, 0xffff), bne(10, 0, -2), nop, sw(9, 0x40, 8), 0x1000fffa, nop}
	return append(code, loop...)
}

func TestSuspendResumeReset(t *testing.T) {
	m, con := start(t, config(), Host{Image: image(counting()...)})
	dots := func() int { return strings.Count(con.String(), ".") }
	eventually(t, "the first dots", func() bool { return dots() > 10 })
	m.Suspend()
	if m.State() != Suspended {
		t.Fatalf("state is %v", m.State())
	}
	n := dots()
	time.Sleep(30 * time.Millisecond)
	if dots() != n {
		t.Error("a suspended router runs")
	}
	m.Suspend()
	m.Resume()
	eventually(t, "more dots", func() bool { return dots() > n })
	m.Suspend()
	m.Reset() // a reset lets it run again, from the ROM
	eventually(t, "a second boot", func() bool { return strings.Count(con.String(), "Launching") == 2 })
	if s := m.Stats(); s.State != "running" || s.Reloads != 1 || s.Instructions == 0 {
		t.Errorf("stats are %+v", s)
	}
}

// An idle router, here one that branches to itself, costs no time; Stop still
// ends it.
func TestIdleSleeps(t *testing.T) {
	m, _ := start(t, config(), Host{Image: image(forever, nop)})
	eventually(t, "the router to sleep", func() bool {
		before := m.Stats()
		time.Sleep(50 * time.Millisecond)
		return (m.Stats().Asleep - before.Asleep) > 30*time.Millisecond
	})
}

func TestNVRAMIsSaved(t *testing.T) {
	var mu sync.Mutex
	var saved [][]byte
	host := Host{
		NVRAM: []byte{0, 0, 0, 0, 0x42},
		SaveNVRAM: func(b []byte) error {
			mu.Lock()
			defer mu.Unlock()
			saved = append(saved, bytes.Clone(b))
			return nil
		},
		// Store 0x5a at 0xbe001000, then idle.
		Image: image(lui(8, 0xbe00), ori(8, 8, 0x1000), ori(9, 0, 0x5a), sb(9, 0, 8), forever, nop),
	}
	m, _ := start(t, config(), host)
	eventually(t, "NVRAM to be saved", func() bool { mu.Lock(); defer mu.Unlock(); return len(saved) > 0 })
	mu.Lock()
	last := saved[len(saved)-1]
	mu.Unlock()
	if len(last) != 32<<10 || last[0x1000] != 0x5a || last[4] != 0x42 {
		t.Errorf("saved %d bytes, %#x at 0x1000, %#x at 4", len(last), last[0x1000], last[4])
	}
	next := bytes.Clone(last)
	next[0x2000] = 7
	if err := m.SetNVRAM(next); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.NVRAM(), next) {
		t.Error("the guest does not see what was set")
	}
	if err := m.SetNVRAM(next[1:]); err == nil {
		t.Error("NVRAM of the wrong size was taken")
	}
	m.Stop()
	mu.Lock()
	defer mu.Unlock()
	if !bytes.Equal(saved[len(saved)-1], next) {
		t.Error("Stop did not save the last content")
	}
}

// What only the boot ROM writes is not saved: a damaged file stays as it is
// until the guest writes.
func TestNVRAMOfTheROM(t *testing.T) {
	for name, c := range map[string]struct {
		before string // at 0x200
		code   []uint32
		saved  bool
	}{
		"fresh":                   {"", nil, false},
		"with the ROM's strings":  {"BOOTLDR", nil, false},
		"with the guest's string": {"7200LDR", nil, false},
		"guest writes":            {"7200LDR", []uint32{lui(8, 0xbe00), ori(9, 0, 0x5a), sb(9, 0x1000, 8)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var saves atomic.Int32
			before := make([]byte, 32<<10)
			copy(before[0x200:], c.before)
			host := Host{
				NVRAM:     before,
				SaveNVRAM: func([]byte) error { saves.Add(1); return nil },
				Image:     image(append(append(c.code, printing("up")...), forever, nop)...),
			}
			m, con := start(t, config(), host)
			eventually(t, "the guest", func() bool { return strings.Contains(con.String(), "up") })
			m.Stop()
			if got := saves.Load() > 0; got != c.saved {
				t.Errorf("saved: %v, want %v", got, c.saved)
			}
			if got := string(m.NVRAM()[0x80:0x83]); got != "IOS" {
				t.Errorf("NVRAM holds %q at 0x80", got)
			}
		})
	}
}

// A guest that crashes leaves a report in NVRAM and has itself restarted: the log
// has what is text in it, and the surroundings are told.
func TestCrashReport(t *testing.T) {
	const text = "Bus error at PC 0x60001234"
	code := []uint32{lui(8, 0xbe00)}
	for i, c := range []byte(text) {
		code = append(code, ori(9, 0, uint32(c)), sb(9, uint32(0x410+i), 8))
	}
	code = append(code, ori(4, 0, 8), 0x0000000c) // the monitor's reload
	var mu sync.Mutex
	var log []string
	restarts := 0
	host := Host{
		Image: image(code...),
		Log: func(module, text string) {
			mu.Lock()
			defer mu.Unlock()
			log = append(log, module+": "+text)
		},
		Restarted: func() {
			mu.Lock()
			defer mu.Unlock()
			restarts++
		},
	}
	m, _ := start(t, config(), host)
	eventually(t, "two restarts", func() bool { mu.Lock(); defer mu.Unlock(); return restarts > 1 })
	m.Reset() // by the user, which is told to nobody
	m.Stop()
	mu.Lock()
	defer mu.Unlock()
	reports := 0
	for _, line := range log {
		if line == "CRASH: "+text {
			reports++
		}
	}
	if reports != 1 { // the second time it left nothing new
		t.Errorf("%d reports in the log:\n%s", reports, strings.Join(log, "\n"))
	}
}

// faulty is a console line whose other side has a bug.
type faulty struct {
	line
	none map[byte]int
}

func (f *faulty) WriteByte(b byte) error {
	if b == '!' {
		f.none[b] = 1
	}
	return f.line.WriteByte(b)
}

// A fault of the emulator ends its router in order: as a crash, with the fault in
// the log and NVRAM saved.
func TestFaultOfTheEmulator(t *testing.T) {
	var mu sync.Mutex
	var log, saved []byte
	cfg := config()
	m, err := New(cfg, Host{
		Image: image(append([]uint32{lui(8, 0xbe00), ori(9, 0, 0x5a), sb(9, 0x1000, 8)}, printing("!")...)...),
		SaveNVRAM: func(b []byte) error {
			mu.Lock()
			defer mu.Unlock()
			saved = bytes.Clone(b)
			return nil
		},
		Log: func(module, text string) {
			mu.Lock()
			defer mu.Unlock()
			log = append(log, module+": "+text+"\n"...)
		},
		Console: &faulty{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-m.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the router does not end")
	}
	m.Stop()
	mu.Lock()
	defer mu.Unlock()
	if m.Err() == nil || !strings.Contains(m.Err().Error(), "fault of the emulator: assignment to entry in nil map") {
		t.Errorf("it ended with %v", m.Err())
	}
	if !bytes.Contains(log, []byte("WriteByte")) {
		t.Errorf("the log does not show where:\n%s", log)
	}
	if len(saved) == 0 || saved[0x1000] != 0x5a {
		t.Error("NVRAM was not saved")
	}
}

// A configuration that is replaced goes through the machine's own copy of the
// NVRAM, so that no write of the guest is lost.
func TestSetConfigs(t *testing.T) {
	// Count in the NVRAM's last byte, for ever.
	m, _ := start(t, config(), Host{Image: image(lui(8, 0xbe00), ori(8, 8, 0x7fff), addiu(9, 9, 1), sb(9, 0, 8), 0x1000fffd, nop)})
	for i := range 20 {
		want := fmt.Sprintf("hostname R%d\n", i)
		if err := m.SetConfigs([]byte(want), nil); err != nil {
			t.Fatal(err)
		}
		if err := m.SetConfigs(nil, []byte("key\n")); err != nil {
			t.Fatal(err)
		}
		startup, private, err := nvram.ReadConfigs(m.NVRAM(), nvram.C7200)
		if err != nil || string(startup) != want || string(private) != "key\n" {
			t.Fatalf("NVRAM holds %q and %q, %v", startup, private, err)
		}
	}
	if err := m.SetConfigs(make([]byte, 64<<10), nil); err == nil {
		t.Error("a configuration larger than the NVRAM was taken")
	}
	m.Stop()
	if err := m.SetConfigs([]byte("late\n"), nil); err == nil {
		t.Error("NVRAM of an ended router was written")
	}
}

// In instruction time, the same router does the same twice, on either engine.
func TestInstructionTimeRepeats(t *testing.T) {
	cfg := config()
	cfg.InstructionTime = true
	// Print Count after a loop, 200 times, then stop through the ROM.
	code := []uint32{lui(8, 0xb600), ori(11, 0, 200)}
	body := []uint32{
		ori(10, 0, 777), addiu(10, 10, 0xffff), bne(10, 0, -2), nop,
		0x40094800,                                     // mfc0 t1, Count
		0x312a003f, addiu(10, 10, 48), sw(10, 0x40, 8), // its low six bits as a character
	}
	body = append(body, addiu(11, 11, 0xffff), bne(11, 0, -len(body)-2), nop, jrRA, nop)
	var outs [3]string
	for i := range outs {
		cfg.NoJIT = i == 2
		m, con := start(t, cfg, Host{Image: image(append(code, body...)...)})
		select {
		case <-m.Done():
		case <-time.After(10 * time.Second):
			t.Fatalf("does not end:\n%s", con)
		}
		outs[i] = fmt.Sprint(con, m.Stats().Instructions)
	}
	if outs[0] != outs[1] || outs[1] != outs[2] {
		t.Errorf("runs differ, the last one on the interpreter:\n%s\n%s\n%s", outs[0], outs[1], outs[2])
	}
}

func TestNewRefuses(t *testing.T) {
	good := image(forever, nop)
	for name, c := range map[string]struct {
		change func(*Config, *Host)
		want   string // in the error
	}{
		"no image":     {func(_ *Config, h *Host) { h.Image = nil }, "image"},
		"not ELF":      {func(_ *Config, h *Host) { h.Image = []byte("hello, this is text and no image") }, "ELF"},
		"platform":     {func(c *Config, _ *Host) { c.Platform = "c9999" }, "c7200"},
		"NPE":          {func(c *Config, _ *Host) { c.NPE = "npe-401" }, "npe-400"},
		"midplane":     {func(c *Config, _ *Host) { c.Midplane = "xvr" }, "vxr"},
		"no RAM":       {func(c *Config, _ *Host) { c.RAM = 0 }, "RAM"},
		"MAC":          {func(c *Config, _ *Host) { c.MAC = "ca:fe" }, "aabb.ccdd.eeff"},
		"card":         {func(c *Config, _ *Host) { c.Slots = []string{"", "PA-9T"} }, "PA-8T"},
		"card in slot": {func(c *Config, _ *Host) { c.Slots = []string{"PA-8T"} }, "slot 0"},
		"quirk":        {func(c *Config, _ *Host) { c.Quirks = []string{"odd"} }, "unaligned"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, host := config(), Host{Image: good}
			c.change(&cfg, &host)
			m, err := New(cfg, host)
			if err == nil {
				m.Stop()
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q does not mention %q", err, c.want)
			}
		})
	}
}

func TestImageLargerThanRAM(t *testing.T) {
	cfg := config()
	cfg.RAM = 1
	m, err := New(cfg, Host{Image: image(make([]uint32, 1<<19)...)})
	if err == nil {
		m.Stop()
		t.Fatal("2 MiB of code fit into 1 MiB of RAM")
	}
	for _, want := range []string{".text", "1 MiB"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not mention %s", err, want)
		}
	}
}
