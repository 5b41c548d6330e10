package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"dynemu/jit"
	"dynemu/vm"
	"dynemu/vm/chip/nvram"
	"dynemu/vm/console"
	"dynemu/vm/rom/archive"
)

// escape is the key that leaves the router's console: Ctrl-], then q.
const escape = 0x1d

func run(o *options) error {
	prefix := fmt.Sprintf("%s_i%d_", o.config.Platform, o.config.Instance)
	lock, err := takeLock(prefix + "lock")
	if err != nil {
		return err
	}
	defer lock.release()

	image, err := mapImage(o.image)
	if err != nil {
		return err
	}
	logName := o.log
	if logName == "" {
		logName = prefix + "log.txt"
	}
	log, err := newLog(logName)
	if err != nil {
		return err
	}
	defer log.Close()

	content, err := readIfThere(prefix + "nvram")
	if err != nil {
		return err
	}
	if content, err = pushConfigs(o, content); err != nil {
		return err
	}
	vars, err := readIfThere(prefix + "rommon_vars")
	if err != nil {
		return err
	}
	bootflash, disk0, disk1, err := openStorage(prefix, o)
	if err != nil {
		return err
	}
	for _, f := range []*os.File{bootflash, disk0, disk1} {
		if f != nil {
			defer f.Close()
		}
	}
	var perfMap *os.File
	if o.config.PerfMap {
		if perfMap, err = jit.CreatePerfMap(os.Getpid()); err != nil {
			return fmt.Errorf("--perf-map: %w", err)
		}
		defer perfMap.Close()
	}
	con, aux := console.New(), console.New()
	m, err := vm.New(o.config, vm.Host{
		Image:      image,
		NVRAM:      content,
		SaveNVRAM:  func(b []byte) error { return replaceFile(prefix+"nvram", b) },
		ROMMONVars: strings.FieldsFunc(string(vars), func(r rune) bool { return r == '\n' }),
		SaveROMMONVars: func(lines []string) error {
			return replaceFile(prefix+"rommon_vars", []byte(strings.Join(lines, "\n")+"\n"))
		},
		Bootflash: bootflash,
		Disk0:     disk0,
		Disk1:     disk1,
		PerfMap:   perfMap,
		Console:   con,
		AUX:       aux,
		Log:       log.line,
	})
	if err != nil {
		return err
	}
	defer m.Stop()
	for _, w := range o.wires {
		end, err := w.nio.Open()
		if err != nil {
			return fmt.Errorf("-s %s: %w", w.text, err)
		}
		if err := m.Plug(w.slot, w.port, end); err != nil {
			return fmt.Errorf("-s %s: %w", w.text, err)
		}
	}
	if err := serve(con, o, o.console, "Console"); err != nil {
		return err
	}
	if err := serve(aux, o, o.aux, "AUX"); err != nil {
		return err
	}

	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	if err := m.Start(); err != nil {
		return err
	}
	if o.console == 0 {
		restore, err := attachTerminal(ctx, cancel, con, !o.noEscape)
		if err != nil {
			return err
		}
		defer restore()
	}
	select {
	case <-m.Done():
		return m.Err()
	case <-ctx.Done():
		return nil
	}
}

// serve listens for console clients on a TCP port; 0 is none.
func serve(c *console.Console, o *options, port int, name string) error {
	if port == 0 {
		return nil
	}
	l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", o.bind, port))
	if err != nil {
		return fmt.Errorf("the %s port: %w", name, err)
	}
	go func() {
		_ = c.ServeTelnet(l, console.Info{Name: o.config.Name, ID: o.config.Instance, Type: o.config.Platform, Port: name, Quiet: o.quiet})
	}()
	return nil
}

