package emud

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openPTY makes the terminal of a console: its two ends and the path of the
// slave. It is raw, so that every byte passes as it is, and its slave is open
// to the group.
func openPTY(group int) (master, slave *os.File, path string, err error) {
	m, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, "", err
	}
	defer func() {
		if err != nil {
			m.Close()
		}
	}()
	fd := int(m.Fd())
	if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, "", fmt.Errorf("unlock: %w", err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, nil, "", fmt.Errorf("number: %w", err)
	}
	path = fmt.Sprintf("/dev/pts/%d", n)
	s, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, "", err
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	t, err := unix.IoctlGetTermios(int(s.Fd()), unix.TCGETS)
	if err != nil {
		return nil, nil, "", err
	}
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag &^= unix.CSIZE | unix.PARENB
	t.Cflag |= unix.CS8
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	if err = unix.IoctlSetTermios(int(s.Fd()), unix.TCSETS, t); err != nil {
		return nil, nil, "", err
	}
	if group >= 0 {
		if err = s.Chown(-1, group); err == nil {
			err = s.Chmod(0o660)
		}
	} else {
		err = s.Chmod(0o600)
	}
	if err != nil {
		return nil, nil, "", err
	}
	return m, s, path, nil
}
