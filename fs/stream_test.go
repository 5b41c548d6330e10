package fs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// feed is a source that the test feeds.
type feed struct {
	mu     sync.Mutex
	buf    []byte
	more   chan struct{}
	ended  bool
	closed bool
	waits  int
}

func (s *feed) Read(ctx context.Context, p []byte, wait bool) (int, error) {
	for {
		s.mu.Lock()
		n := copy(p, s.buf)
		s.buf = s.buf[n:]
		ended, more := s.ended, s.more
		if n == 0 && wait {
			s.waits++
		}
		s.mu.Unlock()
		switch {
		case n > 0 || ended:
			return n, nil
		case !wait:
			return 0, syscall.EAGAIN
		}
		select {
		case <-more:
		case <-ctx.Done():
			return 0, syscall.EINTR
		}
	}
}

func (s *feed) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

func (s *feed) change(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
	close(s.more)
	s.more = make(chan struct{})
}

func (s *feed) put(text string) { s.change(func() { s.buf = append(s.buf, text...) }) }

// serveFiles mounts a tree of these files alone.
func serveFiles(t *testing.T, f files) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIP: mounting a FUSE file system needs root")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("SKIP: this machine has no /dev/fuse")
	}
	dir, err := os.MkdirTemp("", tempPrefix)
	if err != nil {
		t.Fatal(err)
	}
	mnt := filepath.Join(dir, "mnt")
	if err := os.Mkdir(mnt, 0o755); err != nil {
		t.Fatal(err)
	}
	tree := &Tree{host: host{}, dir: mnt, log: slog.New(slog.NewTextHandler(io.Discard, nil)), stamps: map[string]stamp{}}
	f["version"] = tree.text(statusMode, func() ([]byte, error) { return nil, nil })
	names := []string{}
	for name, make := range f {
		names = append(names, name)
		f[name] = func(path string) entry {
			e := make(path)
			switch n := e.(type) {
			case *stream:
				n.base = tree.base(path, n.perm)
			case *setting:
				n.base = tree.base(path, n.perm)
			case *text:
				n.base = tree.base(path, n.perm)
			}
			return e
		}
	}
	if err := tree.serve(tree.fixed("", f, func() []string { return names })); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tree.Unmount()
		os.RemoveAll(dir)
	})
	return mnt
}

// serveFeed mounts a stream of which every opening adds a feed.
func serveFeed(t *testing.T) (path string, opened func(i int) *feed) {
	var mu sync.Mutex
	var feeds []*feed
	mnt := serveFiles(t, files{"live": func(string) entry {
		return &stream{base: base{perm: secretMode}, open: func(bool) (source, error) {
			mu.Lock()
			defer mu.Unlock()
			s := &feed{more: make(chan struct{})}
			feeds = append(feeds, s)
			return s, nil
		}}
	}})
	return filepath.Join(mnt, "live"), func(i int) *feed {
		t.Helper()
		var s *feed
		wait(t, "opening", func() bool {
			mu.Lock()
			defer mu.Unlock()
			if len(feeds) > i {
				s = feeds[i]
			}
			return s != nil
		})
		return s
	}
}

func wait(t *testing.T, what string, fn func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if fn() {
			return
		}
	}
	t.Fatalf("never happened: %s", what)
}

// reader is a process that reads a file and prints what each read gave, a line
// each.
type reader struct {
	t   *testing.T
	cmd *exec.Cmd
	out *syncBuffer
	tid int
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *syncBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *syncBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// readerVariable makes the test binary a reader of the file that it names.
const readerVariable = "DYNEMU_TEST_READ"

// readFile is the reader: it does not repeat what a signal ended.
func readFile(path string) {
	runtime.LockOSThread()
	signal.Notify(make(chan os.Signal, 1), syscall.SIGUSR1)
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	if err != nil {
		fmt.Println("open:", err)
		return
	}
	fmt.Println("thread", unix.Gettid())
	buf := make([]byte, 100)
	for {
		n, err := unix.Read(fd, buf)
		if n == 0 || err != nil && err != unix.EINTR {
			fmt.Printf("end %v\n", err)
			return
		}
		fmt.Printf("%q %v\n", buf[:max(n, 0)], err)
	}
}

func startReader(t *testing.T, path string) *reader {
	t.Helper()
	r := &reader{t: t, cmd: exec.Command(os.Args[0]), out: &syncBuffer{}}
	r.cmd.Env = append(os.Environ(), readerVariable+"="+path)
	r.cmd.Stdout = r.out
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.cmd.Process.Kill(); r.cmd.Wait() })
	wait(t, "the reader has opened the file", func() bool { return strings.Contains(r.out.String(), "\n") })
	first, _, _ := strings.Cut(r.out.String(), "\n")
	var err error
	if r.tid, err = strconv.Atoi(strings.TrimPrefix(first, "thread ")); err != nil {
		t.Fatal(first)
	}
	return r
}

