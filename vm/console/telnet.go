package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Telnet commands and options (RFC 854, 855, 857, 858, 1091, 1184).
const (
	telnetSE   = 240
	telnetSB   = 250
	telnetWILL = 251
	telnetWONT = 252
	telnetDO   = 253
	telnetDONT = 254
	telnetIAC  = 255

	optionEcho     = 1
	optionSGA      = 3
	optionTType    = 24
	optionLinemode = 34

	ttypeIs   = 0
	ttypeSend = 1
)

// greeting asks the client for character mode without local echo and for its
// terminal type; the bytes and their order are those of Dynamips.
var greeting = []byte{
	telnetIAC, telnetDO, optionTType,
	telnetIAC, telnetWILL, optionEcho,
	telnetIAC, telnetWILL, optionSGA,
	telnetIAC, telnetDONT, optionLinemode,
}

var askTType = []byte{telnetIAC, telnetSB, optionTType, ttypeSend, telnetIAC, telnetSE}

// maxClients is how many network clients one console takes.
const maxClients = 64

// Info is what a network client is greeted with.
type Info struct {
	Name string // of the router
	ID   int    // instance number
	Type string // platform, c7200
	Port string // "Console" or "AUX"
	// Quiet leaves out the banner and the replay (--notelnetmsg).
	Quiet bool
	// Status returns the state of the router as Dynamips numbers it, and
	// whether that is running; nil: it is.
	Status func() (status int, running bool)
}

func (i *Info) banner() string {
	port := i.Port
	if port == "" {
		port = "Console"
	}
	return fmt.Sprintf("Connected to Dynamips VM \"%s\" (ID %d, type %s) - %s port\r\n"+
		"Press ENTER to get the prompt.\r\n", i.Name, i.ID, i.Type, port)
}

func (i *Info) warning() string {
	if i.Status == nil {
		return ""
	}
	status, running := i.Status()
	if running {
		return ""
	}
	return fmt.Sprintf("\r\n!!! WARNING - VM is not running, will be unresponsive (status=%d) !!!\r\n", status)
}

// telnetParser takes the telnet commands out of what one client sends.
type telnetParser struct {
	state   telnetState
	command byte
	sub     []byte // suboption, without the end mark
	reply   func(p []byte)
	ttype   func(name string)
}

type telnetState uint8

const (
	telnetData telnetState = iota
	telnetCommand
	telnetOption
	telnetSub
	telnetSubIAC
)

// maxSub is how much of a suboption is kept, in bytes.
const maxSub = 64

// appendData appends the data bytes among src to dst.
func (t *telnetParser) appendData(dst, src []byte) []byte {
	for _, b := range src {
		switch t.state {
		case telnetData:
			if b == telnetIAC {
				t.state = telnetCommand
			} else {
				dst = append(dst, b)
			}
		case telnetCommand:
			switch b {
			case telnetIAC:
				dst = append(dst, b)
				t.state = telnetData
			case telnetSB:
				t.sub = t.sub[:0]
				t.state = telnetSub
			case telnetWILL, telnetWONT, telnetDO, telnetDONT:
				t.command = b
				t.state = telnetOption
			default:
				t.state = telnetData
			}
		case telnetOption:
			// Other options need no answer: what the greeting announced stands.
			if t.command == telnetWILL && b == optionTType {
				t.reply(askTType)
			}
			t.state = telnetData
		case telnetSub:
			switch {
			case b == telnetIAC:
				t.state = telnetSubIAC
			case len(t.sub) < maxSub:
				t.sub = append(t.sub, b)
			}
		case telnetSubIAC:
			switch b {
			case telnetIAC:
				if len(t.sub) < maxSub {
					t.sub = append(t.sub, b)
				}
				t.state = telnetSub
			default:
				if len(t.sub) >= 2 && t.sub[0] == optionTType && t.sub[1] == ttypeIs {
					t.ttype(string(t.sub[2:]))
				}
				t.state = telnetData
			}
		}
	}
	return dst
}

// appendTelnet appends p to dst with each 0xff doubled.
func appendTelnet(dst, p []byte) []byte {
	for len(p) > 0 {
		i := bytes.IndexByte(p, telnetIAC)
		if i < 0 {
			return append(dst, p...)
		}
		dst = append(dst, p[:i+1]...)
		dst = append(dst, telnetIAC)
		p = p[i+1:]
	}
	return dst
}

// ServeTelnet serves clients of l until l or the console is closed, and then
// returns nil. Closing the console closes l and ends the clients.
func (c *Console) ServeTelnet(l net.Listener, info Info) error {
	return c.serve(l, func(conn net.Conn) { c.serveTelnet(conn, &info) })
}

