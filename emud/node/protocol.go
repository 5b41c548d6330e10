package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ProtocolVersion is the version of the messages between daemon and node. A
// daemon does not adopt a node that speaks another one.
const ProtocolVersion = 1

// The operations of a Message. Each but OpEvent and OpReply is a request, which
// the other side answers with one OpReply of the same ID.
const (
	OpHello      = "hello"       // reply: Hello
	OpStart      = "start"       // body: Spec, with the descriptors of Files; reply once the device runs: Hello
	OpStatus     = "status"      // reply: Status
	OpSuspend    = "suspend"     //
	OpResume     = "resume"      //
	OpReset      = "reset"       //
	OpStop       = "stop"        // reply once NVRAM is on disk; the node then ends
	OpPlug       = "plug"        // body: PlugRequest, with the wire's descriptor
	OpUnplug     = "unplug"      // body: PlugRequest
	OpConsole    = "console"     // body: ConsoleRequest, with a stream socket
	OpConsoleLog = "console-log" // reply with a file that holds it
	OpNVRAM      = "nvram"       // reply with a file that holds it
	OpSetNVRAM   = "set-nvram"   // with a file that holds it
	OpSetConfig  = "set-config"  // body: ConfigRequest, with a file that holds the text
	OpConfReg    = "confreg"     // body: ConfRegRequest
	OpInsert     = "insert"      // body: CardRequest, with the descriptors of its ports
	OpRemove     = "remove"      // body: CardRequest
	OpEvent      = "event"       // from the node, unasked; body: Event
	OpFiles      = "files"       // descriptors of the message behind it, which has more than fit; no request
	OpReply      = "reply"
)

// Message is one datagram on a node's socket. Descriptors travel beside it, in
// the order of Files. What may be larger than a datagram travels in a memory
// file, a body that is among them.
type Message struct {
	Version int             `json:"version"`
	ID      uint64          `json:"id,omitempty"`
	Op      string          `json:"op"`
	Error   string          `json:"error,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"`
	Files   []string        `json:"files,omitempty"`
}

// The names in Message.Files; ports follow FilePort: port:f0/0.
const (
	FileImage           = "image"
	FileNVRAM           = "nvram"
	FileLog             = "log"
	FileVars            = "vars"
	FileBootflash       = "bootflash"
	FileDisk0           = "disk0"
	FileDisk1           = "disk1"
	FilePerfMap         = "perf-map"
	FileConsoleListener = "console-listener"
	FileAUXListener     = "aux-listener"
	FilePTYMaster       = "pty-master"
	FilePTYSlave        = "pty-slave"
	FilePort            = "port:"
	FileWire            = "wire"
	FileContent         = "content"
	FileBody            = "body" // Message.Body, where it is too large for a datagram
)

// Hello is what a node says of itself.
type Hello struct {
	PID     int   `json:"pid"`
	Started bool  `json:"started"`
	State   State `json:"state"`
	Spec    *Spec `json:"spec,omitempty"` // once started
}

// PlugRequest names a port and, for OpPlug, the kind of wire: WireTAP and so on.
type PlugRequest struct {
	Port string `json:"port"`
	Kind string `json:"kind,omitempty"`
}

// ConsoleRequest asks for a console on the socket that comes along.
type ConsoleRequest struct {
	AUX bool `json:"aux,omitempty"`
	// Replay has what was printed before shown first.
	Replay bool `json:"replay,omitempty"`
}

// ConfigRequest names a configuration in NVRAM that is to be replaced.
type ConfigRequest struct {
	Private bool `json:"private,omitempty"` // private-config, not startup-config
}

// ConfRegRequest is a new value of the configuration register.
type ConfRegRequest struct {
	Value uint16 `json:"value"`
}

// CardRequest names a slot and, for OpInsert, the card and its ports, whose
// wires come along as they do with OpStart.
type CardRequest struct {
	Slot  int        `json:"slot"`
	Card  string     `json:"card,omitempty"`
	Ports []PortSpec `json:"ports,omitempty"`
}

// maxMessage is the largest datagram in bytes, below the default send buffer of
// a socket, maxBody the largest body. maxFiles is SCM_MAX_FD of Linux.
const (
	maxMessage = 128 << 10
	maxBody    = 16 << 20
	maxFiles   = 253
)

// Conn sends and receives messages. One goroutine may receive while others
// send.
type Conn struct {
	// MaxFiles is how many descriptors may come with a message, at least as many as come
	// with a datagram. It is set before the first Receive.
	MaxFiles int

	c     *net.UnixConn
	send  sync.Mutex
	later []*Received // what Receive returns first
}

// NewConn speaks the protocol over a SOCK_SEQPACKET socket.
func NewConn(c *net.UnixConn) *Conn { return &Conn{c: c} }

// Close ends a blocked Receive.
func (c *Conn) Close() error { return c.c.Close() }

// SetReadDeadline bounds the wait of Receive; the zero time means forever.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.c.SetReadDeadline(t) }

// Send sends m with the files, which stay open here; m.Files names them.
func (c *Conn) Send(m Message, files ...*os.File) error {
	m.Version = ProtocolVersion
	if len(files) != len(m.Files) {
		return fmt.Errorf("message %s: %d files, %d names", m.Op, len(files), len(m.Files))
	}
	if len(m.Body) > maxBody {
		return fmt.Errorf("message %s: %d bytes, at most %d are taken", m.Op, len(m.Body), maxBody)
	}
	if len(m.Body) > maxMessage/2 {
		f, err := MemFile(FileBody, m.Body)
		if err != nil {
			return err
		}
		defer f.Close()
		m.Body, m.Files, files = nil, append(slices.Clone(m.Files), FileBody), append(slices.Clone(files), f)
	}
	c.send.Lock()
	defer c.send.Unlock()
	for len(files) > maxFiles {
		if err := c.write(Message{Version: m.Version, ID: m.ID, Op: OpFiles, Files: m.Files[:maxFiles]}, files[:maxFiles]); err != nil {
			return err
		}
		m.Files, files = m.Files[maxFiles:], files[maxFiles:]
	}
	return c.write(m, files)
}

