package emud

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/emud/idlepc"
	"dynemu/emud/lab"
	"dynemu/vm/rom/archive"
)

// Options say where a daemon works and with what.
type Options struct {
	Mount   string // where the tree appears; empty: nowhere
	State   string // directory that outlives a reboot
	Runtime string // directory that lives as long as what runs
	Version string

	Network Network
	Nodes   Nodes
	// Hosts are the names and addresses of this machine that server sections of
	// lab files may use, besides localhost.
	Hosts []string
	// Builtin is the image that a router without one runs, an ELF file.
	Builtin func() []byte
	// CheckImage says why a router of this model cannot run the image.
	CheckImage func(model string, image []byte) error
	// Quiet is how long a lab file must have been left alone before it is
	// applied; zero means 0.2 s.
	Quiet time.Duration
	// Settings are those to begin with.
	Settings Settings
	// Units tells that nodes run in units of systemd, which can limit them.
	Units bool
	// Group owns consoles and other files that its members may use; -1: none.
	Group int
	Log   *slog.Logger
}

// Daemon holds the labs.
type Daemon struct {
	opt   Options
	log   *slog.Logger
	lock  *os.File
	start time.Time

	settings atomic.Pointer[Settings]
	loaded   atomic.Bool   // all labs of the state directory are read
	unpacked archive.Cache // of images that come as ZIP archives

	mu      sync.Mutex
	labs    map[string]*Lab
	errText string
	events  eventReaders
	images  images
	hostUp  map[string]bool // interfaces of the host that have carrier

	idle     idlepc.DB
	idleText []byte     // of the database, as it was written
	idleOp   sync.Mutex // held by whoever changes it
	editor   Editor     // of lab files; nil: they are changed where they are stored

	stopHost func() // ends watching them

	detach     chan struct{}
	detachOnce sync.Once
}

// New takes the runtime directory for itself and reads the labs of the state
// directory. Nothing is started yet: see Run.
func New(opt Options) (*Daemon, error) {
	if opt.Quiet == 0 {
		opt.Quiet = 200 * time.Millisecond
	}
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	d := &Daemon{opt: opt, log: opt.Log, start: time.Now(), labs: map[string]*Lab{}, hostUp: map[string]bool{}, detach: make(chan struct{})}
	d.set(opt.Settings)
	d.unpacked.Dir = filepath.Join(opt.State, "cache")
	for _, dir := range []string{d.stateDir(), filepath.Join(opt.State, "images"), filepath.Join(opt.Runtime, "labs"), filepath.Join(opt.Runtime, "images")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	if err := d.takeLock(); err != nil {
		return nil, err
	}
	if err := errors.Join(d.loadIdleDB(), d.load()); err != nil {
		d.lock.Close()
		return nil, err
	}
	return d, nil
}

func (d *Daemon) stateDir() string { return filepath.Join(d.opt.State, "labs") }

// Version is the version of the program.
func (d *Daemon) Version() string { return d.opt.Version }

// StateDir is where labs keep what outlives a reboot.
func (d *Daemon) StateDir() string { return d.stateDir() }

// Group owns what its members may use; -1 for none.
func (d *Daemon) Group() int { return d.opt.Group }

// takeLock keeps a second daemon away from the runtime directory. The kernel
// drops the lock with the process, however that ends.
func (d *Daemon) takeLock() error {
	path := filepath.Join(d.opt.Runtime, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		pid, _ := os.ReadFile(path)
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return fmt.Errorf("%s is in use by the dynemud with process number %s; stop it, or give this one its own --runtime, --state, --mount and --prefix",
				d.opt.Runtime, strings.TrimSpace(string(pid)))
		}
		return fmt.Errorf("lock %s: %w", path, err)
	}
	if err := f.Truncate(0); err == nil {
		fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	d.lock = f
	return nil
}

// load reads the labs and connects them with the nodes that run.
func (d *Daemon) load() error {
	entries, err := os.ReadDir(d.stateDir())
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, isLab := strings.CutSuffix(e.Name(), ".net")
		if e.IsDir() {
			name, isLab = e.Name(), true
		}
		if isLab && CheckLabName(name) == nil {
			d.labs[name] = newLab(d, name)
		}
	}
	// A lab whose files are gone may have left things in the kernel.
	records, err := os.ReadDir(filepath.Join(d.opt.Runtime, "labs"))
	if err != nil {
		return err
	}
	for _, e := range records {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if ok && d.labs[name] == nil && CheckLabName(name) == nil {
			d.labs[name] = newLab(d, name)
		}
	}
	nodes, err := d.opt.Nodes.Adopt()
	if err != nil {
		// They run on, and their labs say that they cannot be started twice.
		d.log.Error("not all that runs can be taken over", "err", err)
	}
	byLab := map[string]map[string]Node{}
	for _, n := range nodes {
		s := n.Spec()
		if byLab[s.Lab] == nil {
			byLab[s.Lab] = map[string]Node{}
		}
		byLab[s.Lab][s.Device] = n
		if d.labs[s.Lab] == nil && CheckLabName(s.Lab) == nil {
			d.labs[s.Lab] = newLab(d, s.Lab)
		}
	}
	for name, l := range d.labs {
		if err := l.load(byLab[name]); err != nil {
			d.log.Error("cannot read a lab", "lab", name, "err", err)
		}
	}
	d.loaded.Store(true)
	return nil
}

