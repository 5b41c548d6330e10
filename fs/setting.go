package fs

import (
	"context"
	"strings"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// setting is a text in force, which a write replaces at once: the write itself
// fails when the text is refused, and what was in force stays.
type setting struct {
	base
	get func() ([]byte, error)
	set func(text string) error
}

var (
	_ fs.NodeOpener    = (*setting)(nil)
	_ fs.NodeReader    = (*setting)(nil)
	_ fs.NodeWriter    = (*setting)(nil)
	_ fs.NodeSetattrer = (*setting)(nil)
	_ fs.NodeGetattrer = (*setting)(nil)
	_ fs.NodeFsyncer   = (*setting)(nil)
)

// settingHandle is an open setting.
type settingHandle struct {
	content []byte // when it was opened
	append  bool

	mu      sync.Mutex
	written string
}

func (n *setting) attr(out *fuse.Attr) syscall.Errno {
	c, err := n.get()
	if e := errno(err); e == syscall.ENOENT {
		return e
	}
	n.fill(out, len(c), n.t.stamp(n.path, c))
	return 0
}

func (n *setting) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if h, ok := f.(*settingHandle); ok {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.written == "" {
			n.fill(&out.Attr, len(h.content), n.t.stamp(n.path, h.content))
			return 0
		}
	}
	return n.attr(&out.Attr)
}

// Setattr accepts the truncation that comes before a new text.
func (n *setting) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if in.Valid&(fuse.FATTR_MODE|fuse.FATTR_UID|fuse.FATTR_GID) != 0 {
		return syscall.EPERM
	}
	return n.attr(&out.Attr)
}

func (n *setting) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	c, err := n.get()
	if err != nil {
		return nil, 0, errno(err)
	}
	h := &settingHandle{content: c, append: flags&syscall.O_APPEND != 0}
	if h.append && strings.TrimSpace(string(c)) != "none" {
		h.written = string(c)
	}
	return h, fuse.FOPEN_DIRECT_IO, 0
}

func (n *setting) Read(ctx context.Context, f fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	return slice(f.(*settingHandle).content, dest, off), 0
}

// Write puts the text in force. A shell writes a line at a time: what follows at
// the end of what the handle wrote before belongs to the same text.
func (n *setting) Write(ctx context.Context, f fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	h := f.(*settingHandle)
	h.mu.Lock()
	defer h.mu.Unlock()
	text := string(data)
	switch {
	case h.append || off > 0 && off == int64(len(h.written)):
		text = h.written + text
	case off > 0:
		return 0, syscall.EINVAL
	}
	if len(text) > maxSetting {
		return 0, syscall.EFBIG
	}
	if err := n.set(text); err != nil {
		return 0, errno(err)
	}
	h.written = text
	return uint32(len(data)), 0
}

// maxSetting bounds the text of a setting, in bytes.
const maxSetting = 64 << 10

func (n *setting) Fsync(ctx context.Context, f fs.FileHandle, flags uint32) syscall.Errno { return 0 }
