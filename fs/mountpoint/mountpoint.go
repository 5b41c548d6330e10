// Package mountpoint mounts and unmounts the tree. Who serves the tree needs no
// privilege but the descriptor that Mount returns, so that another process can do
// this for it. The package knows nothing of what is in the tree.
package mountpoint

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// MaxRequest is the largest read or write of a mount, in bytes.
const MaxRequest = 128 << 10

// Mount makes the folder dir if need be, mounts a FUSE file system there and
// returns the descriptor to serve it by. A mount that a killed server left is taken
// away first; one that is served is an error. It needs CAP_SYS_ADMIN.
//
// The FUSE library could mount, but its descriptor would be open in every process
// started later, and a mount whose descriptor is open anywhere does not end with its
// server: whoever looks at it waits for ever.
func Mount(dir string) (*os.File, error) {
	if err := clear(dir); err != nil {
		return nil, err
	}
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/fuse: %w", err)
	}
	opts := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,max_read=%d,allow_other,default_permissions", fd, MaxRequest)
	if err := unix.Mount("dynemu", dir, "fuse.dynemu", unix.MS_NOSUID|unix.MS_NODEV, opts); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("mount %s: %w", dir, err)
	}
	return os.NewFile(uintptr(fd), "/dev/fuse"), nil
}

// Unmount takes the mount at dir away, also from under programs that have files of
// it open. None is no error.
func Unmount(dir string) error {
	err := unix.Unmount(dir, unix.MNT_DETACH)
	if err == nil || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fmt.Errorf("unmount %s: %w", dir, err)
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
