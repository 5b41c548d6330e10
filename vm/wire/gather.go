package wire

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// gather is one descriptor in the place of several: ppoll(2) finds it readable
// when one of them is what was asked for, or broken.
type gather struct{ fd int }

func newGather() (gather, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return gather{-1}, fmt.Errorf("epoll: %w", err)
	}
	return gather{fd}, nil
}

// add has fd watched for events, EPOLLIN or EPOLLOUT; zero leaves errors and the
// end. Closing the last copy of fd ends that.
func (g gather) add(fd int, events uint32) error { return g.control(unix.EPOLL_CTL_ADD, fd, events) }

func (g gather) change(fd int, events uint32) error { return g.control(unix.EPOLL_CTL_MOD, fd, events) }

func (g gather) control(op, fd int, events uint32) error {
	return unix.EpollCtl(g.fd, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

// close may be called once.
func (g gather) close() {
	if g.fd >= 0 {
		unix.Close(g.fd)
	}
}
