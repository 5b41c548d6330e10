package fs

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"dynemu/emud"
	"dynemu/emud/lab"
)

// captureName is the file in a port's folder that is a capture while it is
// there.
const captureName = "capture.pcap"

// portFolder is the folder of a port: making capture.pcap in it starts a capture,
// and removing it ends the capture.
type portFolder struct {
	dir
	port func() (*emud.Device, lab.Port, error)
}

var (
	_ fs.NodeCreater  = (*portFolder)(nil)
	_ fs.NodeUnlinker = (*portFolder)(nil)
)

// Create starts the capture.
func (d *portFolder) Create(ctx context.Context, name string, flags uint32, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if name != captureName {
		return nil, nil, 0, syscall.EPERM
	}
	dev, p, err := d.port()
	if err == nil && dev.PortCapture(p) == "" {
		err = dev.StartPortCapture(p)
	}
	if err != nil {
		return nil, nil, 0, errno(err)
	}
	n := &capture{base: d.t.base(d.path+"/"+captureName, storageMode), port: d.port}
	h, kind, e := n.Open(ctx, flags)
	if e != 0 {
		return nil, nil, 0, e
	}
	in, e := child(ctx, d.EmbeddedInode(), n, out)
	return in, h, kind, e
}

// Unlink ends the capture. Whoever has the file open can read it to its end.
func (d *portFolder) Unlink(ctx context.Context, name string) syscall.Errno {
	if name != captureName {
		return d.dir.Unlink(ctx, name)
	}
	dev, p, err := d.port()
	if err == nil && dev.PortCapture(p) == "" {
		err = syscall.ENOENT
	}
	if err == nil {
		err = dev.StopPortCapture(p)
	}
	return errno(err)
}

// capture is the file capture.pcap of a port: what was captured so far.
type capture struct {
	base
	port func() (*emud.Device, lab.Port, error)
}

var (
	_ fs.NodeOpener    = (*capture)(nil)
	_ fs.NodeReader    = (*capture)(nil)
	_ fs.NodeWriter    = (*capture)(nil)
	_ fs.NodeReleaser  = (*capture)(nil)
	_ fs.NodeSetattrer = (*capture)(nil)
	_ fs.NodeGetattrer = (*capture)(nil)
	_ fs.NodeFsyncer   = (*capture)(nil)
)

// captureHandle is an open one; f is nil where the file is not there yet.
type captureHandle struct{ f *os.File }

// file is the path of the capture; ENOENT when there is none.
func (n *capture) file() (string, error) {
	dev, p, err := n.port()
	if err != nil {
		return "", err
	}
	path := dev.PortCapture(p)
	if path == "" {
		return "", syscall.ENOENT
	}
	return path, nil
}

func (n *capture) attr(out *fuse.Attr) syscall.Errno {
	path, err := n.file()
	if err != nil {
		return errno(err)
	}
	st, err := os.Lstat(path)
	return n.describe(out, st, err)
}

func (n *capture) describe(out *fuse.Attr, st os.FileInfo, err error) syscall.Errno {
	if err != nil || !st.Mode().IsRegular() {
		n.fill(out, 0, time.Time{})
		return 0
	}
	n.fill(out, 0, st.ModTime())
	setSize(out, uint64(st.Size()))
	return 0
}

func (n *capture) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if h, ok := f.(*captureHandle); ok && h.f != nil {
		st, err := h.f.Stat()
		return n.describe(&out.Attr, st, err)
	}
	return n.attr(&out.Attr)
}

func (n *capture) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	path, err := n.file()
	if err != nil {
		return nil, 0, errno(err)
	}
	// The group can put something else in the place of the file: what a link leads
	// to is not theirs to read.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return &captureHandle{}, fuse.FOPEN_DIRECT_IO, 0
	}
	if err != nil {
		return nil, 0, errno(err)
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil, 0, syscall.EPERM
	}
	return &captureHandle{f}, fuse.FOPEN_DIRECT_IO, 0
}

func (n *capture) Read(ctx context.Context, f fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	return readAt(f.(*captureHandle).f, dest, off)
}

// Write is refused: what is in the file are the port's frames.
func (n *capture) Write(ctx context.Context, f fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	return 0, syscall.EPERM
}

func (n *capture) Fsync(ctx context.Context, f fs.FileHandle, flags uint32) syscall.Errno { return 0 }

func (n *capture) Release(ctx context.Context, f fs.FileHandle) syscall.Errno {
	if file := f.(*captureHandle).f; file != nil {
		return errno(file.Close())
	}
	return 0
}

// Setattr begins the capture anew when the file is made empty. The time that a
// touch sets is what it is.
func (n *capture) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if in.Valid&(fuse.FATTR_MODE|fuse.FATTR_UID|fuse.FATTR_GID) != 0 {
		return syscall.EPERM
	}
	if size, ok := in.GetSize(); ok {
		if size != 0 {
			return syscall.EPERM
		}
		dev, p, err := n.port()
		if err == nil {
			err = dev.StopPortCapture(p)
		}
		if err == nil {
			err = dev.StartPortCapture(p)
		}
		if err != nil {
			return errno(err)
		}
		return n.attr(&out.Attr)
	}
	return n.Getattr(ctx, f, out)
}
