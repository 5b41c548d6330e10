package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// VDE is a wire to a port of a VDE switch.
type VDE struct {
	*descriptor
	control int
	set     gather
}

// NewVDE returns the wire of a port of a VDE switch, given its datagram socket,
// which is connected to that of the switch, and the control connection that the
// port lives as long as. It takes both over, also when it fails.
func NewVDE(data, control *os.File) (*VDE, error) {
	c, err := newDescriptor(control, "control connection")
	if err != nil {
		data.Close()
		return nil, err
	}
	d, err := newDescriptor(data, "vde")
	if err != nil {
		c.Close()
		return nil, err
	}
	d.read, d.write = recv, send
	growBuffers(d.fd)
	v := &VDE{descriptor: d, control: c.fd}
	if v.set, err = newGather(); err == nil {
		err = errors.Join(v.set.add(d.fd, unix.EPOLLIN), v.set.add(c.fd, unix.EPOLLIN|unix.EPOLLRDHUP))
	}
	d.atEnd(func() {
		c.Close()
		v.set.close()
	})
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("vde: %w", err)
	}
	return v, nil
}

// Descriptor implements Wire.
func (v *VDE) Descriptor() int { return v.set.fd }

// Receive implements Wire. It returns io.EOF when the switch has ended.
func (v *VDE) Receive(buf []byte) (int, error) {
	for {
		n, err := v.receive(buf)
		switch {
		case err == nil && n > 0:
			v.received(n)
			return n, nil
		case err == nil, fromPeer(err):
		case err == unix.EAGAIN:
			return 0, v.alive()
		default:
			return 0, err
		}
	}
}

// alive returns io.EOF when the control connection has ended. The switch says
// nothing on it; what it said would be left out.
func (v *VDE) alive() error {
	if !v.acquire() {
		return errClosed
	}
	defer v.release()
	var said [64]byte
	for {
		n, err := recv(v.control, said[:])
		switch {
		case err == unix.EAGAIN:
			return nil
		case err != nil || n == 0:
			return io.EOF
		}
	}
}

// The request of a client to the control socket of a VDE switch, in the byte
// order of the host: magic, version, kind (a new port, any number), and the
// address of its socket. The answer is the address of the switch's.
//
// Source: netio-hypervisor reference, 7.
const (
	vdeMagic   = 0xfeedface
	vdeVersion = 3
	vdeNewPort = 0
	// unixAddressSize is the size of struct sockaddr_un.
	unixAddressSize = 2 + 108
)

// connectVDE opens a port of the switch whose control socket, or the directory
// where it is called ctl, is at path control. Our own socket is made at path
// local.
func connectVDE(control, local string) (data, connection *os.File, err error) {
	if fi, err := os.Stat(control); err == nil && fi.IsDir() {
		control = filepath.Join(control, "ctl")
	}
	for _, path := range []string{control, local} {
		if err := checkPath(path); err != nil {
			return nil, nil, err
		}
	}
	c, err := net.DialTimeout("unix", control, dialTimeout)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	removeStale(local)
	d, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: local, Net: "unixgram"})
	if err != nil {
		return nil, nil, err
	}
	defer d.Close()
	if err = join(c, d, local); err == nil {
		data, err = d.File()
	}
	if err == nil {
		connection, err = c.(*net.UnixConn).File()
	}
	if err != nil {
		if data != nil {
			data.Close()
		}
		os.Remove(local)
		return nil, nil, err
	}
	return data, connection, nil
}

// join asks for a port over c and connects d, which is at path local, to it.
func join(c net.Conn, d *net.UnixConn, local string) error {
	request := binary.NativeEndian.AppendUint32(nil, vdeMagic)
	request = binary.NativeEndian.AppendUint32(request, vdeVersion)
	request = binary.NativeEndian.AppendUint32(request, vdeNewPort)
	request = binary.NativeEndian.AppendUint16(request, unix.AF_UNIX)
	request = append(request, local...)
	request = append(request, make([]byte, 12+unixAddressSize-len(request))...)
	if err := c.SetDeadline(time.Now().Add(dialTimeout)); err != nil {
		return err
	}
	if _, err := c.Write(request); err != nil {
		return err
	}
	var answer [unixAddressSize]byte
	if _, err := io.ReadFull(c, answer[:]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the switch gives no port")
		}
		return err
	}
	path, _, _ := bytes.Cut(answer[2:], []byte{0})
	if family := binary.NativeEndian.Uint16(answer[:]); family != unix.AF_UNIX || len(path) == 0 {
		return fmt.Errorf("the switch answered with an address of family %d; wanted a unix one", family)
	}
	return connect(d, &unix.SockaddrUnix{Name: string(path)})
}
