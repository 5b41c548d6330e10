package console

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// AttachTTY serves the user of a pseudo-terminal, given its master, until the
// console is closed or the returned function is called; both close master. The
// terminal is set to raw mode. Nobody needs to have it open: what is printed
// meanwhile is skipped as for a user who does not read.
func (c *Console) AttachTTY(master *os.File) (detach func(), err error) {
	f, slave, err := preparePTY(master)
	if err != nil {
		return nil, fmt.Errorf("console tty: %w", err)
	}
	if ok, full := c.enter(f); !ok {
		f.Close()
		slave.Close()
		if full {
			return nil, fmt.Errorf("console tty: the console has %d clients already", maxClients)
		}
		return nil, io.ErrClosedPipe
	}
	go func() {
		defer slave.Close()
		defer c.leave(f)
		c.pump(f, f, c.Subscribe(true), verbatim, func(p []byte) error {
			_, err := f.Write(p)
			return err
		}, verbatim)
	}()
	return func() { f.Close() }, nil
}

// preparePTY returns master as a file that the runtime can wait for, and the
// slave, held open so that the master sees no hang-up between two users.
func preparePTY(master *os.File) (f, slave *os.File, err error) {
	raw, err := master.SyscallConn()
	if err != nil {
		return nil, nil, err
	}
	fd, peer := -1, -1
	cerr := raw.Control(func(mfd uintptr) {
		var t *unix.Termios
		if t, err = unix.IoctlGetTermios(int(mfd), unix.TCGETS); err != nil {
			return
		}
		t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
		t.Oflag &^= unix.OPOST
		t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
		t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
		if err = unix.IoctlSetTermios(int(mfd), unix.TCSETS, t); err != nil {
			return
		}
		// O_NOCTTY: or it would become the terminal of a process that leads a
		// session without one.
		n, _, errno := unix.Syscall(unix.SYS_IOCTL, mfd, unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
		if errno != 0 {
			err = errno
			return
		}
		peer = int(n)
		fd, err = unix.FcntlInt(mfd, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err == nil {
		err = cerr
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		for _, d := range []int{fd, peer} {
			if d >= 0 {
				unix.Close(d)
			}
		}
		return nil, nil, err
	}
	name := master.Name()
	master.Close()
	return os.NewFile(uintptr(fd), name), os.NewFile(uintptr(peer), name+" peer"), nil
}

// Attach serves a user at r and w, such as the standard input and output of a
// program, until ctx ends, w fails or the console is closed. The end of r ends the
// typing only. A Read of r that is under way when Attach returns is left behind.
// With replay, the user is first shown what was printed before.
func (c *Console) Attach(ctx context.Context, r io.Reader, w io.Writer, replay bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		var keys Keys
		buf := make([]byte, 1024)
		for {
			n, err := r.Read(buf)
			if n > 0 {
				if _, terr := c.Type(ctx, keys.Append(nil, buf[:n])); terr != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	sub := c.Subscribe(replay)
	defer sub.Close()
	buf := make([]byte, 4096)
	for {
		n, err := sub.ReadContext(ctx, buf)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
	}
}
