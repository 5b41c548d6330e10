package emud

import (
	"context"
	"os"
	"syscall"
	"time"

	"dynemu/emud/lab"
)

// Editor changes the text of a lab's file where it is kept: change is called with the text
// and returns another. It fails when the file is being written by somebody else, and where
// change does; the file then stays as it is.
type Editor func(lab string, change func(text []byte) ([]byte, error)) error

// SetEditor tells who keeps the lab files; without, they are those of the state directory.
func (d *Daemon) SetEditor(e Editor) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.editor = e
}

// edit changes the lab's file and applies it. change gets the file's text, which must have
// no error, and what it says; nor may what it returns have one.
func (l *Lab) edit(change func(text []byte, topo *lab.Lab) ([]byte, error)) error {
	l.d.mu.Lock()
	editor := l.d.editor
	l.d.mu.Unlock()
	if editor == nil {
		editor = l.d.editStored
	}
	check := func(text []byte) (*lab.Lab, error) {
		topo, msgs := l.d.parse(l.name, text)
		for _, m := range msgs {
			if m.Severity == lab.Error {
				return nil, refuse(syscall.EINVAL, "the lab file cannot be edited while it has an error: %s", m)
			}
		}
		return topo, nil
	}
	settled, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	l.Wait(settled) // what was written before is applied first
	cancel()
	var next []byte
	err := editor(l.name, func(text []byte) ([]byte, error) {
		topo, err := check(text)
		if err != nil {
			return nil, err
		}
		if next, err = change(text, topo); err != nil {
			return nil, err
		}
		_, err = check(next)
		return next, err
	})
	if err != nil {
		return err
	}
	return l.Apply(next)
}

// editStored edits a file of the state directory.
func (d *Daemon) editStored(name string, change func([]byte) ([]byte, error)) error {
	path := d.EnsureLab(name).TextPath()
	text, err := os.ReadFile(path)
	if err == nil {
		text, err = change(text)
	}
	if err != nil {
		return err
	}
	return writeFile(path, text, 0o660)
}
