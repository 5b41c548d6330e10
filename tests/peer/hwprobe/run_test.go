package hwprobe

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/tests/peer"
)

const (
	// runTimeout bounds one run of the guest.
	runTimeout = 5 * time.Minute
	// frameTimeout is how long a frame that was sent may take to arrive.
	frameTimeout = time.Second
)

// flags are those of the bundled router image's makefile, for the same reasons:
// no instruction that Dynamips mishandles, nothing allocated outside RAM.
var flags = strings.Fields("-march=mips3 -mabi=32 -mgp32 -EB -mno-abicalls -fno-pic -G0 -msoft-float " +
	"-mno-check-zero-division -mno-branch-likely -ffreestanding -fno-builtin -fno-stack-protector " +
	"-fno-asynchronous-unwind-tables -fno-common -fno-strict-aliasing -fno-tree-loop-distribute-patterns " +
	"-fwrapv -std=gnu11 -O2 -Wall -Wextra -Werror -nostdlib -static -no-pie -Wl,--build-id=none " +
	"-Wl,--no-warn-rwx-segments -Wl,-z,max-page-size=0x1000 -Wl,--no-warn-mismatch")

// buildGuest compiles the guest from its sources, the tables, and what it shares
// with the bundled router image.
func buildGuest(t *testing.T) string {
	t.Helper()
	const compiler = "mips-linux-gnu-gcc"
	if _, err := exec.LookPath(compiler); err != nil {
		t.Skip("SKIP: " + compiler + " is not installed (Debian package gcc-mips-linux-gnu): hardware is not compared with Dynamips")
	}
	dir := t.TempDir()
	tables, image := filepath.Join(dir, "tables.c"), filepath.Join(dir, "hwprobe.elf")
	if err := os.WriteFile(tables, []byte(tablesC()), 0o644); err != nil {
		t.Fatal(err)
	}
	const shared = "../../../vm/firmware/src/"
	args := append([]string{"-Isrc", "-I" + shared, "-Wl,-T," + shared + "link.ld", "-o", image, tables}, flags...)
	sources, err := filepath.Glob("src/*.c")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no sources in src: %v", err)
	}
	args = append(args, sources...)
	for _, f := range []string{"start.S", "printf.c", "string.c"} {
		args = append(args, shared+f)
	}
	if out, err := exec.Command(compiler, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return image
}

// end is a port of a card, and the harness's end of its wire.
type end struct {
	conn   *net.UDPConn
	to     *net.UDPAddr
	frames chan []byte
}

// probe is one run of the guest on an emulator.
type probe struct {
	t    *testing.T
	e    peer.Emulator
	cfg  config
	err  error // why it did not run to its end
	keys io.Writer
	aux  net.Conn // the AUX line; nil: none
	// move puts a card into a slot, or takes it out where it is named "". It is
	// nil where cards cannot be moved.
	move  func(slot int, card string) error
	ends  map[[2]int]*end // by slot and port
	lines []string
}

