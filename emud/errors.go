package emud

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// Error is a refusal that a user sees: an error number for the system call
// and a line of text for the errors file.
type Error struct {
	Errno syscall.Errno
	Text  string
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

func refuse(errno syscall.Errno, format string, args ...any) *Error {
	return &Error{errno, oneLine(fmt.Sprintf(format, args...))}
}

// Errno gives the error number for any error: that of an *Error or of a
// system call in its chain, else EIO.
func Errno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Errno
	}
	var n syscall.Errno
	if errors.As(err, &n) {
		return n
	}
	return syscall.EIO
}

func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
