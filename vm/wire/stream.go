package wire

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Stream is a wire over a TCP connection: each frame follows its length, in four
// bytes, big-endian.
//
// Source: netio-hypervisor reference, 7.
type Stream struct {
	*descriptor // the connection, or what listens for one
	listening   bool
	set         gather

	// The rest is for the machine's goroutine, and for who closes last.
	conn     int    // -1: nobody is connected
	in       []byte // what was received and not returned yet
	space    []byte // where in is
	out      []byte // the rest of a frame that the kernel took the beginning of
	scratch  []byte // where out is
	complete bool   // in begins with a whole frame
	err      error  // the connection's end, of one that does not listen
}

const (
	lengthSize  = 4
	streamSpace = 1 << 16
)

// NewStream returns the wire of a connected stream socket, or of one that
// listens: that takes a client, and another one when it has left; meanwhile
// frames are dropped. It takes f over, also when it fails.
func NewStream(f *os.File) (*Stream, error) {
	d, err := newDescriptor(f, "tcp")
	if err != nil {
		return nil, err
	}
	s := &Stream{descriptor: d, conn: d.fd, set: gather{-1}}
	d.atEnd(func() {
		if s.listening && s.conn >= 0 {
			unix.Close(s.conn)
		}
		s.set.close()
	})
	kind, err := unix.GetsockoptInt(d.fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err == nil && kind != unix.SOCK_STREAM {
		err = fmt.Errorf("a socket of type %d; wanted a stream", kind)
	}
	if err == nil {
		var listening int
		listening, err = unix.GetsockoptInt(d.fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
		s.listening = listening != 0
	}
	if err == nil {
		if s.listening {
			s.conn = -1
		}
		if s.set, err = newGather(); err == nil {
			err = s.set.add(d.fd, unix.EPOLLIN)
		}
	}
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("tcp: %w", err)
	}
	return s, nil
}

// Descriptor implements Wire.
func (s *Stream) Descriptor() int { return s.set.fd }

// Waiting reports whether Receive has a frame without asking the kernel.
func (s *Stream) Waiting() bool { return s.complete }

// Connected reports whether there is somebody at the other end. It is for the
// machine's goroutine.
func (s *Stream) Connected() bool { return s.conn >= 0 }

// Send implements Wire.
func (s *Stream) Send(frame []byte) {
	if !s.TrySend(frame) {
		s.drop(Out, Full)
	}
}

// TrySend is Send, but reports false, with nothing counted, where the connection
// takes nothing now.
func (s *Stream) TrySend(frame []byte) bool {
	if len(frame) == 0 || len(frame) > MaxFrame {
		s.drop(Out, Giant)
		return true
	}
	if !s.acquire() {
		s.drop(Out, Unplugged)
		return true
	}
	defer s.release()
	if s.conn < 0 {
		s.drop(Out, Unplugged)
		return true
	}
	if !s.flush() {
		return false
	}
	s.scratch = binary.BigEndian.AppendUint32(s.scratch[:0], uint32(len(frame)))
	s.scratch = append(s.scratch, frame...)
	n, err := send(s.conn, s.scratch)
	switch {
	case err == nil:
		s.sent(len(frame))
		if n < len(s.scratch) {
			s.out = s.scratch[n:]
			_ = s.set.change(s.conn, unix.EPOLLIN|unix.EPOLLOUT) // Receive, or the next frame, sends the rest
		}
	case err == unix.EAGAIN:
		return false
	default:
		s.drop(Out, Refused) // Receive will find the connection's end
	}
	return true
}

// flush sends the rest of a frame. It reports whether there is none any more.
func (s *Stream) flush() bool {
	if len(s.out) == 0 {
		return true
	}
	n, err := send(s.conn, s.out)
	if err == unix.EAGAIN {
		return false
	}
	if s.out = s.out[n:]; err != nil {
		s.out = nil // Receive will find the connection's end
	}
	if len(s.out) == 0 {
		_ = s.set.change(s.conn, unix.EPOLLIN)
	}
	return len(s.out) == 0
}

// Receive implements Wire. Without a listening socket, it returns io.EOF when
// the other end has left.
func (s *Stream) Receive(buf []byte) (int, error) {
	if !s.acquire() {
		return 0, errClosed
	}
	defer s.release()
	for s.err == nil {
		if s.conn < 0 {
			if err := s.accept(); err == unix.EAGAIN {
				return 0, nil
			} else if err != nil {
				return 0, err
			}
		}
		n, err := s.next(buf)
		if n > 0 {
			s.received(n)
			return n, nil
		}
		s.flush()
		if err == nil {
			err = s.fill()
		}
		switch {
		case err == unix.EAGAIN:
			return 0, nil
		case err != nil:
			s.hangUp(err)
		}
	}
	return 0, s.err
}

// next takes the next frame out of what was received; 0 when it is not there
// yet.
func (s *Stream) next(buf []byte) (int, error) {
	for len(s.in) >= lengthSize {
		n := int(binary.BigEndian.Uint32(s.in))
		if n > MaxFrame {
			return 0, fmt.Errorf("the other end sends a frame of %d bytes; %d are the most", uint32(n), MaxFrame)
		}
		if len(s.in) < lengthSize+n {
			break
		}
		copy(buf, s.in[lengthSize:][:n])
		s.in = s.in[lengthSize+n:]
		s.look()
		if n > 0 {
			return n, nil
		}
	}
	return 0, nil
}

// look finds out whether there is a whole frame, or a wrong one.
func (s *Stream) look() {
	s.complete = false
	if len(s.in) >= lengthSize {
		n := int(binary.BigEndian.Uint32(s.in))
		s.complete = n > MaxFrame || len(s.in) >= lengthSize+n
	}
}

// fill receives more. It fails when there is none now, and at the end.
func (s *Stream) fill() error {
	if s.space == nil {
		s.space = make([]byte, streamSpace)
	}
	have := copy(s.space, s.in)
	n, err := recv(s.conn, s.space[have:])
	if err != nil {
		s.in = s.space[:have]
		return err
	}
	if n == 0 {
		return io.EOF
	}
	s.in = s.space[:have+n]
	s.look()
	return nil
}

// accept takes the next client.
func (s *Stream) accept() error {
	for {
		fd, _, err := unix.Accept4(s.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err == unix.EINTR || err == unix.ECONNABORTED {
			continue
		}
		if err != nil {
			return err
		}
		s.conn = fd
		// Others wait in the kernel, and need not wake anybody.
		if err = s.set.change(s.fd, 0); err == nil {
			err = s.set.add(fd, unix.EPOLLIN)
		}
		return err
	}
}

// hangUp ends the connection.
func (s *Stream) hangUp(err error) {
	s.in, s.out, s.complete = nil, nil, false
	if !s.listening {
		s.err = err
		_ = unix.Shutdown(s.conn, unix.SHUT_RDWR) // the other end may not know yet
		return
	}
	unix.Close(s.conn)
	s.conn = -1
	if err := s.set.change(s.fd, unix.EPOLLIN); err != nil {
		s.err = err
	}
}