// runGuest runs the guest to its end and returns what it printed, with lines of
// the harness's own where it was asked for frames. The console is the terminal
// of which master and slave are the ends; both are closed.
func runGuest(t *testing.T, e peer.Emulator, cfg config, image string, master, slave *os.File) ([]string, error) {
	defer master.Close()
	defer slave.Close()
	p := &probe{t: t, e: e, cfg: cfg, ends: map[[2]int]*end{}}
	args := []string{"-P", "7200", "-t", cfg.npe, "-i", "1", "-X", "-m", "ca00.6fdb.0000", "--noctrl"}
	if cfg.args != nil {
		args = append(args, cfg.args...)
	} else {
		args = append(args, "-r", "64", "-n", "128", "-c", "0x2102", "--disk1", "8")
	}
	auxPort := 0
	if cfg.aux {
		auxPort = peer.TCPPort(t)
		args = append(args, "-A", fmt.Sprint(auxPort), "--notelnetmsg")
	}
	for slot, name := range cfg.slots {
		if name != "" {
			args = append(args, "-p", fmt.Sprintf("%d:%s", slot, name))
		}
	}
	for slot, name := range cfg.slots {
		if name == "" || cfg.unplugged {
			continue
		}
		for port := range cardByName(name).ports {
			option, err := p.wire(slot, port)
			if err != nil {
				return nil, err
			}
			args = append(args, "-s", option)
		}
	}
	p.keys = master
	cmd := exec.Command(e.Path, append(args, image)...)
	cmd.Dir = t.TempDir()
	for name, text := range configFiles {
		if err := os.WriteFile(filepath.Join(cmd.Dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	slave.Close()
	kill := time.AfterFunc(runTimeout, func() { _ = cmd.Process.Kill() })
	if cfg.aux {
		p.aux, p.err = dialAUX(auxPort)
	}
	if p.err == nil {
		p.read(master)
	}
	if p.aux != nil {
		_ = p.aux.Close()
	}
	kill.Stop()
	// The guest has stopped its router. Dynamips may linger, or end by a
	// signal of its own; neither says anything.
	_ = cmd.Process.Signal(unix.SIGTERM)
	hard := time.AfterFunc(2*time.Second, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait()
	hard.Stop()
	if p.err != nil {
		return nil, fmt.Errorf("%s on %s: %w", cfg.name, e.Name, p.err)
	}
	return p.lines, nil
}

// dialAUX opens the AUX port of an emulator that is starting.
func dialAUX(port int) (conn net.Conn, err error) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if conn, err = net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// readAUX returns the line that the guest printed on AUX, without what telnet
// puts in front (RFC 854: IAC, verb, option).
func (p *probe) readAUX() string {
	const iac = 0xFF
	_ = p.aux.SetReadDeadline(time.Now().Add(10 * time.Second))
	var text []byte
	skip := 0
	for b := make([]byte, 1); ; {
		if _, err := p.aux.Read(b); err != nil {
			p.failf("AUX: %w", err)
			return ""
		}
		switch {
		case skip > 0:
			skip--
		case b[0] == iac:
			skip = 2
		case b[0] == '\n':
			return strings.TrimSpace(string(text))
		default:
			text = append(text, b[0])
		}
	}
}

// failf notes the first thing that went wrong.
func (p *probe) failf(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// wire opens the harness's end of a port and returns the option for the other.
func (p *probe) wire(slot, port int) (string, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return "", err
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	n, err := freePort()
	if err != nil {
		return "", err
	}
	to := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: n}
	w := &end{conn, to, make(chan []byte, 4096)}
	p.ends[[2]int{slot, port}] = w
	go func() {
		buf := make([]byte, 65536)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return // closed
			}
			w.frames <- append([]byte(nil), buf[:n]...)
		}
	}()
	return fmt.Sprintf("%d:%d:udp:%d:127.0.0.1:%d", slot, port, to.Port, conn.LocalAddr().(*net.UDPAddr).Port), nil
}

var lastPort atomic.Int32

// freePort returns a UDP port for an emulator to open: below those that the
// kernel hands out, so that nobody else of these tests takes it in between.
func freePort() (int, error) {
	const first, n = 20000, 10000
	for range n {
		port := first + (os.Getpid()*131+int(lastPort.Add(1)))%n
		if c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}); err == nil {
			_ = c.Close()
			return port, nil
		}
	}
	return 0, errors.New("no UDP port is free")
}

// chatter is what Dynamips prints about PA-4B and PA-MC-8TE1 on its own account.
var chatter = regexp.MustCompile(`^(M32|MUNICH32|DOORBELL|UNSUPPORTED|  Timeslot|   (Status|FRDA|FTDA|ITBS) )`)

// read takes the guest's lines until its last, or until something goes wrong.
func (p *probe) read(console io.Reader) {
	r := bufio.NewReader(console)
	started, heard := false, false
	var all strings.Builder
	for {
		text, err := r.ReadString('\n')
		all.WriteString(text)
		text = strings.TrimRight(text, "\r\n")
		if !started {
			started = strings.HasPrefix(text, "HWPROBE")
			if !heard && strings.HasPrefix(text, "@start") {
				heard = true
				p.press("k")
			}
		}
		if started && text != "" {
			line, ok := checked(text)
			switch {
			case !ok && chatter.MatchString(text): // not the guest's
			case !ok:
				p.lines = append(p.lines, "raw "+text)
			case line == "END":
				for key, w := range p.ends {
					if n := len(w.frames); n > 0 {
						p.lines = append(p.lines, fmt.Sprintf("wire %d.%d: %d frames left", key[0], key[1], n))
					}
				}
				return
			case line[0] == '@':
				p.serve(strings.Fields(line[1:]))
			default:
				p.lines = append(p.lines, line)
			}
		}
		if err != nil {
			s := all.String()
			p.failf("the guest did not run to its end; it printed …%s", s[max(0, len(s)-2000):])
		}
		if p.err != nil {
			return
		}
	}
}

