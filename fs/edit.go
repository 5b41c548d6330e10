package fs

import (
	"syscall"
	"time"

	"dynemu/emud"
)

// edit implements emud.Editor. What it changes is not scheduled: the caller applies it.
func (l *labFiles) edit(lab string, change func(text []byte) ([]byte, error)) error {
	name := lab + ".net"
	l.mu.Lock()
	f := l.files[name]
	if f == nil || f.writers > 0 {
		l.mu.Unlock()
		if f == nil {
			return &emud.Error{Errno: syscall.ENOENT, Text: name + " is not there"}
		}
		return &emud.Error{Errno: syscall.EBUSY, Text: name + " is being written; try again when it is closed"}
	}
	old := f.data
	l.mu.Unlock()
	next, err := change(old)
	if err != nil {
		return err
	}
	l.mu.Lock()
	if f.writers > 0 || len(f.data) != len(old) || len(old) > 0 && &f.data[0] != &old[0] {
		l.mu.Unlock()
		return &emud.Error{Errno: syscall.EBUSY, Text: name + " was written meanwhile; try again"}
	}
	f.data, f.mtime, f.unsaved, f.changed = next, time.Now(), true, false
	l.mu.Unlock()
	if err := l.save(f); err != nil {
		l.mu.Lock()
		f.data = old
		l.mu.Unlock()
		return err
	}
	return nil
}
