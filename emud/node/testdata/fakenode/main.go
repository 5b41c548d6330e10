// Command fakenode is dynemu-node with a machine for tests in place of a router.
// It prints on its console what its sandbox refuses, and obeys single keys.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/emud/node/runner"
	"dynemu/vm"
	"dynemu/vm/fabric"
	"dynemu/vm/fabric/chassis"
	"dynemu/vm/fabric/hub"
	"dynemu/vm/wire"
)

func main() {
	var opt runner.Options
	flag.IntVar(&opt.UID, "uid", 0, "")
	flag.IntVar(&opt.GID, "gid", 0, "")
	flag.String("lab", "", "")
	flag.String("device", "", "")
	flag.Parse()
	opt.New = newMachine
	os.Exit(runner.Run(opt))
}

// machine echoes frames and keys.
type machine struct {
	host    vm.Host
	started time.Time
	nvram   []byte
	chassis *chassis.Chassis
	echo    *echo
	mu      sync.Mutex
	ports   map[[2]int]*wire.Port // by slot and number
	cards   map[int]string        // besides that of slot 0
	done    chan struct{}
	once    sync.Once
	err     error
	steps   atomic.Uint64
}

// echo is a switch that sends each frame back, its first byte changed to 0xee.
type echo struct {
	out fabric.Output
	hub.Hub
}

func (e *echo) Forward(_ int64, port int, buf []byte) {
	buf[fabric.Headroom] = 0xee
	e.out(port, buf[fabric.Headroom:])
}

func newMachine(cfg vm.Config, host vm.Host) (runner.Machine, error) {
	if !strings.HasPrefix(string(host.Image), "image") {
		return nil, errors.New("image: not an ELF file")
	}
	if string(host.Image) == "image that crashes" {
		panic("crash while building")
	}
	m := &machine{host: host, ports: map[[2]int]*wire.Port{}, cards: map[int]string{}, done: make(chan struct{}), nvram: make([]byte, cfg.NVRAM<<10)}
	copy(m.nvram, host.NVRAM)
	m.chassis = chassis.New(func(out fabric.Output) fabric.Engine {
		m.echo = &echo{out: out}
		return m.echo
	})
	go m.chassis.Run()
	return m, m.addPorts(0)
}

func (m *machine) print(format string, args ...any) {
	for _, b := range []byte(fmt.Sprintf(format, args...)) {
		m.host.Console.WriteByte(b)
	}
}

func (m *machine) Start() error {
	m.started = time.Now()
	m.print("fake router\r\n")
	m.tryToEscape()
	m.host.Log("FAKE", "started\x1b[2J")
	m.host.Console.Notify(func() { go m.keys() })
	return nil
}

// tryToEscape does what a compromised machine would.
func (m *machine) tryToEscape() {
	_, err := os.Open("/etc/passwd")
	m.print("open: %v\r\n", err)
	_, err = os.Create("/tmp/x")
	m.print("create: %v\r\n", err)
	_, err = net.Dial("udp", "127.0.0.1:9")
	m.print("socket: %v\r\n", err)
	m.print("exec: %v\r\n", exec.Command("/bin/true").Run())
	m.print("fork: %v\r\n", fork())
	m.print("kill: %v\r\n", unix.Kill(os.Getppid(), 0))
	m.print("ioctl: %v\r\n", ioctl())
	m.print("ptrace: %v\r\n", ptrace())
	m.print("sockopt: %v\r\n", unix.SetsockoptInt(0, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, 0))
	_, err = unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	m.print("wx: %v\r\n", err)
	m.print("user: %d\r\n", os.Getuid())
}

func fork() error {
	_, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func ioctl() error {
	_, err := unix.IoctlGetInt(0, unix.TIOCOUTQ)
	return err
}

func ptrace() error {
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_ATTACH, uintptr(os.Getppid()), 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func (m *machine) keys() {
	for {
		b, ok := m.host.Console.Get()
		if !ok {
			return
		}
		switch b {
		case '!':
			panic("the fake router crashed")
		case 'q':
			m.stop(nil)
		case 'e':
			m.stop(errors.New("the fake router failed"))
		case 's':
			m.nvram[0]++
			if err := m.host.SaveNVRAM(m.nvram); err != nil {
				m.print("save: %v\r\n", err)
			}
		}
		m.steps.Add(1)
		m.print("<%c>", b)
	}
}

func (m *machine) stop(err error) {
	m.once.Do(func() {
		m.err = err
		if e := m.host.SaveNVRAM(m.nvram); e != nil {
			m.host.Log("FAKE", e.Error())
		}
		close(m.done)
	})
}

func (m *machine) Suspend()              {}
func (m *machine) Resume()               {}
func (m *machine) Reset()                { m.print("reset\r\n") }
func (m *machine) Stop()                 { m.stop(nil) }
func (m *machine) Done() <-chan struct{} { return m.done }
func (m *machine) Err() error            { return m.err }
func (m *machine) NVRAM() []byte         { return m.nvram }

func (m *machine) SetNVRAM(b []byte) error {
	if len(b) != len(m.nvram) {
		return fmt.Errorf("NVRAM has %d bytes, not %d", len(m.nvram), len(b))
	}
	copy(m.nvram, b)
	return m.host.SaveNVRAM(m.nvram)
}

func (m *machine) SetConfigs(startup, private []byte) error {
	m.print("configs: %q %q\r\n", startup, private)
	return nil
}

func (m *machine) SetConfReg(v uint16) { m.print("confreg: %#x\r\n", v) }

func (m *machine) SetIdleness(i vm.Idleness) { m.print("idleness: %#x %v %d\r\n", i.PC, i.Off, i.Max) }

// SamplePC finds the guest at one address always, and fails when asked for 13 samples.
func (m *machine) SamplePC(samples int, every time.Duration, seen func(int)) (map[uint64]int, error) {
	for i := range samples {
		time.Sleep(every)
		seen(i + 1)
	}
	if samples == 13 {
		return nil, vm.ErrSuspended
	}
	return map[uint64]int{0x60001234: samples}, nil
}

// Insert takes any card, of two ports, into slot 1.
func (m *machine) Insert(slot int, card string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if slot != 1 || m.cards[slot] != "" {
		return fmt.Errorf("slot %d is taken", slot)
	}
	m.cards[slot] = card
	return m.addPorts(slot)
}

func (m *machine) addPorts(slot int) (err error) {
	for i := range 2 {
		n := 2*slot + i
		if m.ports[[2]int{slot, i}], err = m.chassis.AddPort(n, func() error { return m.echo.AddPort(n) }); err != nil {
			return err
		}
	}
	return nil
}

func (m *machine) Remove(slot int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cards[slot] == "" {
		return fmt.Errorf("slot %d is empty", slot)
	}
	delete(m.cards, slot)
	for i := range 2 {
		m.chassis.RemovePort(2*slot+i, func() { m.echo.RemovePort(2*slot + i) })
		delete(m.ports, [2]int{slot, i})
	}
	return nil
}

func (m *machine) Port(slot, index int) (*wire.Port, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.ports[[2]int{slot, index}]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("no port %d in slot %d", index, slot)
}

func (m *machine) Stats() vm.Stats {
	return vm.Stats{State: "running", Uptime: time.Since(m.started), Instructions: m.steps.Load()}
}
