package fs

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"dynemu/emud"
)

// raw is a router's flash or disk: a file of the state directory, read and
// written in place.
type raw struct {
	base
	name   string
	device func() *emud.Device
}

var (
	_ fs.NodeOpener    = (*raw)(nil)
	_ fs.NodeReader    = (*raw)(nil)
	_ fs.NodeWriter    = (*raw)(nil)
	_ fs.NodeFsyncer   = (*raw)(nil)
	_ fs.NodeReleaser  = (*raw)(nil)
	_ fs.NodeSetattrer = (*raw)(nil)
	_ fs.NodeGetattrer = (*raw)(nil)
)

// rawFile is an open raw file; f is nil where there is nothing to read yet.
type rawFile struct{ f *os.File }

func (n *raw) attr(out *fuse.Attr) syscall.Errno {
	dev := n.device()
	if dev == nil {
		return syscall.ENOENT
	}
	st, err := dev.StatStorage(n.name)
	if err != nil {
		n.fill(out, 0, time.Time{})
		return 0
	}
	n.fill(out, 0, st.ModTime())
	setSize(out, uint64(st.Size()))
	return 0
}

func (n *raw) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return n.attr(&out.Attr)
}

func (n *raw) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	dev := n.device()
	if dev == nil {
		return nil, 0, syscall.ENOENT
	}
	write := flags&syscall.O_ACCMODE != syscall.O_RDONLY
	f, err := dev.OpenStorage(n.name, write)
	if err != nil && (write || !errors.Is(err, os.ErrNotExist)) {
		return nil, 0, errno(err)
	}
	return &rawFile{f}, fuse.FOPEN_DIRECT_IO, 0
}

func (n *raw) Read(ctx context.Context, f fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	return readAt(f.(*rawFile).f, dest, off)
}

// readAt reads an open file; nil is one that there is not yet.
func readAt(file *os.File, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if file == nil {
		return fuse.ReadResultData(nil), 0
	}
	k, err := file.ReadAt(dest, off)
	if err != nil && err != io.EOF {
		return nil, errno(err)
	}
	return fuse.ReadResultData(dest[:k]), 0
}

// writable is asked at every change: the router may have been started since the
// file was opened.
func (n *raw) writable() syscall.Errno {
	dev := n.device()
	if dev == nil {
		return syscall.ENOENT
	}
	if err := dev.StorageWritable(n.name); err != nil {
		return errno(err)
	}
	return 0
}

func (n *raw) Write(ctx context.Context, f fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	if e := n.writable(); e != 0 {
		return 0, e
	}
	k, err := f.(*rawFile).f.WriteAt(data, off)
	return uint32(k), errno(err)
}

func (n *raw) Fsync(ctx context.Context, f fs.FileHandle, flags uint32) syscall.Errno {
	if file := f.(*rawFile).f; file != nil {
		return errno(file.Sync())
	}
	return 0
}

func (n *raw) Release(ctx context.Context, f fs.FileHandle) syscall.Errno {
	if file := f.(*rawFile).f; file != nil {
		return errno(file.Close())
	}
	return 0
}

// Setattr truncates; owner, mode and times are what they are.
func (n *raw) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		if e := n.writable(); e != 0 {
			return e
		}
		dev := n.device()
		if dev == nil {
			return syscall.ENOENT
		}
		file, err := dev.OpenStorage(n.name, true)
		if err != nil {
			return errno(err)
		}
		defer file.Close()
		if err := file.Truncate(int64(size)); err != nil {
			return errno(err)
		}
	}
	return n.attr(&out.Attr)
}
