package rom_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"dynemu/vm/chip/remote"
	"dynemu/vm/event"
	"dynemu/vm/mem"
	"dynemu/vm/mips"
	"dynemu/vm/rom"
)

// machine is the least that the ROM needs: a processor, RAM, NVRAM, the
// remote-control device.
type machine struct {
	cpu      *mips.CPU
	console  bytes.Buffer
	log      []string
	saved    []string
	nvram    []byte
	remote   *remote.Device
	stopped  int
	reloaded int
	run      func(budget int) mips.Exit
}

const (
	ramMiB    = 256      // as the guest is told
	ramBytes  = 16 << 20 // as there is, to keep the tests fast
	nvramBase = 0x1e000000
)

func newMachine(t *testing.T, image []byte, smartInit uint32) *machine {
	t.Helper()
	m := &machine{nvram: make([]byte, 128<<10)}
	pmap := new(mem.Map)
	ram := make([]byte, ramBytes)
	window := make([]byte, 4<<20)
	copy(window, rom.Image())
	var entry uint32
	m.remote = remote.New(remote.Config{
		RAMMiB: ramMiB, ROMMiB: 4, NVRAMKiB: 128,
		ConfReg:   func() uint16 { return 0x2142 },
		Entry:     func() uint32 { return entry },
		MachineID: 0x19, NVRAMBase: 0xa0000000 | nvramBase, SmartInit: smartInit,
		SaveVars:   func(l []string) { m.saved = l },
		ConsolePut: func(b byte) { m.console.WriteByte(b) },
		Log:        func(module, text string) { m.log = append(m.log, module+": "+text) },
		Memory:     pmap,
		OnStop:     func() { m.stopped++; m.cpu.Stop() },
		OnReload:   func() { m.reloaded++; m.cpu.Stop() },
	})
	for _, r := range []*mem.Region{
		{Name: "ram", Len: uint64(len(ram)), RAM: ram, Cacheable: true},
		{Name: "nvram", Base: nvramBase, Len: uint64(len(m.nvram)), RAM: m.nvram},
		{Name: "remote", Base: 0x16000000, Len: 4096, Dev: m.remote},
		{Name: "rom", Base: rom.Base, Len: uint64(len(window)), RAM: window, ReadOnly: true, Cacheable: true},
	} {
		if err := pmap.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	// Guest time follows executed instructions, so that a run is repeatable.
	var attention atomic.Uint32
	loop := event.NewWithSource(&attention, func() int64 {
		if m.cpu == nil {
			return 0
		}
		return int64(m.cpu.Instructions() * 10)
	})
	m.cpu = mips.New(mips.Config{Map: pmap, Clock: loop, Attention: &attention})
	var err error
	entry, err = rom.Load(image,
		func(va uint32, p []byte) error { copy(ram[va&0x1fffffff:], p); return nil },
		func(va uint32, n int) error { clear(ram[va&0x1fffffff:][:n]); return nil })
	if err != nil {
		t.Fatal(err)
	}
	m.run = func(budget int) mips.Exit {
		for ; budget > 0; budget -= 1000 {
			loop.RunPending()
			if e := m.cpu.Run(1000); e == mips.ExitStop {
				return e
			}
		}
		return mips.ExitBudget
	}
	return m
}

func testdata(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The whole table of services, the launch state and the return of the image: the
// expected text is what Dynamips 0.2.14 prints.
func TestServices(t *testing.T) {
	m := newMachine(t, testdata(t, "services.elf"), 0)
	if e := m.run(50_000_000); e != mips.ExitStop || m.stopped != 1 {
		t.Errorf("the run ended with %v, %d stops", e, m.stopped)
	}
	want := strings.Split(string(testdata(t, "services.txt")), "\n")
	got := strings.Split(m.console.String(), "\n")
	for i := range max(len(want), len(got)) {
		var g, w string
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("line %d: %q, Dynamips prints %q", i+1, g, w)
		}
	}
	if want := "A=b=c|EMPTY=|BOOT=y"; strings.Join(m.saved, "|") != want {
		t.Errorf("saved variables %q, want %q", m.saved, want)
	}
	for off, want := range map[int]string{
		0x80:  "IOSsh:image-name.bin\x00",
		0x200: "x200-boot\x00",
		0x7e0: "\x00\x00\x00\x00",
	} {
		if got := string(m.nvram[off : off+len(want)]); got != want {
			t.Errorf("NVRAM at %#x: %q, want %q", off, got, want)
		}
	}
	log := strings.Join(m.log, "\n")
	for _, want := range []string{
		"ROM: Microcode has started.",
		"ROM: unhandled syscall 0x0 at pc=0x8000",
		"ROM: unhandled syscall 0xffffffff at pc=0x8000",
		"ROM: set variable 'BOOT=flash:x'",
		"ROM: get variable 'nothing'",
		"ROM: syscall in a branch delay slot at pc=0x8000",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	if strings.Contains(log, "syscall 0x3a") || strings.Contains(log, "syscall 0x4a") {
		t.Error("services 58 and 74 must fail silently")
	}
}

// Names left in NVRAM by an earlier boot keep their tails.
func TestNVRAMOfAnEarlierBoot(t *testing.T) {
	m := newMachine(t, program(0x03e00008, 0), 0) // jr ra
	copy(m.nvram[0x80:], "disk0:image\x00")
	copy(m.nvram[0x200:], "bootflash:loader\x00")
	m.run(1_000_000)
	if got := string(m.nvram[0x80:0x8c]); got != "IOSk0:image\x00" {
		t.Errorf("image name %q", got)
	}
	if got := string(m.nvram[0x200:0x211]); got != "BOOTLDRsh:loader\x00" {
		t.Errorf("boot loader name %q", got)
	}
}

// program is an image of the given instructions at 0x80008000.
func program(words ...uint32) []byte {
	img := []byte("\x7fELF\x01\x02\x01" + strings.Repeat("\x00", 9) + "\x00\x02\x00\x08\x00\x00\x00\x01" +
		"\x80\x00\x80\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x34" + "\x00\x00\x00\x00" +
		"\x00\x34\x00\x00\x00\x00\x00\x28\x00\x02\x00\x00")
	size := uint32(4 * len(words))
	header := make([]byte, 40)
	text := func(vals ...uint32) []byte {
		var b []byte
		for _, v := range vals {
			b = append(b, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
		}
		return b
	}
	img = append(img, header...)
	img = append(img, text(0, 1, 6, 0x80008000, 0x34+80, size, 0, 0, 4, 0)...)
	return append(img, text(words...)...)
}

const (
	syscall = 0x0000000c
	forever = 0x1000ffff // b .
	nop     = 0
)

func li(reg, v uint32) uint32 { return 0x24000000 | reg<<16 | v&0xffff } // addiu reg,zero,v

func TestSmallPrograms(t *testing.T) {
	const a0, s0, sp = 4, 16, 29
	state := "Status Reg = 0x00408103\n"
	for _, c := range []struct {
		name      string
		code      []uint32
		smartInit uint32
		want      string // printed after the launch line
		stopped   int
		reloaded  int
		endless   bool // want comes again and again
	}{
		{name: "the image returns", code: []uint32{0x03e00008, nop}, want: "Image returned to ROM.\n", stopped: 1},
		{name: "the image returns with other registers", code: []uint32{li(s0, -1&0xffff), li(sp, 0), li(28, 0), 0x03e00008, li(30, 0)},
			want: "Image returned to ROM.\n", stopped: 1},
		{name: "service 8, reload", code: []uint32{li(a0, 8), syscall, forever, nop},
			want: "\n\nROM: reload requested...\n", reloaded: 1},
		{name: "service 43, stop", code: []uint32{li(a0, 43), syscall, forever, nop}, stopped: 1},
		{name: "jump to 0", code: []uint32{0x00000008, nop},
			want: "\n*** TLB Load/Fetch Exception ***\nPC = 0x00000000, Cause = 0x00000008, " + state, stopped: 1},
		{name: "breakpoint", code: []uint32{0x0000000d},
			want: "\n*** Breakpoint Exception ***\nPC = 0x80008000, Cause = 0x00000024, " + state, endless: true},
		{name: "reserved instruction in a delay slot", code: []uint32{forever, 0x7000003f},
			want: "\n*** Reserved Instruction Exception ***\nPC = 0x80008000, Cause = 0x80000028, " + state, endless: true},
		{name: "store to an odd address", code: []uint32{0xac000001},
			want: "\n*** Address Error (store) Exception ***\nPC = 0x80008000, Cause = 0x00000014, " + state, endless: true},
		{name: "store without a mapping", code: []uint32{0xac000004},
			want: "\n*** TLB Store Exception ***\nPC = 0x80008000, Cause = 0x0000000c, " + state, endless: true},
		{name: "exception with a stack pointer into nowhere", code: []uint32{li(sp, 0x100), 0x0000000d},
			want: "\n*** Breakpoint Exception ***\nPC = 0x80008004, Cause = 0x00000024, " + state, endless: true},
		{name: "exception with an odd stack pointer", code: []uint32{0x27bdfffd, 0x0000000d},
			want: "\n*** Breakpoint Exception ***\nPC = 0x80008004, Cause = 0x00000024, " + state, endless: true},
		{name: "software interrupt 0", code: []uint32{li(8, 0x100), 0x40886800, nop, nop, 0x03e00008, nop},
			want: "\n*** Software Interrupt 0 ***\nPC = 0x8000", stopped: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, program(c.code...), c.smartInit)
			m.run(300_000)
			_, got, ok := strings.Cut(m.console.String(), "Launching IOS image at 0x80008000...\n")
			if !ok || !strings.HasPrefix(got, c.want) {
				t.Errorf("printed %.300q, want %q", m.console.String(), c.want)
			}
			if again := strings.Count(got, c.want) > 1; c.endless && !again {
				t.Error("the instruction was not tried again")
			}
			if m.stopped != c.stopped || m.reloaded != c.reloaded {
				t.Errorf("%d stops, %d reloads; want %d, %d", m.stopped, m.reloaded, c.stopped, c.reloaded)
			}
		})
	}
}

// Service 60: what the operator chose wins over what was stored.
func TestSmartInit(t *testing.T) {
	// a0 = 60; syscall; result to the console; then a0 = 43 stops.
	code := []uint32{li(4, 60), syscall, 0x00402825, li(4, 1), syscall, li(4, 43), syscall, forever, nop}
	for _, c := range []struct {
		reg    uint32
		stored byte
		want   byte
	}{{0, 0, 0}, {5, 0, 5}, {5, 0x19, 0x19}, {0x8007, 0x19, 7}, {0x8000, 0x19, 0}} {
		m := newMachine(t, program(code...), c.reg)
		m.nvram[0x7e3] = c.stored
		m.run(100_000)
		out := m.console.Bytes()
		if got := out[len(out)-1]; got != c.want {
			t.Errorf("register %#x, stored %#x: %#x, want %#x", c.reg, c.stored, got, c.want)
		}
	}
}

// compiler is the version that the committed binaries were built with; others
// make other code from the same source.
const compiler = "12.2.0"

// What is committed is what the source gives.
func TestBuiltFromSource(t *testing.T) {
	gcc, err := exec.LookPath("mips-linux-gnu-gcc")
	if err != nil {
		t.Skip("SKIP: mips-linux-gnu-gcc is not installed (Debian package gcc-mips-linux-gnu)")
	}
	version, err := exec.Command(gcc, "-dumpfullversion").Output()
	if err != nil {
		t.Fatal(err)
	}
	if v := strings.TrimSpace(string(version)); v != compiler {
		t.Skipf("SKIP: mips-linux-gnu-gcc is version %s, the committed binaries are of %s", v, compiler)
	}
	for _, c := range []struct {
		dir, out, target string
		committed        []byte
	}{
		{"src", "rom.bin", "rom.bin", rom.Image()},
		{"testdata", "", "services.elf", testdata(t, "services.elf")},
	} {
		tmp := t.TempDir()
		target := filepath.Join(tmp, c.target)
		cmd := exec.Command("make", "-C", c.dir, "OUT="+filepath.Join(tmp, c.out), target)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		built, err := os.ReadFile(target)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(built, c.committed) {
			t.Errorf("%s differs from what its source gives: run make in vm/rom/%s", c.target, c.dir)
		}
	}
}
