package netd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"dynemu/emud/node"
	"dynemu/netns"
	"dynemu/vm/wire"
)

// Client is a System whose work a Server does. Its methods may be called from any
// goroutine.
type Client struct {
	socket string
	names  *netns.Manager // for Name, which needs no privilege
	units  bool
	mount  string

	mu   sync.Mutex
	idle []*net.UnixConn
	hold func() // ends the connection that holds the mount; nil without a mount
}

const (
	// patience is how long a client waits for a server that is being started anew.
	patience = 15 * time.Second
	// pause is how long it waits between two attempts.
	pause = 50 * time.Millisecond
	// maxIdle is how many connections are kept.
	maxIdle = 16
)

// Dial connects to the server at a socket, which must be one for the prefix and for the
// folder where the tree is to be mounted.
func Dial(socket, prefix, mount string) (*Client, error) {
	c := &Client{socket: socket, names: netns.New(prefix), mount: mount}
	r, _, err := c.call(Request{Op: opHello})
	if err != nil {
		return nil, err
	}
	if r.Prefix != prefix || r.Mount != mount {
		return nil, fmt.Errorf("dynemu-netd at %s is for prefix %s and mount %s, not for %s and %s", socket, r.Prefix, r.Mount, prefix, mount)
	}
	c.units = r.Units
	return c, nil
}

// dial connects.
func (c *Client) dial() (*net.UnixConn, error) {
	return net.DialUnix("unixpacket", nil, &net.UnixAddr{Net: "unixpacket", Name: c.socket})
}

// errUnanswered is a request that was sent, or begun to be, and not answered.
var errUnanswered = errors.New("dynemu-netd ended before it answered")

// call asks the server and waits for its answer. A request that got none because the
// server ended is repeated: but for opSpawn, each does only what is not done.
func (c *Client) call(r Request, files ...*os.File) (Reply, []*os.File, error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(pause) {
		conn, err := c.take()
		if err == nil {
			var reply Reply
			var got []*os.File
			reply, got, err = ask(conn, r, files...)
			if err == nil {
				c.give(conn)
				return reply, got, nil
			}
			var refused *Error
			if errors.As(err, &refused) {
				c.give(conn)
				return reply, nil, err
			}
			conn.Close()
			if r.Op == opSpawn && errors.Is(err, errUnanswered) {
				return reply, nil, err
			}
		}
		if time.Now().After(deadline) {
			return Reply{}, nil, fmt.Errorf("ask dynemu-netd at %s: %w", c.socket, err)
		}
	}
}

// take returns a connection that nobody uses.
func (c *Client) take() (*net.UnixConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.idle); n > 0 {
		conn := c.idle[n-1]
		c.idle = c.idle[:n-1]
		return conn, nil
	}
	return c.dial()
}

// give keeps a connection for the next.
func (c *Client) give(conn *net.UnixConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle) >= maxIdle {
		conn.Close()
		return
	}
	c.idle = append(c.idle, conn)
}

// ask sends a request and waits for the answer to it.
func ask(conn *net.UnixConn, r Request, files ...*os.File) (Reply, []*os.File, error) {
	r.Version = Version
	if err := send(conn, r, files...); err != nil {
		return Reply{}, nil, err
	}
	return answer(conn)
}

// answer receives a reply or an event.
func answer(conn *net.UnixConn) (Reply, []*os.File, error) {
	b, got, err := receive(conn)
	var r Reply
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	var op *net.OpError
	switch {
	case err == io.EOF || errors.As(err, &op):
		err = fmt.Errorf("%w (%w)", errUnanswered, err)
	case err != nil:
	case r.Version != Version:
		err = fmt.Errorf("dynemu-netd speaks version %d of its protocol, this program %d", r.Version, Version)
	case r.Error != nil:
		err = r.Error
	}
	if err != nil {
		closeAll(got)
		return r, nil, err
	}
	return r, got, nil
}

// do is a request that returns nothing.
func (c *Client) do(r Request) error {
	_, got, err := c.call(r)
	closeAll(got)
	return err
}

// open is a request that returns n descriptors.
func (c *Client) open(n int, r Request) ([]*os.File, error) {
	_, got, err := c.call(r)
	if err == nil && len(got) != n {
		closeAll(got)
		err = fmt.Errorf("dynemu-netd sent %d descriptors for %s, not %d", len(got), r.Op, n)
	}
	return got, err
}

func (c *Client) openOne(r Request) (*os.File, error) {
	got, err := c.open(1, r)
	if err != nil {
		return nil, err
	}
	return got[0], nil
}