// Run brings every lab to the state that it was left in.
func (d *Daemon) Run() {
	stop, err := d.opt.Network.WatchHost(d.hostChanged)
	if err != nil {
		d.log.Error("cannot watch the interfaces of this machine: NIOs on them have no carrier", "err", err)
	} else {
		d.mu.Lock()
		d.stopHost = stop
		d.mu.Unlock()
	}
	var wg sync.WaitGroup
	for _, l := range d.Labs() {
		wg.Add(1)
		go func() {
			defer wg.Done()
			l.resume()
		}()
	}
	wg.Wait()
}

// Labs returns all labs by name.
func (d *Daemon) Labs() []*Lab {
	d.mu.Lock()
	defer d.mu.Unlock()
	labs := make([]*Lab, 0, len(d.labs))
	for _, l := range d.labs {
		labs = append(labs, l)
	}
	sort.Slice(labs, func(i, j int) bool { return labs[i].name < labs[j].name })
	return labs
}

// Lab returns a lab by name, or nil.
func (d *Daemon) Lab(name string) *Lab {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.labs[name]
}

// EnsureLab returns the lab of that name, a new one with nothing in it where
// there was none. The name must have passed CheckLabName.
func (d *Daemon) EnsureLab(name string) *Lab {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.labs[name]
	if l == nil {
		l = newLab(d, name)
		d.labs[name] = l
	}
	return l
}

func (d *Daemon) forget(l *Lab) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.labs[l.name] == l {
		delete(d.labs, l.name)
	}
}

// maxName keeps LAB.DEVICE within the name of a socket and of a namespace.
const maxName = 64

// CheckLabName says why name cannot name a lab.
func CheckLabName(name string) error {
	switch {
	case name == "":
		return refuse(syscall.EINVAL, "a lab file needs a name before .net")
	case len(name) > maxName:
		return refuse(syscall.ENAMETOOLONG, "lab name %q is longer than %d characters", name, maxName)
	case strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".net"):
		return refuse(syscall.EINVAL, "lab name %q must not begin with a dot or end in .net", name)
	}
	for _, r := range name {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-.", r)) {
			return refuse(syscall.EINVAL, "lab name %q holds %q; letters, digits, _ - . are accepted", name, r)
		}
	}
	return nil
}

// ErrorText says why the last command to all labs failed; empty when it did
// not.
func (d *Daemon) ErrorText() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.errText
}

func (d *Daemon) setError(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.errText = errorText(err)
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return oneLine(err.Error())
}

// Detached is closed when the command detach was given: the program should
// end with Release.
func (d *Daemon) Detached() <-chan struct{} { return d.detach }

// Release gives up everything and leaves all routers running, for the next
// daemon to adopt.
func (d *Daemon) Release() {
	for _, l := range d.Labs() {
		l.finishPending()
		l.op.Lock() // what is under way ends first
		l.stopAllWatching()
		for _, dev := range l.Devices() {
			dev.release()
		}
		for _, n := range l.rec.orphans {
			n.Release()
		}
		l.op.Unlock()
	}
	d.end()
}

// Shutdown stops all labs in the order of their names, last first, with their
// storage written, and removes what they have in the kernel. Their wish to run
// is kept for the next start.
func (d *Daemon) Shutdown(ctx context.Context) error {
	labs := d.Labs()
	var errs []error
	for i := len(labs) - 1; i >= 0; i-- {
		if ctx.Err() != nil {
			errs = append(errs, ctx.Err())
			break
		}
		labs[i].finishPending()
		if err := labs[i].shutdown(); err != nil {
			errs = append(errs, err)
		}
	}
	d.end()
	return errors.Join(errs...)
}

