package fs

import (
	"errors"
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
)

// Tree is the mounted tree.
type Tree struct {
	d      *emud.Daemon
	dir    string
	gid    uint32
	log    *slog.Logger
	labs   *labFiles
	server *fuse.Server

	mu     sync.Mutex
	stamps map[string]stamp
}

// stamp remembers when the content of a generated file last changed.
type stamp struct {
	sum  uint64
	time time.Time
}

// Mount mounts the tree of d at dir, which it makes. A mount that a killed
// daemon left there is taken away first.
func Mount(dir string, d *emud.Daemon, logger *slog.Logger) (*Tree, error) {
	if err := clear(dir); err != nil {
		return nil, err
	}
	t := &Tree{d: d, dir: dir, log: logger, stamps: map[string]stamp{}}
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
	fd, err := mount(t.dir)
	if err != nil {
		return err
	}
	var zero time.Duration
	server, err := fs.Mount(fmt.Sprintf("/dev/fd/%d", fd), root, &fs.Options{
		EntryTimeout: &zero, AttrTimeout: &zero, NegativeTimeout: &zero,
		NullPermissions: true,
		RootStableAttr:  &fs.StableAttr{Ino: 1},
		MountOptions: fuse.MountOptions{
			MaxWrite: maxRequest, DisableXAttrs: true,
			// A listing must not compute the content of all files, for attributes that
			// the kernel may not keep.
			DisableReadDirPlus: true,
			Logger:             log.New(logWriter{t.log}, "", 0),
		},
	})
	if err != nil {
		unix.Unmount(t.dir, unix.MNT_DETACH)
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

// maxRequest is the largest read or write, in bytes.
const maxRequest = 128 << 10

// mount mounts a FUSE file system at dir and returns the descriptor to serve it
// by. The library could, but its descriptor would be open in every node started
// later, and a mount whose descriptor is open anywhere does not end with the
// daemon: whoever looks at it waits for ever.
func mount(dir string) (fd int, err error) {
	fd, err = unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open /dev/fuse: %w", err)
	}
	opts := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,max_read=%d,allow_other,default_permissions", fd, maxRequest)
	if err := unix.Mount("dynemu", dir, "fuse.dynemu", unix.MS_NOSUID|unix.MS_NODEV, opts); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("mount %s: %w", dir, err)
	}
	return fd, nil
}

// logWriter takes the lines that the FUSE library logs.
type logWriter struct{ log *slog.Logger }

func (w logWriter) Write(p []byte) (int, error) {
	w.log.Debug("fuse", "line", string(p))
	return len(p), nil
}

// clear makes dir a directory that can be mounted on. A dead mount answers
// ENOTCONN and is detached.
func clear(dir string) error {
	for range 16 {
		var st syscall.Stat_t
		err := syscall.Stat(dir, &st)
		if errors.Is(err, syscall.ENOTCONN) {
			if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
				return fmt.Errorf("detach the mount that was left at %s: %w", dir, err)
			}
			continue
		}
		if errors.Is(err, syscall.ENOENT) {
			return os.MkdirAll(dir, 0o755)
		}
		if err != nil {
			return &os.PathError{Op: "stat", Path: dir, Err: err}
		}
		var sf unix.Statfs_t
		if err := unix.Statfs(dir, &sf); err == nil && sf.Type == unix.FUSE_SUPER_MAGIC {
			return fmt.Errorf("something is mounted at %s already; unmount it or choose another --mount", dir)
		}
		return nil
	}
	return fmt.Errorf("mounts that were left at %s cannot be detached", dir)
}

// Unmount takes the tree away, also from under programs that have files of it
// open.
func (t *Tree) Unmount() error {
	err := unix.Unmount(t.dir, unix.MNT_DETACH)
	if err == nil || errors.Is(err, unix.EINVAL) {
		return nil
	}
	return fmt.Errorf("unmount %s: %w", t.dir, err)
}

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
