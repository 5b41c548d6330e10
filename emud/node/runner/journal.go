package runner

import (
	"io"

	"golang.org/x/sys/unix"
)

// journal is a stream to the journal. It never waits: a router does not stand still
// for what logs, and its log file has every line.
type journal int

// Write implements io.Writer; what does not fit is dropped.
func (j journal) Write(p []byte) (int, error) {
	if _, err := unix.Write(int(j), p); err != nil && err != unix.EAGAIN {
		return 0, err
	}
	return len(p), nil
}

// takeJournal returns the stream that systemd gave as standard output, which is from
// now on what standard error is; nil where that is no stream.
func takeJournal() (io.Writer, error) {
	if t, err := unix.GetsockoptInt(unix.Stdout, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || t != unix.SOCK_STREAM {
		return nil, nil
	}
	fd, err := unix.FcntlInt(uintptr(unix.Stdout), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	if err := unix.Dup3(unix.Stderr, unix.Stdout, 0); err != nil {
		return nil, err
	}
	return journal(fd), unix.SetNonblock(fd, true)
}
