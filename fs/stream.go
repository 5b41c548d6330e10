package fs

import (
	"context"
	"io"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// stream is a file whose reads wait for what comes: a console, or the frames of
// a port. Each opening is a stream of its own, from then on.
type stream struct {
	base
	// open begins one; read tells whether it will be read.
	open func(read bool) (source, error)
}

// source is an open stream. One that takes writes is an io.Writer besides.
type source interface {
	// Read waits for something and copies what there is to p. It returns EINTR
	// when ctx ends, EAGAIN instead of waiting when wait is false, and 0 at the end.
	Read(ctx context.Context, p []byte, wait bool) (int, error)
	Close()
}

// streamHandle is an open file.
type streamHandle struct {
	source
	wait bool
}

var (
	_ fs.NodeOpener    = (*stream)(nil)
	_ fs.NodeReader    = (*stream)(nil)
	_ fs.NodeWriter    = (*stream)(nil)
	_ fs.NodeReleaser  = (*stream)(nil)
	_ fs.NodeSetattrer = (*stream)(nil)
	_ fs.NodeGetattrer = (*stream)(nil)
)

func (n *stream) attr(out *fuse.Attr) syscall.Errno {
	n.fill(out, 0, n.t.stamp(n.path, nil))
	return 0
}

func (n *stream) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return n.attr(&out.Attr)
}

func (n *stream) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if in.Valid&(fuse.FATTR_MODE|fuse.FATTR_UID|fuse.FATTR_GID) != 0 {
		return syscall.EPERM
	}
	return n.attr(&out.Attr)
}

func (n *stream) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	access := flags & syscall.O_ACCMODE
	if access != syscall.O_RDONLY && n.perm&0o200 == 0 {
		return nil, 0, syscall.EACCES // root is not kept by the mode
	}
	s, err := n.open(access != syscall.O_WRONLY)
	if err != nil {
		return nil, 0, errno(err)
	}
	return &streamHandle{s, flags&syscall.O_NONBLOCK == 0},
		fuse.FOPEN_DIRECT_IO | fuse.FOPEN_NONSEEKABLE | fuse.FOPEN_STREAM, 0
}

func (n *stream) Read(ctx context.Context, f fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	h := f.(*streamHandle)
	wait, release := untilSignal(ctx)
	defer release()
	k, err := h.Read(wait, dest, h.wait)
	if err != nil {
		return nil, errno(err)
	}
	return fuse.ReadResultData(dest[:k]), 0
}

func (n *stream) Write(ctx context.Context, f fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	k, err := f.(*streamHandle).source.(io.Writer).Write(data)
	if err != nil {
		return 0, errno(err)
	}
	return uint32(k), 0
}

func (n *stream) Release(ctx context.Context, f fs.FileHandle) syscall.Errno {
	f.(*streamHandle).Close()
	return 0
}
