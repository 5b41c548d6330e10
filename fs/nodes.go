package fs

import (
	"bytes"
	"context"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// entry is a node of the tree that can describe itself.
type entry interface {
	fs.InodeEmbedder
	// attr fills in mode, size, owner and times; an error means that what the
	// node shows is gone.
	attr(out *fuse.Attr) syscall.Errno
	// ino is the inode number.
	ino() uint64
	// mode holds the type bits.
	mode() uint32
}

// child makes the inode of e below parent.
func child(ctx context.Context, parent *fs.Inode, e entry, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if n := e.attr(&out.Attr); n != 0 {
		return nil, n
	}
	return parent.NewInode(ctx, e, fs.StableAttr{Mode: e.mode() & syscall.S_IFMT, Ino: e.ino()}), 0
}

// base is what all nodes of a fixed path have in common.
type base struct {
	fs.Inode
	t    *Tree
	path string // from the top of the tree
	perm uint32 // type and permission bits
}

func (b *base) ino() uint64  { return inode(b.path) }
func (b *base) mode() uint32 { return b.perm }

func (b *base) fill(out *fuse.Attr, size int, mtime time.Time) {
	out.Mode, out.Ino, out.Nlink = b.perm, b.ino(), 1
	if b.perm&syscall.S_IFMT == syscall.S_IFDIR {
		out.Nlink = 2
	}
	out.Uid, out.Gid = 0, b.t.gid
	setSize(out, uint64(size))
	out.SetTimes(nil, &mtime, &mtime)
	out.Atime, out.Atimensec = out.Mtime, out.Mtimensec
}

func setSize(out *fuse.Attr, size uint64) {
	out.Size, out.Blocks, out.Blksize = size, (size+511)/512, 4096
}

// dir is a directory whose entries are computed.
type dir struct {
	base
	// names lists the entries in order; ok is false when the directory is gone.
	names func() (names []string, ok bool)
	// find returns the node of an entry, or nil.
	find func(ctx context.Context, name string) entry
}

var (
	_ fs.NodeLookuper  = (*dir)(nil)
	_ fs.NodeReaddirer = (*dir)(nil)
	_ fs.NodeGetattrer = (*dir)(nil)
	_ fs.NodeUnlinker  = (*dir)(nil)
	_ fs.NodeRmdirer   = (*dir)(nil)
)

func (d *dir) attr(out *fuse.Attr) syscall.Errno {
	names, ok := d.names()
	if !ok {
		return syscall.ENOENT
	}
	var b bytes.Buffer
	for _, n := range names {
		b.WriteString(n)
		b.WriteByte('/')
	}
	d.fill(out, 0, d.t.stamp(d.path, b.Bytes()))
	return 0
}

func (d *dir) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return d.attr(&out.Attr)
}

func (d *dir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	e := d.find(ctx, name)
	if e == nil {
		return nil, syscall.ENOENT
	}
	return child(ctx, d.EmbeddedInode(), e, out)
}

func (d *dir) Readdir(ctx context.Context) (fs.DirStream, syscall.Errno) {
	names, ok := d.names()
	if !ok {
		return nil, syscall.ENOENT
	}
	var list []fuse.DirEntry
	for _, n := range names {
		if e := d.find(ctx, n); e != nil {
			list = append(list, fuse.DirEntry{Name: n, Mode: e.mode() & syscall.S_IFMT, Ino: e.ino()})
		}
	}
	return fs.NewListDirStream(list), 0
}

// Unlink refuses: what is shown here is there as long as what it shows. (Without
// the method, a removal would seem to succeed.)
func (d *dir) Unlink(ctx context.Context, name string) syscall.Errno { return syscall.EPERM }

// Rmdir refuses, as Unlink does.
func (d *dir) Rmdir(ctx context.Context, name string) syscall.Errno { return syscall.EPERM }

// statWait is how long the attributes of a file wait for its content.
const statWait = 250 * time.Millisecond

// soon returns content, or nothing where it takes long: a node that hangs must
// not make a listing hang. Whoever opens the file waits.
func soon(content func() ([]byte, error)) ([]byte, error) {
	var c []byte
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err = content()
	}()
	select {
	case <-done:
		return c, err
	case <-time.After(statWait):
		return nil, nil
	}
}

// text is a file whose content is computed when it is opened.
type text struct {
	base
	content func() ([]byte, error)
}

var (
	_ fs.NodeOpener    = (*text)(nil)
	_ fs.NodeReader    = (*text)(nil)
	_ fs.NodeGetattrer = (*text)(nil)
)

func (n *text) attr(out *fuse.Attr) syscall.Errno {
	c, err := soon(n.content)
	if err != nil {
		if e := errno(err); e == syscall.ENOENT {
			return e
		}
		c = nil // the reason is for those who open it
	}
	n.fill(out, len(c), n.t.stamp(n.path, c))
	return 0
}

// snapshot is an open file with the content that it had then.
type snapshot struct{ content []byte }

func (n *text) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if s, ok := f.(*snapshot); ok {
		n.fill(&out.Attr, len(s.content), n.t.stamp(n.path, s.content))
		return 0
	}
	return n.attr(&out.Attr)
}

func (n *text) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if flags&syscall.O_ACCMODE != syscall.O_RDONLY {
		return nil, 0, syscall.EACCES
	}
	c, err := n.content()
	if err != nil {
		return nil, 0, errno(err)
	}
	return &snapshot{c}, fuse.FOPEN_DIRECT_IO, 0
}

