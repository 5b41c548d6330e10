package node

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/jit"
)

// Ways to start a node's process.
const (
	SpawnAuto    = "auto"    // systemd where it is PID 1, else direct
	SpawnDirect  = "direct"  // a plain process in a session of its own
	SpawnSystemd = "systemd" // a transient service PREFIX-LAB-DEVICE.service in PREFIX.slice
)

// Options say how nodes are started and where their sockets are.
type Options struct {
	RuntimeDir string // nodes are in RuntimeDir/nodes
	Binary     string // path of dynemu-node
	Prefix     string // of unit names
	Spawn      string // SpawnAuto (also ""), SpawnDirect or SpawnSystemd
	// UID and GID are what a node that is started by root runs as; 0: 65534,
	// nobody.
	UID, GID int
	// Spawner starts and ends nodes; nil: this process does.
	Spawner Spawner
	// Log takes what is worth noting, a line a call; nil: nobody.
	Log func(format string, args ...any)
	// Dead is called by Adopt for every node that was found dead.
	Dead func(Spec)
}

func (opt Options) log(format string, args ...any) {
	if opt.Log != nil {
		opt.Log(format, args...)
	}
}

func (opt Options) dir() string { return filepath.Join(opt.RuntimeDir, "nodes") }

// maxBase is the longest name in bytes of a node's files, without extension, so
// that a socket address (107 bytes) holds it behind /proc/self/fd/N.
const maxBase = 80

// baseName is the name of a node's files in dir without extension: LAB.DEVICE,
// or its beginning and a hash of the whole when that is too long.
func baseName(lab, device string) string {
	name := lab + "." + device
	if len(name) > maxBase {
		sum := sha256.Sum256([]byte(name))
		name = name[:maxBase-17] + "~" + hex.EncodeToString(sum[:8])
	}
	return name
}

// record is what lies beside a node's socket.
type record struct {
	Version int    `json:"version"` // ProtocolVersion
	Spec    Spec   `json:"spec"`
	PID     int    `json:"pid"`
	Start   uint64 `json:"start_ticks"` // start time of the process, since boot
}

// startTimeout bounds the wait for a new process to say hello, and then for the
// device to run.
const startTimeout = 30 * time.Second

// helloTimeout bounds the wait for a running node to say hello.
const helloTimeout = 5 * time.Second

// Start starts a node for spec and returns when its device runs. The caller
// keeps the files and closes its copies. When the device cannot run (say, for
// its image), the node ends and the error is what the node said.
func Start(opt Options, spec Spec, f Files) (*Node, error) {
	if spec.Lab == "" || spec.Device == "" || strings.ContainsAny(spec.Lab+spec.Device, "/\x00") {
		return nil, fmt.Errorf("lab %q, device %q: want names without /", spec.Lab, spec.Device)
	}
	if spec.Switch == nil && (f.Image == nil || f.NVRAM == nil) {
		return nil, errors.New("a router needs a descriptor of the image and one of the NVRAM store")
	}
	if spec.Log == "" && f.Log != nil {
		spec.Log = f.Log.Name()
	}
	if err := os.MkdirAll(opt.dir(), 0o700); err != nil {
		return nil, err
	}
	if c, hello, err := opt.connect(baseName(spec.Lab, spec.Device), helloTimeout); err == nil {
		c.Close()
		return nil, fmt.Errorf("%s of lab %s runs already, as process %d", spec.Device, spec.Lab, hello.PID)
	} else if !isDead(err) {
		return nil, fmt.Errorf("what holds the socket of %s of lab %s cannot be asked: %w", spec.Device, spec.Lab, err)
	}
	listener, err := opt.listen(baseName(spec.Lab, spec.Device))
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	n := &Node{
		opt: opt, spec: spec, state: Booting,
		pending: map[uint64]chan *Received{},
		ended:   make(chan struct{}), done: make(chan struct{}), events: make(chan Event, 64),
	}
	if err := n.start(listener, f); err != nil {
		opt.forget(baseName(spec.Lab, spec.Device))
		return nil, err
	}
	return n, nil
}

