package netd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/emud/node"
	"dynemu/netns"
)

// Version is the version of the protocol. Either side refuses another one.
const Version = 1

// Operations.
const (
	opHello           = "hello" // what the server is for
	opEnsureNamespace = "ensure-namespace"
	opRemoveNamespace = "remove-namespace"
	opEnsureTAP       = "ensure-tap"
	opOpenTAP         = "open-tap"
	opRemoveInterface = "remove-interface"
	opLink            = "link"
	opUnlink          = "unlink"
	opEnsureLAN       = "ensure-lan"
	opAttachLAN       = "attach-lan" // of the port to the LAN of the namespace Peer.Namespace
	opDetachLAN       = "detach-lan"
	opLinkHost        = "link-host"
	opUnlinkHost      = "unlink-host"
	opOpenHostTAP     = "open-host-tap"
	opOpenNIO         = "open-nio"
	opOpenCable       = "open-cable"
	opPlugCable       = "plug-cable"
	opRemoveCable     = "remove-cable"
	opEnsureTUN       = "ensure-tun"
	opOpenTUN         = "open-tun"
	opWatchHost       = "watch-host"
	opWatchReaders    = "watch-readers"
	opMount           = "mount"      // and hold the mount
	opHoldMount       = "hold-mount" // that is there: it is detached when the connection ends
	opUnmount         = "unmount"
	opSpawn           = "spawn"
	opLimit           = "limit"
	opKill            = "kill"
	opAddresses       = "addresses"  // of this machine
	opRestarting      = "restarting" // of the service of the process that asks
)

// Request asks for an operation. Which parts it takes, the table operations says.
type Request struct {
	Version int    `json:"version"`
	Op      string `json:"op"`
	// A port by its interface in a namespace, or the namespace alone; the port or LAN
	// that it is joined to.
	Namespace     string `json:"namespace,omitempty"`
	Interface     string `json:"interface,omitempty"`
	PeerNamespace string `json:"peer_namespace,omitempty"`
	PeerInterface string `json:"peer_interface,omitempty"`
	Up            bool   `json:"up,omitempty"`
	PeerUp        bool   `json:"peer_up,omitempty"`
	FrameRelay    bool   `json:"frame_relay,omitempty"`
	// An interface of the host, its address (ADDRESS/LENGTH), the type of a NIO on it.
	Host    string `json:"host,omitempty"`
	Address string `json:"address,omitempty"`
	NIO     string `json:"nio,omitempty"`
	// A node: the kind of its device (Router, or the type of a switch), what it may use,
	// its process and when that was started, in clock ticks since boot.
	Lab    string      `json:"lab,omitempty"`
	Device string      `json:"device,omitempty"`
	Kind   string      `json:"kind,omitempty"`
	Limits node.Limits `json:"limits,omitzero"`
	PID    int         `json:"pid,omitempty"`
	Start  uint64      `json:"start,omitempty"`
}

// Reply answers a request, or, with an Event, is one of a watch.
type Reply struct {
	Version int    `json:"version"`
	Error   *Error `json:"error,omitempty"`
	Event   *Event `json:"event,omitempty"`
	// With opHello: what the server is configured for.
	Prefix string `json:"prefix,omitempty"`
	Mount  string `json:"mount,omitempty"`
	Units  bool   `json:"units,omitempty"`
	// With opAddresses.
	Addresses []string `json:"addresses,omitempty"`
	// With opRestarting.
	Restarting bool `json:"restarting,omitempty"`
}

// Event tells of an interface that is watched.
type Event struct {
	Interface string `json:"interface"`
	Exists    bool   `json:"exists,omitempty"` // opWatchHost
	Carrier   bool   `json:"carrier,omitempty"`
	Readers   bool   `json:"readers,omitempty"` // opWatchReaders
}

// Error is what went wrong in the server. It wraps the error number that was at the
// bottom of it, and the error of package netns that has a meaning for callers.
type Error struct {
	Text  string     `json:"text"`
	Errno unix.Errno `json:"errno,omitempty"`
	Class string     `json:"class,omitempty"`
}

// classes are the errors that keep their identity on the way.
var classes = map[string]error{
	"foreign":        netns.ErrForeign,
	"host-interface": netns.ErrHostInterface,
	"host-down":      netns.ErrHostDown,
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// Unwrap returns what the error is for errors.Is.
func (e *Error) Unwrap() []error {
	var errs []error
	if e.Errno != 0 {
		errs = append(errs, e.Errno)
	}
	if c := classes[e.Class]; c != nil {
		errs = append(errs, c)
	}
	return errs
}

// errorOf is err for the way to the client.
func errorOf(err error) *Error {
	if err == nil {
		return nil
	}
	e := &Error{Text: err.Error()}
	errors.As(err, &e.Errno)
	for name, c := range classes {
		if errors.Is(err, c) {
			e.Class = name
		}
	}
	if len(e.Text) > maxText {
		e.Text = e.Text[:maxText]
	}
	return e
}

const (
	// maxMessage is the largest datagram in bytes: names of 255 bytes whose every byte is
	// written as an escape of six stay below.
	maxMessage = 16 << 10
	// maxAddresses is how many addresses a reply has room for.
	maxAddresses = 256
	// maxText is how much of an error goes to the client, in bytes: a sixth of a message.
	maxText = maxMessage/6 - 200
	// maxFiles is how many descriptors a datagram carries.
	maxFiles = 2
	// sendTimeout bounds the wait for a peer that does not read.
	sendTimeout = 10 * time.Second
)

// send sends v as JSON with descriptors, which stay open here.
func send(c *net.UnixConn, v any, files ...*os.File) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(b) > maxMessage {
		return fmt.Errorf("message of %d bytes, at most %d are taken", len(b), maxMessage)
	}
	var fds []int
	for _, f := range files {
		fd, err := node.Descriptor(f)
		if err != nil {
			return err
		}
		fds = append(fds, fd)
	}
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	if err := c.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return err
	}
	_, _, err = c.WriteMsgUnix(b, oob, nil)
	return err
}

// receive waits for a datagram. The caller closes the files, also with an error: one
// that is no *net.OpError or io.EOF tells of a datagram that breaks the rules.
func receive(c *net.UnixConn) (b []byte, files []*os.File, err error) {
	buf := make([]byte, maxMessage+1)
	oob := make([]byte, unix.CmsgSpace(4*maxFiles))
	n, oobn, flags, _, err := c.ReadMsgUnix(buf, oob)
	if err != nil {
		return nil, nil, err
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	for _, m := range msgs {
		if m.Header.Level != unix.SOL_SOCKET || m.Header.Type != unix.SCM_RIGHTS {
			continue
		}
		fds, parseErr := unix.ParseUnixRights(&m)
		err = errors.Join(err, parseErr)
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "descriptor"))
		}
	}
	switch {
	case err != nil:
		return nil, files, err
	case n == 0 && len(files) == 0:
		return nil, nil, io.EOF
	case flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 || n > maxMessage:
		return nil, files, fmt.Errorf("message of more than %d bytes or %d descriptors", maxMessage, maxFiles)
	}
	return buf[:n], files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}
