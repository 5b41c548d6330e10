package fs

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// folder is the root of a plain directory of the host shown in the tree.
type folder struct {
	fs.LoopbackNode
	st syscall.Stat_t
}

func (f *folder) attr(out *fuse.Attr) syscall.Errno {
	if err := syscall.Lstat(f.RootData.Path, &f.st); err != nil {
		return fs.ToErrno(err)
	}
	out.FromStat(&f.st)
	out.Ino = f.ino()
	return 0
}

func (f *folder) ino() uint64  { return inode("files:" + f.RootData.Path) }
func (f *folder) mode() uint32 { return syscall.S_IFDIR }