// start spawns the process and has it run the device. On failure no process is
// left.
func (n *Node) start(listener *os.File, f Files) error {
	cmd, err := n.opt.spawn(n.spec, listener, f.Log)
	if err != nil {
		return fmt.Errorf("start %s: %w", n.opt.Binary, err)
	}
	// From here on the node holds the only copy: when it dies, waiting for its
	// hello fails at once.
	listener.Close()
	fail := func(err error) error {
		if cmd != nil {
			cmd.Process.Kill()
			cmd.Wait()
		} else {
			n.kill()
		}
		return err
	}
	conn, hello, err := n.opt.connect(baseName(n.spec.Lab, n.spec.Device), startTimeout)
	if err != nil {
		if cmd != nil {
			if exit := reap(cmd); exit != "" {
				err = fmt.Errorf("it ended at once: %s%s", exit, quoteLog(n.spec.Log))
			}
		}
		return fail(fmt.Errorf("node process: %w", err))
	}
	p, err := openProcess(hello.PID)
	if err != nil {
		conn.Close()
		return fail(err)
	}
	n.proc = p
	if err := n.opt.remember(n.spec, p); err != nil {
		conn.Close()
		return fail(err)
	}
	n.attach(conn, Booting)
	go n.run(conn)
	if cmd != nil {
		go n.waitChild(cmd)
	} else {
		go n.waitAdopted()
	}
	names, files := f.list()
	if n.spec.Config.PerfMap {
		if m, err := jit.CreatePerfMap(hello.PID); err != nil {
			n.opt.log("%s of lab %s: no map for perf: %v", n.spec.Device, n.spec.Lab, err)
		} else {
			defer m.Close()
			names, files = append(names, FilePerfMap), append(files, m)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	r, err := n.call(ctx, OpStart, n.spec, names, files...)
	if err != nil {
		if errors.Is(err, ErrEnded) { // let it end by itself, to see how
			select {
			case <-n.done:
			case <-time.After(time.Second):
			}
		}
		n.Kill()
		if errors.Is(err, ErrEnded) {
			err = fmt.Errorf("the node ended while starting: %s%s", n.proc.exitText(), quoteLog(n.spec.Log))
		}
		return err
	}
	defer r.CloseFiles()
	var running Hello
	if err := json.Unmarshal(r.Body, &running); err != nil {
		n.Kill()
		return fmt.Errorf("the node's answer: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state == Booting { // a switch does not boot
		n.state = running.State
	}
	return nil
}

// reap waits a moment for a child that seems to have died; empty when it lives.
func reap(cmd *exec.Cmd) string {
	ended := make(chan string, 1)
	go func() {
		cmd.Wait()
		ended <- cmd.ProcessState.String()
	}()
	select {
	case s := <-ended:
		return s
	case <-time.After(time.Second):
		return ""
	}
}

func quoteLog(path string) string {
	lines := lastLines(path, 3)
	if len(lines) == 0 {
		return ""
	}
	return "; its log ends: " + strings.Join(lines, " | ")
}

// list names the descriptors that go along with OpStart.
func (f Files) list() (names []string, files []*os.File) {
	add := func(name string, file *os.File) {
		if file != nil {
			names, files = append(names, name), append(files, file)
		}
	}
	add(FileImage, f.Image)
	add(FileNVRAM, f.NVRAM)
	add(FileLog, f.Log)
	add(FileVars, f.Vars)
	add(FileBootflash, f.Bootflash)
	add(FileDisk0, f.Disk0)
	add(FileDisk1, f.Disk1)
	add(FileConsoleListener, f.ConsoleListener)
	add(FileAUXListener, f.AUXListener)
	add(FilePTYMaster, f.PTYMaster)
	add(FilePTYSlave, f.PTYSlave)
	ports, wires := portFiles(f.Ports)
	return append(names, ports...), append(files, wires...)
}

// listen makes the node's socket.
func (opt Options) listen(base string) (*os.File, error) {
	opt.forget(base)
	var f *os.File
	err := opt.withDir(func(dir string) error {
		l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Net: "unixpacket", Name: filepath.Join(dir, base+".sock")})
		if err != nil {
			return err
		}
		l.SetUnlinkOnClose(false)
		defer l.Close()
		f, err = l.File()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("node socket: %w", err)
	}
	return f, nil
}

// withDir calls fn with a path of the directory of sockets that is short enough
// for a socket address, through a descriptor if need be.
func (opt Options) withDir(fn func(dir string) error) error {
	if len(opt.dir())+1+maxBase+len(".sock") <= 107 {
		return fn(opt.dir())
	}
	d, err := os.Open(opt.dir())
	if err != nil {
		return err
	}
	defer d.Close()
	return fn("/proc/self/fd/" + strconv.Itoa(int(d.Fd())))
}

// forget removes a node's files from the runtime directory.
func (opt Options) forget(base string) {
	for _, ext := range []string{".sock", ".json"} {
		path := filepath.Join(opt.dir(), base+ext)
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			opt.log("cannot remove %s: %v", path, err)
		}
	}
}

// remember writes the node's description, in one step.
func (opt Options) remember(spec Spec, p *process) error {
	b, err := json.MarshalIndent(record{ProtocolVersion, spec, p.pid, p.start}, "", "\t")
	if err != nil {
		return err
	}
	path := filepath.Join(opt.dir(), baseName(spec.Lab, spec.Device)+".json")
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// connect connects to the node of a device and exchanges hellos. The PID in the
// hello is the one that the kernel attests.
func (opt Options) connect(base string, timeout time.Duration) (*Conn, Hello, error) {
	var c net.Conn
	err := opt.withDir(func(dir string) (err error) {
		d := net.Dialer{Timeout: timeout, Control: func(_, _ string, raw syscall.RawConn) error {
			var err error
			ctlErr := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1) })
			return errors.Join(ctlErr, err)
		}}
		c, err = d.Dial("unixpacket", filepath.Join(dir, base+".sock"))
		return err
	})
	if err != nil {
		return nil, Hello{}, err
	}
	conn := NewConn(c.(*net.UnixConn))
	hello, err := conn.hello(timeout)
	if err != nil {
		conn.Close()
		return nil, Hello{}, err
	}
	return conn, hello, nil
}