// ServeTCP is ServeTelnet without the telnet protocol and the banner: bytes go as
// they are. Clients are shown what was printed before.
func (c *Console) ServeTCP(l net.Listener) error {
	return c.serve(l, func(conn net.Conn) { c.ServeRaw(conn, true) })
}

func (c *Console) serve(l net.Listener, client func(net.Conn)) error {
	if !c.track(l) {
		return l.Close()
	}
	defer c.untrack(l)
	for {
		conn, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			if ne, ok := err.(interface{ Temporary() bool }); ok && ne.Temporary() {
				time.Sleep(50 * time.Millisecond) // out of descriptors
				continue
			}
			return err
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			// The ring is buffer enough; what waits in a large socket would
			// only be old.
			tcp.SetWriteBuffer(RingSize)
		}
		go client(conn)
	}
}

// enter counts a client in; full tells that there are too many.
func (c *Console) enter(e io.Closer) (ok, full bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.clients >= maxClients {
		return false, !c.closed
	}
	c.clients++
	c.onEnd[e] = struct{}{}
	return true, false
}

func (c *Console) leave(e io.Closer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clients--
	delete(c.onEnd, e)
}

func (c *Console) serveTelnet(conn net.Conn, info *Info) {
	defer conn.Close()
	ok, full := c.enter(conn)
	if full {
		fmt.Fprintf(conn, "The console of %s has %d clients already.\r\n", info.Name, maxClients)
	}
	if !ok {
		return
	}
	defer c.leave(conn)

	var out sync.Mutex // the printer and the parser's answers
	send := func(p []byte) error {
		out.Lock()
		defer out.Unlock()
		_, err := conn.Write(p)
		return err
	}
	hello := bytes.Clone(greeting)
	if !info.Quiet {
		hello = append(hello, info.banner()...)
	}
	sub := c.Subscribe(!info.Quiet)
	if n := sub.Pending(); n > 0 {
		replay := make([]byte, n)
		n, _ = sub.Read(replay)
		hello = appendTelnet(hello, replay[:n])
	}
	if !info.Quiet {
		hello = append(hello, info.warning()...)
	}
	if send(hello) != nil {
		return
	}
	parser := &telnetParser{
		reply: func(p []byte) { send(p) },
		ttype: func(name string) {
			if name != "" && bytes.IndexByte([]byte("xXvV"), name[0]) >= 0 {
				send([]byte("\x1b]0;" + info.Name + "\a"))
			}
		},
	}
	c.pump(conn, conn, sub, appendTelnet, send, parser.appendData)
}

// lastKeys is how long a user's last keys may wait for the router to take them.
const lastKeys = 5 * time.Second

// pump moves bytes between a user and the console until the user or the
// console is gone. Each side has a goroutine, so that a user who does not read can
// still type, and the other way round.
func (c *Console) pump(conn io.Closer, r io.Reader, sub *Subscription,
	encode func(dst, src []byte) []byte, send func(p []byte) error,
	decode func(dst, src []byte) []byte) {

	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	end := func() {
		cancel()
		conn.Close() // ends the reading side
	}
	go func() {
		defer close(done)
		var enc []byte
		buf := make([]byte, 4096)
		for {
			n, err := sub.Read(buf)
			if err != nil {
				end()
				return
			}
			enc = encode(enc[:0], buf[:n])
			if send(enc) != nil {
				// The user is gone, but what was typed before that counts.
				time.AfterFunc(lastKeys, end)
				return
			}
		}
	}()
	var keys Keys
	var data, typed []byte
	buf := make([]byte, 1024)
	for {
		n, err := r.Read(buf)
		data = decode(data[:0], buf[:n])
		typed = keys.Append(typed[:0], data)
		if len(typed) > 0 {
			if _, err := c.Type(ctx, typed); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	sub.Close()
	conn.Close() // ends a blocked send
	<-done
}

func verbatim(dst, src []byte) []byte { return append(dst, src...) }

// ServeRaw serves one client without the telnet protocol, until it or the
// console is gone, and closes conn. With replay, the client is first shown what
// was printed before.
func (c *Console) ServeRaw(conn net.Conn, replay bool) {
	defer conn.Close()
	if ok, _ := c.enter(conn); !ok {
		return
	}
	defer c.leave(conn)
	c.pump(conn, conn, c.Subscribe(replay), verbatim, func(p []byte) error {
		_, err := conn.Write(p)
		return err
	}, verbatim)
}
