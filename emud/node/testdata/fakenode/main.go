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
	mu      sync.Mutex
	ports   map[string]*port
	cards   map[int]string // besides that of slot 0
	done    chan struct{}
	once    sync.Once
	err     error
	steps   atomic.Uint64
}

type port struct {
	wire wire.Wire
}

func newMachine(cfg vm.Config, host vm.Host) (runner.Machine, error) {
	if !strings.HasPrefix(string(host.Image), "image") {
		return nil, errors.New("image: not an ELF file")
	}
	if string(host.Image) == "image that crashes" {
		panic("crash while building")
	}
	m := &machine{host: host, ports: map[string]*port{}, cards: map[int]string{}, done: make(chan struct{}), nvram: make([]byte, cfg.NVRAM<<10)}
	copy(m.nvram, host.NVRAM)
	return m, nil
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

// Insert takes any card, of two ports, into slot 1.
func (m *machine) Insert(slot int, card string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if slot != 1 || m.cards[slot] != "" {
		return fmt.Errorf("slot %d is taken", slot)
	}
	m.cards[slot] = card
	return nil
}

func (m *machine) Remove(slot int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cards[slot] == "" {
		return fmt.Errorf("slot %d is empty", slot)
	}
	delete(m.cards, slot)
	for key, p := range m.ports {
		if strings.HasPrefix(key, fmt.Sprintf("%d/", slot)) {
			p.wire.Close()
			delete(m.ports, key)
		}
	}
	return nil
}

// Plug echoes each frame back, its first byte changed to 0xee.
func (m *machine) Plug(slot, index int, w wire.Wire) error {
	key := fmt.Sprintf("%d/%d", slot, index)
	m.mu.Lock()
	defer m.mu.Unlock()
	if slot != 0 && m.cards[slot] == "" || index > 1 {
		return fmt.Errorf("no port %d in slot %d", index, slot)
	}
	if old := m.ports[key]; old != nil {
		old.wire.Close()
		delete(m.ports, key)
	}
	if w == nil {
		return nil
	}
	m.ports[key] = &port{w}
	go func() {
		buf := make([]byte, wire.MaxFrame)
		for ; ; time.Sleep(time.Millisecond) {
			n, err := w.Receive(buf)
			if err != nil {
				return
			}
			if n > 0 {
				buf[0] = 0xee
				w.Send(buf[:n])
			}
		}
	}()
	return nil
}

func (m *machine) Stats() vm.Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := vm.Stats{State: "running", Uptime: time.Since(m.started), Instructions: m.steps.Load(), Ports: map[string]vm.PortStats{}}
	for k, p := range m.ports {
		s.Ports[k] = vm.PortStats{Stats: p.wire.Stats(), Plugged: true}
	}
	return s
}