// maxEarly is how many events that come before the answer to a hello are kept.
const maxEarly = 64

// hello asks who is at the other end.
func (c *Conn) hello(timeout time.Duration) (Hello, error) {
	var h Hello
	if err := c.Send(Message{Op: OpHello}); err != nil {
		return h, err
	}
	if err := c.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return h, err
	}
	var events []*Received
	defer func() { c.later = append(events, c.later...) }()
	for {
		r, err := c.Receive()
		if err != nil {
			return h, err
		}
		r.CloseFiles()
		if r.Op != OpReply {
			// An event may tell of what is newer than the hello.
			if r.Op == OpEvent && len(r.Body) <= maxMessage {
				events = append(events[max(0, len(events)-maxEarly):], r)
			}
			continue
		}
		if err := json.Unmarshal(r.Body, &h); err != nil {
			return h, err
		}
		if r.PID <= 0 || h.PID != r.PID {
			return h, fmt.Errorf("it claims to be process %d, and the kernel says %d", h.PID, r.PID)
		}
		return h, c.SetReadDeadline(time.Time{})
	}
}

// isDead reports whether a failure to connect says that no process is at the
// other end.
func isDead(err error) bool {
	return errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, os.ErrNotExist)
}

// spawn starts the process with the listening socket as its standard input. The
// returned command is nil when the process is no child of this one.
func (opt Options) spawn(spec Spec, listener, log *os.File) (*exec.Cmd, error) {
	if opt.Spawner != nil {
		return nil, opt.Spawner.Spawn(spec, listener, log)
	}
	args := opt.arguments(spec.Lab, spec.Device)
	if log == nil {
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		defer null.Close()
		log = null
	}
	if opt.Units() {
		return nil, opt.spawnUnit(spec, args, listener, log)
	}
	switch opt.Spawn {
	case SpawnAuto, "", SpawnDirect:
	default:
		return nil, fmt.Errorf("spawn %q: want %s, %s or %s", opt.Spawn, SpawnSystemd, SpawnDirect, SpawnAuto)
	}
	cmd := &exec.Cmd{
		Path: opt.Binary, Args: args, Dir: "/", Env: []string{"GOTRACEBACK=single"},
		Stdin: listener, Stdout: log, Stderr: log,
		// A session of its own keeps it from what happens to the daemon's.
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if os.Geteuid() == 0 {
		// Neither network nor IPC: all that a node may reach is handed to it.
		cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWNET | unix.CLONE_NEWIPC
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return cmd, nil
}
