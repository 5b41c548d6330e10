package emud

import (
	"os"
	"path/filepath"
	"syscall"
)

// StorageNames are the names of a router's raw storage: files that it reads and
// writes in place.
var StorageNames = []string{"bootflash", "disk0", "disk1"}

func (dev *Device) storagePath(name string) string { return filepath.Join(dev.dir(), name) }

// HasStorage reports whether the router has the storage of that name: one of
// StorageNames, a disk only when it has a size.
func (dev *Device) HasStorage(name string) bool {
	r := dev.Router()
	if r == nil {
		return false
	}
	switch name {
	case "bootflash":
		return true
	case "disk0":
		return r.Disk0 > 0
	case "disk1":
		return r.Disk1 > 0
	}
	return false
}

// StatStorage describes a storage's file. It fails with ENOENT before the
// router's first start, when there is none yet.
func (dev *Device) StatStorage(name string) (os.FileInfo, error) {
	return os.Stat(dev.storagePath(name))
}

// OpenStorage opens a storage's file, for writing only while the router is
// stopped, and makes it then when there is none. The router formats a disk whose
// file is empty.
func (dev *Device) OpenStorage(name string, write bool) (*os.File, error) {
	if !write {
		return os.Open(dev.storagePath(name))
	}
	if err := dev.StorageWritable(name); err != nil {
		return nil, err
	}
	return os.OpenFile(dev.storagePath(name), os.O_RDWR|os.O_CREATE, 0o600)
}

// StorageWritable says with EBUSY that the router runs and is the only one that
// may write its storage.
func (dev *Device) StorageWritable(name string) error {
	if dev.Running() {
		return refuse(syscall.EBUSY, "%s of %s cannot be written while it runs; stop it", name, dev.name)
	}
	return nil
}
