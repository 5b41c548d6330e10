package fs

import (
	"fmt"
	"hash/fnv"
	"log"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"dynemu/emud"
	"dynemu/fs/mountpoint"
)

// Tree is the mounted tree.
type Tree struct {
	d      *emud.Daemon
	dir    string
	host   Mounter
	gid    uint32
	log    *slog.Logger
	labs   *labFiles
	server *fuse.Server

	scratch scratch

	mu     sync.Mutex
	stamps map[string]stamp
}

// stamp remembers when the content of a generated file last changed.
type stamp struct {
	sum  uint64
	time time.Time
}

// Mounter mounts and unmounts file systems, as the package mountpoint does.
type Mounter interface {
	Mount(dir string) (*os.File, error)
	Unmount(dir string) error
}

// host is the Mounter of this process.
type host struct{}

func (host) Mount(dir string) (*os.File, error) { return mountpoint.Mount(dir) }
func (host) Unmount(dir string) error           { return mountpoint.Unmount(dir) }

// Mount mounts the tree of d at dir, which it makes. A mount that a killed
// daemon left there is taken away first.
func Mount(dir string, d *emud.Daemon, logger *slog.Logger) (*Tree, error) {
	return MountBy(host{}, dir, d, logger)
}

// MountBy is Mount where somebody else has the privilege to mount.
func MountBy(m Mounter, dir string, d *emud.Daemon, logger *slog.Logger) (*Tree, error) {
	t := &Tree{d: d, dir: dir, host: m, log: logger, stamps: map[string]stamp{}}
	if g := d.Group(); g >= 0 {
		t.gid = uint32(g)
	}
	t.labs = newLabFiles(t)
	if err := t.labs.load(); err != nil {
		return nil, err
	}
	d.SetEditor(t.labs.edit)
	if err := t.serve(t.root()); err != nil {
		return nil, err
	}
	return t, nil
}

// serve mounts the tree with root at its top, which has a file version.
func (t *Tree) serve(root fs.InodeEmbedder) error {
	f, err := t.host.Mount(t.dir)
	if err != nil {
		return err
	}
	// The library closes its descriptor by number.
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	f.Close()
	if err != nil {
		t.host.Unmount(t.dir)
		return err
	}
	var zero time.Duration
	server, err := fs.Mount(fmt.Sprintf("/dev/fd/%d", fd), root, &fs.Options{
		EntryTimeout: &zero, AttrTimeout: &zero, NegativeTimeout: &zero,
		NullPermissions: true,
		RootStableAttr:  &fs.StableAttr{Ino: 1},
		MountOptions: fuse.MountOptions{
			MaxWrite: mountpoint.MaxRequest, DisableXAttrs: true,
			// A listing must not compute the content of all files, for attributes that
			// the kernel may not keep.
			DisableReadDirPlus: true,
			Logger:             log.New(logWriter{t.log}, "", 0),
		},
	})
	if err != nil {
		t.host.Unmount(t.dir)
		unix.Close(fd)
		return fmt.Errorf("serve %s: %w", t.dir, err)
	}
	t.server = server
	// The kernel learns here that there is no FUSE_POLL. It must not ask for the
	// first time when this process opens a file of the tree: the runtime's poller
	// would wait for this process's answer with a processor held.
	if probe, err := unix.Open(t.dir+"/version", unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
		unix.Poll([]unix.PollFd{{Fd: int32(probe), Events: unix.POLLIN}}, 0)
		unix.Close(probe)
	}
	return nil
}

// logWriter takes the lines that the FUSE library logs.
type logWriter struct{ log *slog.Logger }

func (w logWriter) Write(p []byte) (int, error) {
	w.log.Debug("fuse", "line", string(p))
	return len(p), nil
}

// Unmount takes the tree away, also from under programs that have files of it
// open.
func (t *Tree) Unmount() error { return t.host.Unmount(t.dir) }

// stamp returns the time at which the content at path was first seen to be
// this.
func (t *Tree) stamp(path string, content []byte) time.Time {
	h := fnv.New64a()
	h.Write(content)
	sum := h.Sum64()
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.stamps[path]
	if !ok || s.sum != sum {
		s = stamp{sum, time.Now()}
		t.stamps[path] = s
	}
	return s.time
}

// inode gives a file of a fixed path its number.
func inode(path string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(path))
	return h.Sum64()&(1<<62-1) | 1<<62
}

func errno(err error) syscall.Errno { return emud.Errno(err) }
