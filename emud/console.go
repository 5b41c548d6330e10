package emud

import (
	"context"
	"io"

	"dynemu/emud/node"
)

// consoleBuffer bounds what a reader of a console may leave unread, in bytes;
// what is older than that is dropped.
const consoleBuffer = 256 << 10

// Console is an open console of a device, or its open AUX port. It reads what is printed from the
// moment of Open, over as many runs of the device as it is open for.
type Console struct {
	dev    *Device
	dial   func(n Node, replay bool) (Conn, error)
	cancel context.CancelFunc

	*backlog
	conn Conn // under mu
}

// OpenConsole opens the device's console. Nothing is read from the node unless
// read is set.
func (dev *Device) OpenConsole(read bool) *Console { return dev.openConsole(Node.Console, read) }

// OpenAUX is OpenConsole for the AUX port.
func (dev *Device) OpenAUX(read bool) *Console { return dev.openConsole(Node.AUX, read) }

func (dev *Device) openConsole(dial func(Node, bool) (Conn, error), read bool) *Console {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Console{dev: dev, dial: dial, cancel: cancel, backlog: newBacklog()}
	if read {
		// A running node is connected to before this returns, so that nothing
		// printed from now on is missed.
		first := dev.running()
		if first != nil {
			c.connect(first, false)
		}
		go c.pump(ctx, first)
	}
	return c
}

func (c *Console) connect(n Node, replay bool) {
	conn, err := c.dial(n, replay)
	if err != nil {
		return
	}
	c.mu.Lock()
	c.conn = conn
	c.mu.Unlock()
}

// pump copies what the device's nodes print, one after the other.
func (c *Console) pump(ctx context.Context, n Node) {
	for {
		c.mu.Lock()
		conn := c.conn
		c.mu.Unlock()
		if conn != nil {
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			buf := make([]byte, 4096)
			for {
				k, err := conn.Read(buf)
				c.add(buf[:k])
				if err != nil {
					break
				}
			}
			stop()
			conn.Close()
		}
		if n = c.dev.waitNode(ctx, n); n == nil {
			c.end()
			return
		}
		c.mu.Lock()
		c.conn = nil
		c.mu.Unlock()
		// All that a new run printed so far came after the opening.
		c.connect(n, true)
	}
}

func (c *Console) add(p []byte) {
	if len(p) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buf.Write(p)
	c.buf.Next(max(c.buf.Len()-consoleBuffer, 0))
	c.signal()
}

// Write sends keystrokes.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	conn := c.conn
	c.mu.Unlock()
	n, err := c.dev.need("typed to")
	if err != nil {
		c.dev.setError(err)
		return 0, err
	}
	if conn == nil {
		if conn, err = c.dial(n, false); err != nil {
			return 0, err
		}
		defer conn.Close()
	}
	k, err := conn.Write(p)
	if err == nil && k < len(p) {
		err = io.ErrShortWrite
	}
	return k, err
}

// Close ends the reading.
func (c *Console) Close() { c.cancel() }

// ConsoleLog is what the console printed so far: in this run, or in the last
// one that was stopped.
func (dev *Device) ConsoleLog() ([]byte, error) {
	if n := dev.running(); n != nil {
		log, err := n.ConsoleLog()
		if err == nil {
			return log, nil
		}
		if state, _ := dev.State(); state != node.Stopped && state != node.Crashed {
			return nil, err
		}
	}
	dev.mu.Lock()
	defer dev.mu.Unlock()
	return dev.console, nil
}

// TTY is the path of the console's terminal; empty while the device does not
// run.
func (dev *Device) TTY() string {
	if n := dev.running(); n != nil {
		return n.Spec().TTY
	}
	return ""
}