// end gives up what the daemon itself holds.
func (d *Daemon) end() {
	d.mu.Lock()
	stop := d.stopHost
	d.mu.Unlock()
	if stop != nil {
		stop()
	}
	d.endEvents()
	d.lock.Close()
}

// openImage opens an image that a lab file names, unpacked if it is an archive,
// and returns the path of what was named.
func (d *Daemon) openImage(l *Lab, name string) (*os.File, string, error) {
	f, path, err := d.findImage(l, name)
	if err != nil || !archive.Is(f) {
		return f, path, err
	}
	defer f.Close()
	image, into, err := d.unpacked.Open(f)
	if err != nil {
		return nil, "", fmt.Errorf("image %s: %w", path, err)
	}
	d.log.Debug("unpacked image in use", "lab", l.name, "archive", path, "image", into)
	return image, path, nil
}

// findImage opens the file that a lab file names. A Windows path, or one that is
// not there, is looked for by its base name beside the lab and among the
// images.
func (d *Daemon) findImage(l *Lab, name string) (*os.File, string, error) {
	if name == "" || name == "builtin" {
		return d.openBuiltin()
	}
	if filepath.IsAbs(name) {
		name = d.hostPath(name)
		f, err := openRegular(name)
		if err == nil {
			return f, name, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, "", err
		}
	}
	slashed := strings.ReplaceAll(name, `\`, "/")
	base := slashed[strings.LastIndexByte(slashed, '/')+1:]
	dirs := []string{l.FilesDir(), filepath.Join(d.opt.State, "images")}
	for _, n := range []string{slashed, base} {
		if !filepath.IsLocal(n) {
			continue
		}
		for _, dir := range dirs {
			f, err := openBeneath(dir, n)
			if err == nil {
				return f, filepath.Join(dir, n), nil
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return nil, "", fmt.Errorf("image %s: %w", filepath.Join(dir, n), err)
			}
		}
	}
	return nil, "", fmt.Errorf("image \"%s\" not found; looked for %s in %s", name, base, strings.Join(dirs, " and "))
}

// hostPath is where a file of a lab's folder lies that was named by its path in
// the tree. The daemon must not open files of its own tree: a child that it
// forks would have to close them, and wait for an answer that the daemon cannot
// give before the child has started.
func (d *Daemon) hostPath(path string) string {
	path = filepath.Clean(path)
	if d.opt.Mount == "" {
		return path
	}
	if rest, ok := strings.CutPrefix(path, filepath.Join(d.opt.Mount, "labs")+"/"); ok {
		return filepath.Join(d.stateDir(), rest)
	}
	return path
}

// openBeneath opens a file that lies in dir, however its links lead.
func openBeneath(dir, name string) (*os.File, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	return regular(f, err)
}

func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	return regular(f, err)
}

func regular(f *os.File, err error) (*os.File, error) {
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", f.Name())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (d *Daemon) openBuiltin() (*os.File, string, error) {
	image := d.opt.Builtin()
	path := filepath.Join(d.opt.Runtime, "images", fmt.Sprintf("builtin-%s.elf", contentID(image)))
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = writeFile(path, image, 0o644); err == nil {
			f, err = os.Open(path)
		}
	}
	if err != nil {
		return nil, "", err
	}
	return f, path, nil
}

// parse parses the text of a lab file and adds what only the daemon can know:
// names that would clash with those of another lab.
func (d *Daemon) parse(name string, text []byte) (*lab.Lab, []lab.Message) {
	topo, msgs := lab.Parse(name, text, d.opt.Hosts...)
	if topo == nil || hasError(msgs) {
		return nil, msgs
	}
	refuseDevice := func(s section, format string, args ...any) {
		msgs = append(msgs, lab.Message{File: name + ".net", Line: s.line(), Column: 1, Severity: lab.Error, Text: fmt.Sprintf(format, args...)})
	}
	owner := map[string]string{}
	for _, l := range d.Labs() {
		if l.name != name {
			for _, dev := range l.Devices() {
				for _, key := range dev.globalNames() {
					owner[key] = dev.name + " of lab " + l.name
				}
			}
		}
	}
	for _, s := range sections(topo) {
		for _, key := range d.globalNames(name, s.name()) {
			if o, taken := owner[key]; taken {
				refuseDevice(s, "%s would share the name %s with %s; rename one of them", s.name(), key, o)
			}
			owner[key] = s.name()
		}
	}
	if hasError(msgs) {
		return nil, msgs
	}
	return topo, msgs
}

func hasError(msgs []lab.Message) bool {
	for _, m := range msgs {
		if m.Severity == lab.Error {
			return true
		}
	}
	return false
}
