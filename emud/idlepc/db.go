// Package idlepc is what is known of idle-PC values: the database of images in Dynagen's
// own file format, and the choice of values from statistics of a guest's program counter.
// It is pure: no I/O.
package idlepc

import (
	"fmt"

	"dynemu/emud/lab"
)

// File is the name of the database in the tree and in messages.
const File = "idlepc.ini"

// DB is a database: lines IMAGE = 0xADDRESS in the dialect of lab files, the image by
// its base name (lab-files-and-console reference, 14.2). The zero value is empty.
type DB struct {
	text   []byte
	values map[string]string
}

// Error is a text that is no database: its messages, at least one of them an error.
type Error struct{ Messages []lab.Message }

// Error is the first message that is an error, with its place in the file.
func (e *Error) Error() string {
	for _, m := range e.Messages {
		if m.Severity == lab.Error {
			return m.String()
		}
	}
	return File + " is not a database"
}

// Parse reads a database. The error is an *Error.
func Parse(text []byte) (DB, error) {
	entries, msgs := lab.Entries(File, text)
	failed := false
	add := func(e lab.Entry, format string, args ...any) {
		failed = true
		msgs = append(msgs, lab.Message{File: File, Line: e.Line, Column: e.Column, Severity: lab.Error, Text: fmt.Sprintf(format, args...)})
	}
	db := DB{text: text, values: map[string]string{}}
	for _, e := range entries {
		if !address(e.Value) {
			add(e, "%s = %q: expected an address such as 0x60719b98", e.Name, e.Value)
		}
		db.values[e.Name] = e.Value
	}
	for _, m := range msgs {
		failed = failed || m.Severity == lab.Error
	}
	if failed {
		return DB{}, &Error{msgs}
	}
	return db, nil
}

func address(value string) bool {
	pc, _, err := lab.ParseIdlePC(value)
	return err == nil && pc != 0
}

// Text is the database as it was written.
func (db DB) Text() []byte { return db.text }

// Len is how many images the database has.
func (db DB) Len() int { return len(db.values) }

// Lookup returns the value of an image, which is named by its path as lab files write
// it, or by its base name. Upper and lower case differ.
func (db DB) Lookup(image string) (value string, ok bool) {
	value, ok = db.values[lab.Base(image)]
	return value, ok
}

// With returns the database with the value of an image, the text edited in place: comments
// and all other lines stay as they are. It fails when the image's name cannot be written
// or the value is no address.
func (db DB) With(image, value string) (DB, error) {
	if !address(value) {
		return db, fmt.Errorf("%q: expected an address such as 0x60719b98", value)
	}
	text, err := lab.SetEntry(db.text, lab.Base(image), value)
	if err != nil {
		return db, err
	}
	return Parse(text)
}