// request is one about a port.
func request(op string, e netns.Endpoint) Request {
	return Request{Op: op, Namespace: e.Namespace, Interface: e.Ifname}
}

// errMTU is returned for interfaces with an MTU of their own.
func checkMTU(mtu int) error {
	if mtu != 0 && mtu != netns.MTU {
		return fmt.Errorf("MTU %d: dynemu-netd makes interfaces with %d only", mtu, netns.MTU)
	}
	return nil
}

// Name implements Network.
func (c *Client) Name(lab, device string) string { return c.names.Name(lab, device) }

// EnsureNamespace implements Network.
func (c *Client) EnsureNamespace(name string) error {
	return c.do(Request{Op: opEnsureNamespace, Namespace: name})
}

// DeleteNamespace implements Network.
func (c *Client) DeleteNamespace(name string) error {
	return c.do(Request{Op: opRemoveNamespace, Namespace: name})
}

// EnsureTAP implements Network.
func (c *Client) EnsureTAP(ns, ifname string, mtu int) error {
	if err := checkMTU(mtu); err != nil {
		return err
	}
	return c.do(Request{Op: opEnsureTAP, Namespace: ns, Interface: ifname})
}

// OpenTAP implements Network.
func (c *Client) OpenTAP(ns, ifname string, mtu int) (*os.File, error) {
	if err := checkMTU(mtu); err != nil {
		return nil, err
	}
	return c.openOne(Request{Op: opOpenTAP, Namespace: ns, Interface: ifname})
}

// RemoveInterface implements Network.
func (c *Client) RemoveInterface(ns, ifname string) error {
	return c.do(Request{Op: opRemoveInterface, Namespace: ns, Interface: ifname})
}

// LinkVeth implements Network.
func (c *Client) LinkVeth(a, b netns.Endpoint, aUp, bUp bool) error {
	r := request(opLink, a)
	r.PeerNamespace, r.PeerInterface, r.Up, r.PeerUp = b.Namespace, b.Ifname, aUp, bUp
	return c.do(r)
}

// UnlinkVeth implements Network.
func (c *Client) UnlinkVeth(a, b netns.Endpoint) error {
	r := request(opUnlink, a)
	r.PeerNamespace, r.PeerInterface = b.Namespace, b.Ifname
	return c.do(r)
}

// EnsureLAN implements Network.
func (c *Client) EnsureLAN(ns string) error { return c.do(Request{Op: opEnsureLAN, Namespace: ns}) }

// AttachLAN implements Network.
func (c *Client) AttachLAN(lanNS string, port netns.Endpoint, up bool) error {
	r := request(opAttachLAN, port)
	r.PeerNamespace, r.Up = lanNS, up
	return c.do(r)
}

// DetachLAN implements Network.
func (c *Client) DetachLAN(lanNS string, port netns.Endpoint) error {
	r := request(opDetachLAN, port)
	r.PeerNamespace = lanNS
	return c.do(r)
}

// LinkHost implements Network.
func (c *Client) LinkHost(port netns.Endpoint, hostIf, address string, up bool) error {
	r := request(opLinkHost, port)
	r.Host, r.Address, r.Up = hostIf, address, up
	return c.do(r)
}

// UnlinkHost implements Network.
func (c *Client) UnlinkHost(port netns.Endpoint, hostIf string) error {
	r := request(opUnlinkHost, port)
	r.Host = hostIf
	return c.do(r)
}

// OpenHostTAP implements Network.
func (c *Client) OpenHostTAP(name string) (*os.File, error) {
	return c.openOne(Request{Op: opOpenHostTAP, Host: name})
}

// OpenNIO implements Network.
func (c *Client) OpenNIO(n wire.NIO) (wire.Opened, error) {
	f, err := c.openOne(Request{Op: opOpenNIO, NIO: n.Type, Host: n.Interface})
	return wire.Opened{Kind: node.WirePacket, File: f}, err
}

// OpenCable implements Network.
func (c *Client) OpenCable(port netns.Endpoint) (*os.File, error) {
	return c.openOne(request(opOpenCable, port))
}

// PlugCable implements Network.
func (c *Client) PlugCable(port netns.Endpoint, up bool) error {
	r := request(opPlugCable, port)
	r.Up = up
	return c.do(r)
}

// RemoveCable implements Network.
func (c *Client) RemoveCable(port netns.Endpoint) error { return c.do(request(opRemoveCable, port)) }