func (r *reader) signal(s unix.Signal) {
	r.t.Helper()
	if err := unix.Tgkill(r.cmd.Process.Pid, r.tid, s); err != nil {
		r.t.Fatal(err)
	}
}

func (r *reader) says(want string) {
	r.t.Helper()
	wait(r.t, "the reader says "+want+" and not "+r.out.String(), func() bool {
		_, rest, _ := strings.Cut(r.out.String(), "\n")
		return rest == want
	})
}

// A signal by which the runtime of a Go program has its threads take turns ends
// no read; one that a program acts on does, also after the other.
func TestSignals(t *testing.T) {
	path, opened := serveFeed(t)
	r := startReader(t, path)
	s := opened(0)
	for range 20 {
		r.signal(unix.SIGURG)
		time.Sleep(5 * time.Millisecond)
	}
	s.put("one")
	r.says("\"one\" <nil>\n")
	r.signal(unix.SIGUSR1)
	r.says("\"one\" <nil>\n\"\" interrupted system call\n")
	r.signal(unix.SIGURG)
	time.Sleep(50 * time.Millisecond)
	r.signal(unix.SIGUSR1)
	r.says("\"one\" <nil>\n\"\" interrupted system call\n\"\" interrupted system call\n")
	s.put("two")
	r.says("\"one\" <nil>\n\"\" interrupted system call\n\"\" interrupted system call\n\"two\" <nil>\n")

	// A reader that is killed is gone at once, and its stream with it.
	r.signal(unix.SIGURG)
	time.Sleep(50 * time.Millisecond)
	r.cmd.Process.Kill()
	r.cmd.Wait()
	wait(t, "the stream is closed", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.closed })

	// A reader that is stopped and goes on is only told so.
	r = startReader(t, path)
	s = opened(1)
	wait(t, "the reader waits", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.waits > 0 })
	r.cmd.Process.Signal(syscall.SIGSTOP)
	state := func() string {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/stat", r.cmd.Process.Pid, r.tid))
		_, rest, _ := bytes.Cut(b, []byte(") "))
		return string(rest[:min(1, len(rest))])
	}
	wait(t, "the reader is stopped", func() bool { return state() == "T" })
	r.cmd.Process.Signal(syscall.SIGCONT)
	s.put("three")
	wait(t, "the reader goes on", func() bool { return strings.HasSuffix(r.out.String(), "\"three\" <nil>\n") })
	s.change(func() { s.ended = true })
	wait(t, "the end", func() bool { return strings.HasSuffix(r.out.String(), "end <nil>\n") })
}

// A file whose content takes long does not hold up who only looks at it.
func TestSlowContent(t *testing.T) {
	release := make(chan struct{})
	mnt := serveFiles(t, files{"stats": func(string) entry {
		return &text{base: base{perm: statusMode}, content: func() ([]byte, error) {
			<-release
			return []byte("rx-packets 1\n"), nil
		}}
	}})
	if out, err := exec.Command("timeout", "5", "ls", "-l", mnt).CombinedOutput(); err != nil || !strings.Contains(string(out), "stats") {
		t.Errorf("ls: %v %s", err, out)
	}
	cat := exec.Command("timeout", "20", "cat", filepath.Join(mnt, "stats"))
	out := &syncBuffer{}
	cat.Stdout = out
	if err := cat.Start(); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := cat.Wait(); err != nil || out.String() != "rx-packets 1\n" {
		t.Errorf("cat: %v %q", err, out.String())
	}
}

func TestStream(t *testing.T) {
	path, opened := serveFeed(t)
	open := func(flags int) int {
		t.Helper()
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	if _, err := unix.Open(path, unix.O_WRONLY, 0); err != unix.EACCES {
		t.Errorf("opened for writing by root: %v", err)
	}
	if _, err := unix.Open(path, unix.O_RDWR, 0); err != unix.EACCES {
		t.Errorf("opened for reading and writing by root: %v", err)
	}
	st, err := os.Stat(path)
	if err != nil || st.Size() != 0 || st.Mode() != 0o440 {
		t.Errorf("%v %v", st, err)
	}
	a, b := open(unix.O_RDONLY|unix.O_NONBLOCK), open(unix.O_RDONLY|unix.O_NONBLOCK)
	buf := make([]byte, 4)
	if _, err := unix.Read(a, buf); err != unix.EAGAIN {
		t.Errorf("nothing to read: %v", err)
	}
	opened(0).put("for a")
	opened(1).put("for b")
	var got []string
	for _, fd := range []int{a, b, a, b} {
		n, err := unix.Read(fd, buf)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(buf[:n]))
	}
	if want := "for ,for ,a,b"; strings.Join(got, ",") != want {
		t.Errorf("read %q", got)
	}
	if _, err := unix.Seek(a, 0, io.SeekStart); err != unix.ESPIPE {
		t.Errorf("seek: %v", err)
	}
	p := []unix.PollFd{{Fd: int32(a), Events: unix.POLLIN}}
	if n, err := unix.Poll(p, 1000); n != 1 || err != nil {
		t.Errorf("poll: %d %v", n, err)
	}
	opened(0).change(func() { opened(0).ended = true })
	if n, err := unix.Read(a, buf); n != 0 || err != nil {
		t.Errorf("at the end: %d %v", n, err)
	}
	unix.Close(a)
	unix.Close(b)
	for i := range 2 {
		wait(t, "closed", func() bool { s := opened(i); s.mu.Lock(); defer s.mu.Unlock(); return s.closed })
	}

	// Many readers that wait do not keep others from the tree.
	var readers []*exec.Cmd
	for i := range 40 {
		cmd := exec.Command("cat", path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { cmd.Process.Kill(); cmd.Wait() }()
		readers = append(readers, cmd)
		opened(2 + i)
	}
	if _, err := os.ReadFile(filepath.Join(filepath.Dir(path), "version")); err != nil {
		t.Error(err)
	}
	for i, cmd := range readers {
		cmd.Process.Signal(syscall.SIGINT)
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
			t.Errorf("cat %d: %v", i, err)
		}
	}
}