// write sends one datagram.
func (c *Conn) write(m Message, files []*os.File) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(b) > maxMessage {
		return fmt.Errorf("message %s: %d bytes, at most %d fit", m.Op, len(b), maxMessage)
	}
	var oob []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			if fds[i], err = Descriptor(f); err != nil {
				return fmt.Errorf("%s: %w", m.Files[i], err)
			}
		}
		oob = unix.UnixRights(fds...)
	}
	// A peer that does not read must not hold its counterpart up for ever.
	if err := c.c.SetWriteDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	_, _, err = c.c.WriteMsgUnix(b, oob, nil)
	return err
}

// Descriptor returns the number of f without the change to blocking mode that
// File.Fd makes.
func Descriptor(f *os.File) (int, error) {
	c, err := f.SyscallConn()
	if err != nil {
		return -1, err
	}
	n := -1
	err = c.Control(func(fd uintptr) { n = int(fd) })
	return n, err
}

// Received is a message with what came along.
type Received struct {
	Message
	// Files are the descriptors by name; the receiver closes them.
	Files map[string]*os.File
	// PID and UID are of the sending process, as the kernel attests; PID is 0
	// when the connection does not ask for it.
	PID, UID int
}

// CloseFiles closes the descriptors that nobody took.
func (r *Received) CloseFiles() {
	for _, f := range r.Files {
		f.Close()
	}
}

// Take removes the file from r and returns it, nil when it did not come along.
func (r *Received) Take(name string) *os.File {
	f := r.Files[name]
	delete(r.Files, name)
	return f
}

// Receive waits for the next message. It returns io.EOF when the peer has
// closed.
func (c *Conn) Receive() (*Received, error) {
	if len(c.later) > 0 {
		r := c.later[0]
		c.later = c.later[1:]
		return r, nil
	}
	early := map[string]*os.File{}
	closeEarly := func() { (&Received{Files: early}).CloseFiles() }
	for {
		r, err := c.receive()
		if err != nil {
			closeEarly()
			return nil, err
		}
		for name, f := range r.Files {
			if old := early[name]; old != nil {
				old.Close()
			}
			early[name] = f
		}
		if most := max(c.MaxFiles, maxFiles); len(early) > most+1 { // and a body
			closeEarly()
			return nil, fmt.Errorf("message with more than %d files", most)
		}
		if r.Op == OpFiles {
			continue
		}
		r.Files = early
		if f := r.Take(FileBody); f != nil {
			r.Body, err = ReadFile(f, maxBody)
			f.Close()
			if err != nil {
				closeEarly()
				return nil, err
			}
		}
		return r, nil
	}
}

// receive waits for a datagram.
func (c *Conn) receive() (*Received, error) {
	buf := make([]byte, maxMessage+1)
	oob := make([]byte, unix.CmsgSpace(4*maxFiles)+unix.CmsgSpace(unix.SizeofUcred))
	n, oobn, flags, _, err := c.c.ReadMsgUnix(buf, oob)
	if err != nil {
		return nil, err
	}
	r := &Received{Files: map[string]*os.File{}}
	fds, err := r.control(oob[:oobn])
	if err == nil && n == 0 && len(fds) == 0 {
		return nil, io.EOF
	}
	if err == nil && flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		err = errors.New("message cut short")
	}
	if err == nil {
		err = json.Unmarshal(buf[:n], &r.Message)
	}
	if err == nil && r.Version != ProtocolVersion {
		err = &VersionError{r.Version}
	}
	if err == nil && len(fds) != len(r.Message.Files) {
		err = fmt.Errorf("message %s: %d files, %d names", r.Op, len(fds), len(r.Message.Files))
	}
	for i, fd := range fds {
		if err != nil {
			unix.Close(fd)
			continue
		}
		name := r.Message.Files[i]
		if old := r.Files[name]; old != nil {
			old.Close()
		}
		r.Files[name] = os.NewFile(uintptr(fd), name)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// control takes the credentials and descriptors out of ancillary data.
func (r *Received) control(oob []byte) (fds []int, err error) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for _, m := range msgs {
		switch m.Header.Type {
		case unix.SCM_CREDENTIALS:
			cred, err := unix.ParseUnixCredentials(&m)
			if err != nil {
				return fds, err
			}
			r.PID, r.UID = int(cred.Pid), int(cred.Uid)
		case unix.SCM_RIGHTS:
			got, err := unix.ParseUnixRights(&m)
			if err != nil {
				return fds, err
			}
			fds = append(fds, got...)
		}
	}
	return fds, nil
}

// VersionError is returned for a message of another protocol version.
type VersionError struct{ Version int }

func (e *VersionError) Error() string {
	return fmt.Sprintf("protocol version %d; this program speaks %d", e.Version, ProtocolVersion)
}

// MemFile returns an anonymous file that holds content.
func MemFile(name string, content []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memory file: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.WriteAt(content, 0); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// ReadFile returns what f holds, of at most limit bytes, from its beginning.
func ReadFile(f *os.File, limit int64) ([]byte, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if fi.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes, at most %d are accepted", f.Name(), fi.Size(), limit)
	}
	return io.ReadAll(io.NewSectionReader(f, 0, fi.Size()))
}
