package netd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// maxConnections is how many there are at a time; the daemon needs some per lab.
const maxConnections = 1024

// Server does for others what they have no privilege for.
type Server struct {
	System System
	Prefix string // of namespaces and units
	Mount  string // the folder where the tree is mounted
	UID    int    // of the daemon; root may ask too
	Log    *slog.Logger

	mu     sync.Mutex
	holder *session // whose end is the end of the mount; nil when nobody holds it
}

// Serve answers those who connect to l until it is closed.
func (s *Server) Serve(l *net.UnixListener) error {
	slots := make(chan struct{}, maxConnections)
	for {
		c, err := l.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			defer c.Close()
			if err := s.serve(c); err != nil {
				s.Log.Warn("connection ended", "reason", err.Error())
			}
		}()
	}
}

// session is a connection.
type session struct {
	server *Server
	conn   *net.UnixConn // nil in tests
	pid    int           // of the process that connected
	stop   func()        // ends a watch
}

// serve answers the requests of a connection until it ends.
func (s *Server) serve(c *net.UnixConn) error {
	cred, err := peerOf(c)
	if err != nil {
		return err
	}
	if uid := int(cred.Uid); uid != 0 && uid != s.UID {
		err := fmt.Errorf("process %d of user %d asks; only user %d and root may", cred.Pid, uid, s.UID)
		// The answer would be lost if the request were left unread.
		if c.SetReadDeadline(time.Now().Add(time.Second)) == nil {
			_, files, _ := receive(c)
			closeAll(files)
		}
		_ = send(c, Reply{Version: Version, Error: errorOf(err)})
		return err
	}
	ss := &session{server: s, conn: c, pid: int(cred.Pid)}
	defer ss.end()
	for {
		b, files, err := receive(c)
		var op *net.OpError
		if err == io.EOF || errors.As(err, &op) {
			closeAll(files)
			return nil
		}
		var reply Reply
		var out []*os.File
		if err == nil {
			reply, out, err = ss.handle(b, files)
		}
		closeAll(files)
		if err != nil {
			reply = Reply{Error: errorOf(err)}
		}
		reply.Version = Version
		err = send(c, reply, out...)
		closeAll(out)
		if err != nil {
			return nil // the peer has gone
		}
	}
}

// peerOf returns who connected, as the kernel attests.
func peerOf(c *net.UnixConn) (*unix.Ucred, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	ctlErr := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	return cred, errors.Join(ctlErr, err)
}

// handle does what a datagram asks for. The caller closes all files.
func (s *session) handle(b []byte, files []*os.File) (Reply, []*os.File, error) {
	if s.stop != nil {
		return Reply{}, nil, errors.New("this connection is for a watch")
	}
	var r Request
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Reply{}, nil, fmt.Errorf("request: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Reply{}, nil, errors.New("request: more than one value")
	}
	if r.Version != Version {
		return Reply{}, nil, fmt.Errorf("request of version %d: dynemu-netd speaks %d", r.Version, Version)
	}
	op, ok := operations[r.Op]
	if !ok {
		return Reply{}, nil, fmt.Errorf("operation %.40q is unknown", r.Op)
	}
	if err := r.check(op.takes, s.server.Prefix); err != nil {
		return Reply{}, nil, err
	}
	if len(files) > op.files || op.files > 0 && len(files) == 0 {
		return Reply{}, nil, fmt.Errorf("operation %s with %d descriptors: %d are accepted", r.Op, len(files), op.files)
	}
	return op.run(s, r, files)
}

// end ends what the connection was for.
func (s *session) end() {
	if s.stop != nil {
		s.stop()
	}
	m := s.server
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holder != s {
		return
	}
	m.holder = nil
	m.Log.Info("the daemon has ended: its tree is detached", "mount", m.Mount)
	if err := m.System.Unmount(m.Mount); err != nil {
		m.Log.Error(err.Error())
	}
}

// mount mounts the tree. Whoever held a mount before has lost it.
func (s *session) mount(Request, []*os.File) (Reply, []*os.File, error) {
	m := s.server
	m.mu.Lock()
	defer m.mu.Unlock()
	f, err := m.System.Mount(m.Mount)
	if err != nil {
		return Reply{}, nil, err
	}
	m.holder = s
	return Reply{}, []*os.File{f}, nil
}

// holdMount ties a mount of a former server to the connection.
func (s *session) holdMount(Request, []*os.File) (Reply, []*os.File, error) {
	m := s.server
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holder != nil && m.holder != s {
		return Reply{}, nil, errors.New("another daemon holds the mount")
	}
	m.holder = s
	return Reply{}, nil, nil
}

func (s *session) unmount(Request, []*os.File) (Reply, []*os.File, error) {
	m := s.server
	m.mu.Lock()
	defer m.mu.Unlock()
	m.holder = nil
	return Reply{}, nil, m.System.Unmount(m.Mount)
}

func (s *session) watchHost(Request, []*os.File) (Reply, []*os.File, error) {
	return s.watch(func(tell func(Event)) (func(), error) {
		return s.server.System.WatchHost(func(ifname string, exists, carrier bool) {
			tell(Event{Interface: ifname, Exists: exists, Carrier: carrier})
		})
	})
}

func (s *session) watchReaders(r Request, _ []*os.File) (Reply, []*os.File, error) {
	return s.watch(func(tell func(Event)) (func(), error) {
		return s.server.System.WatchReaders(r.Namespace, func(ifname string, readers bool) {
			tell(Event{Interface: ifname, Readers: readers})
		})
	})
}

// watch sends events, and after those about what is there already the reply. A client
// that does not take them is cut off.
func (s *session) watch(begin func(tell func(Event)) (stop func(), err error)) (Reply, []*os.File, error) {
	stop, err := begin(func(e Event) {
		if err := send(s.conn, Reply{Version: Version, Event: &e}); err != nil {
			s.conn.Close()
		}
	})
	if err != nil {
		return Reply{}, nil, err
	}
	s.stop = stop
	return Reply{}, nil, nil
}

// Operations are the names of what can be asked, sorted.
func Operations() []string {
	names := make([]string, 0, len(operations))
	for name := range operations {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
