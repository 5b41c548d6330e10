package fs

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ownerAttribute holds owner, group and mode of a lab file, UID:GID:MODE, where the
// daemon is not root and the stored file is therefore its own.
const ownerAttribute = "user.dynemu.owner"

// keepOwner gives a stored file its owner, group and mode, or notes them beside it. On a
// file system that takes no notes, all lab files belong to the daemon's user from its
// next start on.
func keepOwner(f *os.File, uid, gid, mode uint32) error {
	err := f.Chown(int(uid), int(gid))
	if err == nil {
		return f.Chmod(os.FileMode(mode))
	}
	if !errors.Is(err, unix.EPERM) || os.Geteuid() == 0 {
		return err
	}
	note := fmt.Sprintf("%d:%d:%o", uid, gid, mode)
	if err := unix.Fsetxattr(int(f.Fd()), ownerAttribute, []byte(note), 0); err != nil && !errors.Is(err, unix.ENOTSUP) {
		return fmt.Errorf("note the owner of %s: %w", f.Name(), err)
	}
	return f.Chmod(os.FileMode(mode | 0o600)) // the daemon must be able to read it
}

// recallOwner gives the lab file what keepOwner noted.
func (f *labFile) recallOwner(path string) {
	var note [64]byte
	n, err := unix.Getxattr(path, ownerAttribute, note[:])
	if err != nil {
		return
	}
	var uid, gid, mode uint32
	if k, err := fmt.Sscanf(string(note[:n]), "%d:%d:%o", &uid, &gid, &mode); err == nil && k == 3 {
		f.uid, f.gid, f.mode = uid, gid, mode&0o777
	}
}
