package fs

import (
	"context"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// maxFile bounds what a user may write into a file of the tree, in bytes.
const maxFile = 16 << 20

// storage is a file that is read as a whole when it is opened and stored as a
// whole when it is closed.
type storage struct {
	base
	load  func() ([]byte, error)
	store func([]byte) error
	// writable says why the file cannot be opened for writing now; nil: always.
	writable func() error

	mu   sync.Mutex
	open map[*draft]bool // handles for writing
}

var (
	_ fs.NodeOpener    = (*storage)(nil)
	_ fs.NodeReader    = (*storage)(nil)
	_ fs.NodeWriter    = (*storage)(nil)
	_ fs.NodeFlusher   = (*storage)(nil)
	_ fs.NodeFsyncer   = (*storage)(nil)
	_ fs.NodeReleaser  = (*storage)(nil)
	_ fs.NodeSetattrer = (*storage)(nil)
	_ fs.NodeGetattrer = (*storage)(nil)
)

// draft is an open storage file; storage.mu guards it.
type draft struct {
	content []byte
	changed bool // differs from what is stored
	written bool // by a write, not only a truncation
	append  bool
}

func (n *storage) attr(out *fuse.Attr) syscall.Errno {
	c, err := soon(n.load)
	if err != nil {
		c = nil // the reason is for those who open it
	}
	n.fill(out, len(c), n.t.stamp(n.path, c))
	return 0
}

func (n *storage) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if e := n.attr(&out.Attr); e != 0 {
		return e
	}
	if d, ok := f.(*draft); ok {
		n.mu.Lock()
		setSize(&out.Attr, uint64(len(d.content)))
		n.mu.Unlock()
	}
	return 0
}

func (n *storage) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	writing := flags&syscall.O_ACCMODE != syscall.O_RDONLY
	if writing && n.writable != nil {
		if err := n.writable(); err != nil {
			return nil, 0, errno(err)
		}
	}
	c, err := n.load()
	if err != nil {
		if !writing {
			return nil, 0, errno(err)
		}
		c = nil
	}
	d := &draft{content: append([]byte(nil), c...), append: flags&syscall.O_APPEND != 0}
	if writing {
		n.mu.Lock()
		if n.open == nil {
			n.open = map[*draft]bool{}
		}
		n.open[d] = true
		n.mu.Unlock()
	}
	return d, fuse.FOPEN_DIRECT_IO, 0
}

func (n *storage) Read(ctx context.Context, f fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := f.(*draft)
	if off >= int64(len(d.content)) {
		return fuse.ReadResultData(nil), 0
	}
	return fuse.ReadResultData(dest[:copy(dest, d.content[off:])]), 0
}

func (n *storage) Write(ctx context.Context, f fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := f.(*draft)
	if d.append {
		off = int64(len(d.content))
	}
	c, e := overwrite(d.content, data, off)
	if e != 0 {
		return 0, e
	}
	d.content, d.changed, d.written = c, true, true
	return uint32(len(data)), 0
}

// overwrite puts data at off, with zeros between the end and off.
func overwrite(content, data []byte, off int64) ([]byte, syscall.Errno) {
	if off < 0 || off+int64(len(data)) > maxFile {
		return content, syscall.EFBIG
	}
	if end := int(off) + len(data); end > len(content) {
		content = append(content, make([]byte, end-len(content))...)
	}
	copy(content[off:], data)
	return content, 0
}

func resize(content []byte, size uint64) ([]byte, syscall.Errno) {
	if size > maxFile {
		return content, syscall.EFBIG
	}
	if int(size) <= len(content) {
		return content[:size:size], 0
	}
	return append(content, make([]byte, int(size)-len(content))...), 0
}

func (n *storage) commit(d *draft) syscall.Errno {
	n.mu.Lock()
	changed, content := d.changed, append([]byte(nil), d.content...)
	d.changed = false
	n.mu.Unlock()
	if !changed {
		return 0
	}
	return errno(n.store(content))
}

// Flush stores what was written. A truncation alone waits for what follows it,
// or for the last close: a shell's redirection closes a copy of the descriptor
// before anything is written.
func (n *storage) Flush(ctx context.Context, f fs.FileHandle) syscall.Errno {
	d := f.(*draft)
	n.mu.Lock()
	written := d.written
	n.mu.Unlock()
	if !written {
		return 0
	}
	return n.commit(d)
}

func (n *storage) Fsync(ctx context.Context, f fs.FileHandle, flags uint32) syscall.Errno {
	return n.Flush(ctx, f)
}

func (n *storage) Release(ctx context.Context, f fs.FileHandle) syscall.Errno {
	d := f.(*draft)
	n.mu.Lock()
	delete(n.open, d)
	n.mu.Unlock()
	return n.commit(d)
}

func (n *storage) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		var drafts []*draft
		n.mu.Lock()
		if d, ok := f.(*draft); ok {
			drafts = append(drafts, d)
		} else {
			// The truncation that belongs to an open comes without its handle.
			for d := range n.open {
				drafts = append(drafts, d)
			}
		}
		for _, d := range drafts {
			c, e := resize(d.content, size)
			if e != 0 {
				n.mu.Unlock()
				return e
			}
			d.content, d.changed = c, true
		}
		n.mu.Unlock()
		if len(drafts) == 0 {
			c, err := n.load()
			if err != nil {
				return errno(err)
			}
			c, e := resize(append([]byte(nil), c...), size)
			if e != 0 {
				return e
			}
			if err := n.store(c); err != nil {
				return errno(err)
			}
		}
	}
	// Owner, mode and times are what they are: cp -p, install and rsync set
	// them after writing and must not fail.
	return n.Getattr(ctx, f, out)
}