// A setting's text is what was written last, whether in one write or a line at a
// time, and a text that is refused changes nothing.
func TestSetting(t *testing.T) {
	var mu sync.Mutex
	now := "none\n"
	mnt := serveFiles(t, files{"filter": func(string) entry {
		return &setting{
			base: base{perm: storageMode},
			get:  func() ([]byte, error) { mu.Lock(); defer mu.Unlock(); return []byte(now), nil },
			set: func(text string) error {
				if strings.Contains(text, "bad") {
					return syscall.EINVAL
				}
				mu.Lock()
				defer mu.Unlock()
				now = text
				return nil
			},
		}
	}})
	dir := t.TempDir()
	for _, tt := range []struct {
		shell, script string
		code          int
		want          string
	}{
		{"sh", "echo in 1 > filter", 0, "in 1\n"},
		{"bash", "echo none > filter", 0, "none\n"},
		{"sh", "echo in 2 >> filter", 0, "in 2\n"},
		{"sh", "echo out 3 >> filter", 0, "in 2\nout 3\n"},
		{"bash", `printf 'in 4\nout 5\n' > filter`, 0, "in 4\nout 5\n"},
		{"dash", `printf 'in 6\nout 7\n' > filter`, 0, "in 6\nout 7\n"},
		{"sh", "(echo in 8; echo out 9) > filter", 0, "in 8\nout 9\n"},
		{"bash", "echo bad > filter", 1, "in 8\nout 9\n"},
		{"sh", "echo bad >> filter", 1, "in 8\nout 9\n"},
		{"bash", "(echo in 10; echo bad; echo out 11) > filter", 0, "in 10\nout 11\n"},
		{"sh", "/bin/echo bad > filter", 1, "in 10\nout 11\n"},
		{"sh", ": > filter", 0, "in 10\nout 11\n"},
		{"sh", "printf 'in 12\nout 13\n' > " + dir + "/f && cp " + dir + "/f filter", 0, "in 12\nout 13\n"},
		{"sh", "echo in 14 | tee filter > /dev/null", 0, "in 14\n"},
		{"sh", "printf 'in 15\n' > " + dir + "/f && dd if=" + dir + "/f of=filter 2> /dev/null", 0, "in 15\n"},
		{"sh", "dd if=/dev/zero of=filter bs=70000 count=1 2> /dev/null", 1, "in 15\n"},
		{"sh", "truncate -s 0 filter && chmod 600 filter", 1, "in 15\n"},
		{"sh", "rm -f filter", 1, "in 15\n"},
	} {
		cmd := exec.Command(tt.shell, "-c", "cd "+mnt+" && "+tt.script)
		out, _ := cmd.CombinedOutput()
		text, err := exec.Command("cat", filepath.Join(mnt, "filter")).Output()
		if code := cmd.ProcessState.ExitCode(); code != tt.code || err != nil || string(text) != tt.want {
			t.Errorf("%s -c %q: exit %d, %q, want %d, %q; %s", tt.shell, tt.script, code, text, tt.code, tt.want, out)
		}
		if st, err := os.Stat(filepath.Join(mnt, "filter")); err != nil || st.Size() != int64(len(tt.want)) {
			t.Errorf("%s: size %v %v", tt.script, st, err)
		}
	}
	if vim, err := exec.LookPath("vim"); err == nil {
		cmd := exec.Command(vim, "-N", "-u", "NONE", "-i", "NONE", "-es", "-c", "%s/15/16/", "-c", "wq", filepath.Join(mnt, "filter"))
		if out, err := cmd.CombinedOutput(); err != nil || now != "in 16\n" {
			t.Errorf("vim: %v %s, filter %q", err, out, now)
		}
	}
}