// attachTerminal joins the console to standard input and output. It returns
// what brings the terminal back to its state and shows what is left to show.
func attachTerminal(ctx context.Context, quit func(), c *console.Console, withEscape bool) (restore func(), err error) {
	in := io.Reader(os.Stdin)
	fd := int(os.Stdin.Fd())
	restoreMode := func() {}
	if term.IsTerminal(fd) {
		old, err := term.MakeRaw(fd)
		if err != nil {
			return nil, err
		}
		restoreMode = func() { _ = term.Restore(fd, old) }
		if withEscape {
			in = &escapeReader{r: in, quit: quit}
		}
	}
	out := c.Subscribe(true)
	var shown sync.WaitGroup
	shown.Go(func() { _, _ = io.Copy(os.Stdout, out) })
	go func() {
		var keys console.Keys
		buf := make([]byte, 1024)
		for {
			n, err := in.Read(buf)
			if n > 0 {
				if _, err := c.Type(ctx, keys.Append(nil, buf[:n])); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	return func() {
		for deadline := time.Now().Add(time.Second); out.Pending() > 0 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		out.Close()
		shown.Wait()
		restoreMode()
	}, nil
}

// escapeReader passes keys on, but for Ctrl-] q, which ends the program, and
// Ctrl-] Ctrl-], which is one Ctrl-].
type escapeReader struct {
	r       io.Reader
	quit    func()
	escaped bool
}

func (e *escapeReader) Read(p []byte) (int, error) {
	for {
		n, err := e.r.Read(p)
		k := 0
		for _, b := range p[:n] {
			switch {
			case e.escaped && b == 'q':
				e.quit()
				return k, io.EOF
			case !e.escaped && b == escape:
				e.escaped = true
				continue
			}
			e.escaped = false
			p[k] = b
			k++
		}
		if k > 0 || err != nil {
			return k, err
		}
	}
}

// pushConfigs puts the configuration files into NVRAM, and has the router use
// them (cpu reference, 7.6).
func pushConfigs(o *options, content []byte) ([]byte, error) {
	if o.startup == "" && o.private == "" {
		return content, nil
	}
	size := o.config.NVRAM << 10
	if len(content) < size {
		content = append(content, make([]byte, size-len(content))...)
	}
	var startup, private []byte
	var err error
	if o.startup != "" {
		if startup, err = os.ReadFile(o.startup); err != nil {
			return nil, fmt.Errorf("--startup-config: %w", err)
		}
	}
	if o.private != "" {
		if private, err = os.ReadFile(o.private); err != nil {
			return nil, fmt.Errorf("--private-config: %w", err)
		}
	}
	if err := nvram.WriteConfigs(content[:size], nvram.C7200, startup, private); err != nil {
		return nil, err
	}
	o.config.ConfReg &^= 0x40
	return content, nil
}

// mapImage maps an image into memory, so that routers on the same image share
// it. One in an archive is unpacked first, once.
func mapImage(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { f.Close() }()
	if archive.Is(f) {
		cache := archive.Cache{Dir: "."}
		if dir, err := os.UserCacheDir(); err == nil {
			cache.Dir = filepath.Join(dir, "dynemu")
		}
		image, _, err := cache.Open(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		f.Close()
		f = image
	}
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() == 0 || !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a router image: an ELF file is accepted", name)
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return b, nil
}

// openStorage opens the files of bootflash and disks, making those that are not
// there (c7200 reference, 14.2). A disk without a size has none.
func openStorage(prefix string, o *options) (bootflash, disk0, disk1 *os.File, err error) {
	open := func(name string) (*os.File, error) { return os.OpenFile(prefix+name, os.O_RDWR|os.O_CREATE, 0o644) }
	if bootflash, err = open("bootflash"); err == nil && o.config.Disk0 != 0 {
		disk0, err = open("disk0")
	}
	if err == nil && o.config.Disk1 != 0 {
		disk1, err = open("disk1")
	}
	return bootflash, disk0, disk1, err
}

func readIfThere(name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// replaceFile writes a file so that a crash leaves the old or the new.
func replaceFile(name string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// lockFile keeps a second router of the same instance number out.
type lockFile struct{ f *os.File }

func takeLock(name string) (*lockFile, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		pid, _ := io.ReadAll(f)
		f.Close()
		return nil, fmt.Errorf("a router with this instance number runs in this folder already (process %s); -i takes another number", strings.TrimSpace(string(pid)))
	}
	return &lockFile{f}, errors.Join(f.Truncate(0), writeString(f, fmt.Sprintf("%d\n", os.Getpid())))
}

func writeString(w io.Writer, s string) error {
	_, err := io.WriteString(w, s)
	return err
}

func (l *lockFile) release() {
	_ = os.Remove(l.f.Name())
	l.f.Close()
}

// logFile is the router's log, one line an event (cpu reference, 9.4).
type logFile struct {
	mu sync.Mutex
	f  *os.File
}

func newLog(name string) (*logFile, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	return &logFile{f: f}, nil
}

func (l *logFile) line(module, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.f, "%s %s: %s\n", time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), module, text)
}

func (l *logFile) Close() error { return l.f.Close() }