// checked takes the sum off a line; it is wrong when a character was lost, and
// missing from what the guest did not print as a line.
func checked(s string) (string, bool) {
	n := len(s) - 3
	if n < 1 || s[n] != '~' {
		return s, false
	}
	sum, err := strconv.ParseUint(s[n+1:], 16, 8)
	if err != nil {
		return s, false
	}
	for i := range n {
		sum -= uint64(s[i])
	}
	return s[:n], sum&0xFF == 0
}

// serve does what the guest asks for, and answers with a key.
func (p *probe) serve(args []string) {
	number := func(i int) int {
		if i < len(args) {
			if n, err := strconv.Atoi(args[i]); err == nil {
				return n
			}
		}
		p.failf("the guest asks for %q, without a number at %d", args, i)
		return 0
	}
	key := "k"
	switch args[0] {
	case "wait":
		time.Sleep(time.Duration(number(1)) * time.Millisecond)
	case "drive":
		key = string(p.cfg.drive(number(1), number(2)))
	case "aux":
		if p.aux == nil {
			key = "n"
			break
		}
		if _, err := io.WriteString(p.aux, args[1]); err != nil {
			p.failf("typing on AUX: %w", err)
		}
	case "auxread":
		p.lines = append(p.lines, "aux prints "+p.readAUX())
	case "moves":
		if p.move == nil {
			key = "n"
		}
	case "insert", "remove":
		if err := p.move(number(1), strings.Join(args[2:], " ")); err != nil {
			p.failf("the guest asks for %q: %w", args, err)
		}
	case "send":
		p.send(number(1), number(2), number(3), number(4), args[5])
	case "hex":
		frame, err := hex.DecodeString(args[3])
		if err != nil {
			p.failf("the guest sends %q: %v", args[3], err)
		}
		p.put(number(1), number(2), frame)
	case "take":
		p.take(number(1), number(2), number(3), strings.Join(args[4:], " "))
	case "later":
		time.Sleep(time.Duration(number(1)) * time.Millisecond)
		key = args[2]
	default:
		p.failf("the guest asks for %q", args)
	}
	p.press(key)
}

func (p *probe) press(keys string) {
	if _, err := io.WriteString(p.keys, keys); err != nil {
		p.failf("typing: %w", err)
	}
}

// pattern is what fill in src/net.c makes.
func pattern(length, seed int) []byte {
	b := make([]byte, length)
	for i := range b {
		b[i] = byte(seed*17 + i*7 + i>>8)
	}
	return b
}

// send puts a frame on the wire of a port: the pattern of a seed, with the
// destination address in front where it is not "-".
func (p *probe) send(slot, port, length, seed int, dst string) {
	frame := pattern(length, seed)
	if dst != "-" {
		mac, err := hex.DecodeString(dst)
		if err != nil {
			p.failf("the guest sends to %q: %v", dst, err)
		}
		copy(frame, mac)
	}
	p.put(slot, port, frame)
}

// put puts a frame on the wire of a port.
func (p *probe) put(slot, port int, frame []byte) {
	w := p.ends[[2]int{slot, port}]
	if w == nil {
		p.failf("the guest sends to port %d.%d, which is not wired", slot, port)
		return
	}
	if _, err := w.conn.WriteToUDP(frame, w.to); err != nil {
		p.failf("%w", err)
		return
	}
	// Until the emulator has taken it, however busy the machine is.
	for deadline := time.Now().Add(frameTimeout); queued(w.to.Port) && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
}

// queued reports whether a datagram waits at a UDP port (proc(5), /proc/net/udp).
func queued(port int) bool {
	table, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
			return !strings.HasSuffix(f[4], ":00000000")
		}
	}
	return false
}

// take waits for n frames from a port and notes them among the lines.
func (p *probe) take(slot, port, n int, step string) {
	w := p.ends[[2]int{slot, port}]
	if w == nil {
		p.failf("the guest takes from port %d.%d, which is not wired", slot, port)
		return
	}
	for i := range n {
		select {
		case f := <-w.frames:
			p.lines = append(p.lines, fmt.Sprintf("wire %d.%d %s, frame %d of %d: %d bytes %x sum %08x", slot, port, step, i+1, n,
				len(f), f[:min(len(f), 14)], crc32.ChecksumIEEE(f)))
		case <-time.After(frameTimeout):
			p.lines = append(p.lines, fmt.Sprintf("wire %d.%d %s, frame %d of %d: none", slot, port, step, i+1, n))
			return
		}
	}
}