// EnsureTUN implements Network.
func (c *Client) EnsureTUN(ns, ifname string, t netns.LinkType) error {
	return c.do(Request{Op: opEnsureTUN, Namespace: ns, Interface: ifname, FrameRelay: t == netns.FrameRelay})
}

// OpenTUN implements Network.
func (c *Client) OpenTUN(ns, ifname string) (tun, packet *os.File, err error) {
	got, err := c.open(2, Request{Op: opOpenTUN, Namespace: ns, Interface: ifname})
	if err != nil {
		return nil, nil, err
	}
	return got[0], got[1], nil
}

// Units implements node.Spawner.
func (c *Client) Units() bool { return c.units }

// Spawn implements node.Spawner.
func (c *Client) Spawn(spec node.Spec, listener, log *os.File) error {
	r := Request{Op: opSpawn, Lab: spec.Lab, Device: spec.Device, Kind: kindRouter, Limits: spec.Limits}
	if spec.Switch != nil {
		r.Kind = spec.Switch.Type
	}
	files := []*os.File{listener}
	if log != nil {
		files = append(files, log)
	}
	_, got, err := c.call(r, files...)
	closeAll(got)
	return err
}

// Limit implements node.Spawner.
func (c *Client) Limit(lab, device string, l node.Limits) error {
	return c.do(Request{Op: opLimit, Lab: lab, Device: device, Limits: l})
}

// Kill implements node.Spawner.
func (c *Client) Kill(lab, device string, pid int, start uint64) error {
	return c.do(Request{Op: opKill, Lab: lab, Device: device, PID: pid, Start: start})
}

// Addresses implements System.
func (c *Client) Addresses() ([]string, error) {
	r, _, err := c.call(Request{Op: opAddresses})
	return r.Addresses, err
}

// Restarting reports whether the service manager ends the service of this process only
// to start it again. The number of the process is the one that the kernel attests.
func (c *Client) Restarting(int) (bool, error) {
	r, _, err := c.call(Request{Op: opRestarting})
	return r.Restarting, err
}

// Mount implements System. The server detaches the mount when this process ends.
func (c *Client) Mount(dir string) (*os.File, error) {
	if dir != c.mount {
		return nil, fmt.Errorf("mount %s: dynemu-netd mounts at %s only", dir, c.mount)
	}
	conn, err := c.dial()
	if err != nil {
		return nil, err
	}
	_, got, err := ask(conn, Request{Op: opMount})
	if err == nil && len(got) != 1 {
		closeAll(got)
		err = errors.New("dynemu-netd sent no descriptor of the mount")
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	h := newHeld(c, conn)
	go h.keep()
	c.mu.Lock()
	c.hold = h.end
	c.mu.Unlock()
	return got[0], nil
}

// Unmount implements System.
func (c *Client) Unmount(dir string) error {
	if dir != c.mount {
		return fmt.Errorf("unmount %s: dynemu-netd does so at %s only", dir, c.mount)
	}
	err := c.do(Request{Op: opUnmount})
	c.mu.Lock()
	end := c.hold
	c.hold = nil
	c.mu.Unlock()
	if end != nil {
		end()
	}
	return err
}

// held is a connection that is kept while something lasts, and made anew when the
// server ends before.
type held struct {
	c     *Client
	mu    sync.Mutex
	conn  *net.UnixConn
	ended bool
}

func newHeld(c *Client, conn *net.UnixConn) *held { return &held{c: c, conn: conn} }

// end closes the connection for good.
func (h *held) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	h.conn.Close()
}

// keep holds the mount until end.
func (h *held) keep() {
	conn := h.conn
	for {
		_, got, err := answer(conn) // until the connection ends
		closeAll(got)
		if err == nil {
			continue
		}
		conn, err = h.again(Request{Op: opHoldMount})
		if err != nil {
			return
		}
		if _, got, err := answer(conn); err != nil || len(got) > 0 {
			closeAll(got)
			time.Sleep(pause)
		}
	}
}

// again connects anew and sends the request. It goes on until end.
func (h *held) again(r Request) (*net.UnixConn, error) {
	r.Version = Version
	for ; ; time.Sleep(pause) {
		conn, err := h.c.dial()
		h.mu.Lock()
		if h.ended {
			h.mu.Unlock()
			if err == nil {
				conn.Close()
			}
			return nil, net.ErrClosed
		}
		if err == nil {
			h.conn.Close()
			h.conn = conn
		}
		h.mu.Unlock()
		if err == nil {
			if err = send(conn, r); err == nil {
				return conn, nil
			}
		}
	}
}

var _ System = (*Client)(nil)
