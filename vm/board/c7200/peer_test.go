package c7200_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/vm"
)

const (
	peerCompiler = "mips-linux-gnu-gcc" // Debian package gcc-mips-linux-gnu
	peerEmulator = "dynamips"           // Debian package dynamips
	peerTimeout  = 60 * time.Second
)

// peerKeys are typed after each PROMPT.
var peerKeys = []string{"abc", "xyz"}

// peerExceptions are lines that may differ, and why.
var peerExceptions = []struct {
	line *regexp.Regexp
	why  string
}{
	{regexp.MustCompile(`^year `), "two BCD digits, as in the real calendar; Dynamips counts from 1900 (c7200 reference, 17 #10)"},
}

// terminal is a console whose user answers prompts.
type terminal struct {
	mu     sync.Mutex
	out    bytes.Buffer
	typed  []byte
	asked  int
	notify func()
	enter  func(keys string) // types
}

func (l *terminal) Write(p []byte) (int, error) {
	l.mu.Lock()
	l.out.Write(p)
	var keys string
	if n := bytes.Count(l.out.Bytes(), []byte("PROMPT")); n > l.asked && n <= len(peerKeys) {
		l.asked, keys = n, peerKeys[n-1]
	}
	l.mu.Unlock()
	if keys != "" {
		l.enter(keys)
	}
	return len(p), nil
}

func (l *terminal) WriteByte(b byte) error { _, err := l.Write([]byte{b}); return err }
func (l *terminal) Notify(fn func())       { l.notify = fn }
func (l *terminal) Waiting() bool          { return len(l.typed) > 0 }
func (l *terminal) Get() (byte, bool) {
	if len(l.typed) == 0 {
		return 0, false
	}
	b := l.typed[0]
	l.typed = l.typed[1:]
	return b, true
}

// lines returns what the guest printed, from its first line on.
func (l *terminal) lines(t *testing.T) []string {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := strings.ReplaceAll(l.out.String(), "\r", "")
	_, body, found := strings.Cut(s, "Launching IOS image")
	body, _, ended := strings.Cut(body, "END\n")
	if !found || !ended {
		t.Fatalf("the guest did not run to its end; it printed …%s", s[max(0, len(s)-400):])
	}
	lines := strings.Split(body, "\n")
	return lines[1:]
}

var peerSlots = []string{"", "PA-FE-TX", "PA-8T", "", "", "PA-FE-TX", "PA-4T+"}

// openPTY returns the two ends of a pseudo-terminal: Dynamips wants one for its
// console.
func openPTY(t *testing.T) (master, slave *os.File) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

func runDynamips(t *testing.T, npe, image string) []string {
	args := []string{"-P", "7200", "-t", npe, "-i", "1", "-X", "-r", "64", "-n", "128", "-c", "0x2102", "-m", "ca00.6fdb.0000"}
	for slot, card := range peerSlots {
		if card != "" {
			args = append(args, "-p", fmt.Sprintf("%d:%s", slot, card))
		}
	}
	master, slave := openPTY(t)
	l := &terminal{enter: func(keys string) { _, _ = io.WriteString(master, keys) }}
	cmd := exec.Command(peerEmulator, append(args, image)...)
	cmd.Dir = t.TempDir()
	cmd.Stdin, cmd.Stdout = slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	copied := make(chan struct{})
	go func() {
		_, _ = io.Copy(l, master) // ends with EIO when the other side closes
		close(copied)
	}()
	kill := time.AfterFunc(peerTimeout, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	_ = cmd.Wait() // how it ends says nothing; the guest's last line does
	<-copied
	return l.lines(t)
}

func runDynemu(t *testing.T, npe, image string) []string {
	elf, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	l := &terminal{}
	l.enter = func(keys string) { // on the machine's goroutine
		l.typed = append(l.typed, keys...)
		l.notify()
	}
	m, err := vm.New(vm.Config{
		Name: "R1", Platform: "c7200", NPE: npe, RAM: 64, NVRAM: 128, ConfReg: 0x2102,
		MAC: "ca00.6fdb.0000", Slots: peerSlots,
	}, vm.Host{Image: elf, Console: l})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-m.Done():
	case <-time.After(peerTimeout):
		m.Stop()
	}
	return l.lines(t)
}

// TestPeer runs one guest on Dynamips and on this board: what it sees must be
// the same, line by line.
func TestPeer(t *testing.T) {
	for _, prog := range []string{peerCompiler, peerEmulator} {
		if _, err := exec.LookPath(prog); err != nil {
			t.Skipf("%s is not installed: the board is not compared with Dynamips", prog)
		}
	}
	for i, npe := range []string{"npe-400", "npe-300", "npe-200"} {
		t.Run(npe, func(t *testing.T) {
			t.Parallel()
			image := filepath.Join(t.TempDir(), "registers.elf")
			cmd := exec.Command(peerCompiler, "-mabi=32", "-march=mips3", "-EB", "-O1", "-mno-abicalls", "-fno-pic", "-G0",
				"-ffreestanding", "-nostdlib", "-static", "-fno-stack-protector", "-Wl,--build-id=none", "-Wl,-T,testdata/registers.ld",
				fmt.Sprintf("-DSEED=%d", 4711*(i+1)), "-o", image, "testdata/registers.c", "-lgcc")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			want, got := runDynamips(t, npe, image), runDynemu(t, npe, image)
			used := map[string]bool{}
			compare(t, want, got, used)
			for _, e := range peerExceptions {
				if !used[e.why] {
					t.Logf("exception not needed: %s", e.why)
				}
			}
		})
	}
}

// compare takes the two outputs apart line by line; lines that only one side
// has (a register that reads 0 on the other) are matched by their excepted
// form.
func compare(t *testing.T, want, got []string, used map[string]bool) {
	excepted := func(line string) bool {
		for _, e := range peerExceptions {
			if e.line.MatchString(line) {
				used[e.why] = true
				return true
			}
		}
		return false
	}
	bad := 0
	for w, g := 0, 0; w < len(want) || g < len(got); {
		switch {
		case w < len(want) && g < len(got) && want[w] == got[g]:
			w, g = w+1, g+1
		case w < len(want) && excepted(want[w]):
			w++
		case g < len(got) && excepted(got[g]):
			g++
		case w < len(want) && g < len(got):
			t.Errorf("line %d: Dynamips %q, here %q", w, want[w], got[g])
			w, g, bad = w+1, g+1, bad+1
		default:
			t.Errorf("%d lines on Dynamips, %d here", len(want), len(got))
			return
		}
		if bad == 10 {
			t.Fatal("and more")
		}
	}
	t.Logf("%d lines compared", len(got))
}