func (n *text) Read(ctx context.Context, f fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	return slice(f.(*snapshot).content, dest, off), 0
}

func slice(content, dest []byte, off int64) fuse.ReadResult {
	if off >= int64(len(content)) {
		return fuse.ReadResultData(nil)
	}
	return fuse.ReadResultData(content[off:min(int64(len(content)), off+int64(len(dest)))])
}

// control is a file that takes commands, one a write. Reading it prints the
// commands, or what they act on.
type control struct {
	base
	show    func() ([]byte, error)
	command func(line string) error
}

var (
	_ fs.NodeOpener    = (*control)(nil)
	_ fs.NodeReader    = (*control)(nil)
	_ fs.NodeWriter    = (*control)(nil)
	_ fs.NodeSetattrer = (*control)(nil)
	_ fs.NodeGetattrer = (*control)(nil)
	_ fs.NodeFsyncer   = (*control)(nil)
)

func (n *control) attr(out *fuse.Attr) syscall.Errno {
	c, err := soon(n.show)
	if e := errno(err); e == syscall.ENOENT {
		return e
	}
	n.fill(out, len(c), n.t.stamp(n.path, c))
	return 0
}

func (n *control) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return n.attr(&out.Attr)
}

// Setattr accepts the truncation that comes with a shell's redirection.
func (n *control) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if in.Valid&(fuse.FATTR_MODE|fuse.FATTR_UID|fuse.FATTR_GID) != 0 {
		return syscall.EPERM
	}
	return n.attr(&out.Attr)
}

func (n *control) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	c, err := n.show()
	if err != nil && flags&syscall.O_ACCMODE == syscall.O_RDONLY {
		return nil, 0, errno(err)
	}
	return &snapshot{c}, fuse.FOPEN_DIRECT_IO, 0
}

func (n *control) Read(ctx context.Context, f fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	return slice(f.(*snapshot).content, dest, off), 0
}

// Write runs each line of data and stops at the first that fails. The offset
// does not matter.
func (n *control) Write(ctx context.Context, f fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	for _, line := range bytes.Split(data, []byte("\n")) {
		if err := n.command(string(bytes.TrimRight(line, "\r"))); err != nil {
			return 0, errno(err)
		}
	}
	return uint32(len(data)), 0
}

func (n *control) Fsync(ctx context.Context, f fs.FileHandle, flags uint32) syscall.Errno { return 0 }

// trigger is a file that acts when it is touched: opened for writing, or given
// a new time.
type trigger struct {
	base
	act func() error

	mu   sync.Mutex
	open int // handles for writing: a touch opens and then sets the time
}

var (
	_ fs.NodeOpener    = (*trigger)(nil)
	_ fs.NodeReader    = (*trigger)(nil)
	_ fs.NodeWriter    = (*trigger)(nil)
	_ fs.NodeReleaser  = (*trigger)(nil)
	_ fs.NodeSetattrer = (*trigger)(nil)
	_ fs.NodeGetattrer = (*trigger)(nil)
	_ fs.NodeFsyncer   = (*trigger)(nil)
)

// touched is a handle for writing.
type touched struct{}

func (n *trigger) attr(out *fuse.Attr) syscall.Errno {
	n.fill(out, 0, n.t.stamp(n.path, nil))
	return 0
}

func (n *trigger) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return n.attr(&out.Attr)
}

func (n *trigger) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if flags&syscall.O_ACCMODE == syscall.O_RDONLY {
		return &snapshot{}, fuse.FOPEN_DIRECT_IO, 0
	}
	if err := n.act(); err != nil {
		return nil, 0, errno(err)
	}
	n.mu.Lock()
	n.open++
	n.mu.Unlock()
	return &touched{}, fuse.FOPEN_DIRECT_IO, 0
}

func (n *trigger) Release(ctx context.Context, f fs.FileHandle) syscall.Errno {
	if _, ok := f.(*touched); ok {
		n.mu.Lock()
		n.open--
		n.mu.Unlock()
	}
	return 0
}

func (n *trigger) Read(ctx context.Context, f fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	return fuse.ReadResultData(nil), 0
}

func (n *trigger) Write(ctx context.Context, f fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	return uint32(len(data)), 0
}

func (n *trigger) Fsync(ctx context.Context, f fs.FileHandle, flags uint32) syscall.Errno { return 0 }

func (n *trigger) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if in.Valid&(fuse.FATTR_MODE|fuse.FATTR_UID|fuse.FATTR_GID) != 0 {
		return syscall.EPERM
	}
	n.mu.Lock()
	open := n.open
	n.mu.Unlock()
	if in.Valid&fuse.FATTR_MTIME != 0 && open == 0 {
		if err := n.act(); err != nil {
			return errno(err)
		}
	}
	return n.attr(&out.Attr)
}

// link is a symbolic link.
type link struct {
	base
	target func() string
}

var (
	_ fs.NodeReadlinker = (*link)(nil)
	_ fs.NodeGetattrer  = (*link)(nil)
)

func (n *link) attr(out *fuse.Attr) syscall.Errno {
	t := n.target()
	if t == "" {
		return syscall.ENOENT
	}
	n.fill(out, len(t), n.t.stamp(n.path, []byte(t)))
	return 0
}

func (n *link) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return n.attr(&out.Attr)
}

func (n *link) Readlink(ctx context.Context) ([]byte, syscall.Errno) {
	t := n.target()
	if t == "" {
		return nil, syscall.ENOENT
	}
	return []byte(t), 0
}
