package emud

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"dynemu/emud/lab"
	"dynemu/emud/node"
	"dynemu/vm/wire"
	"dynemu/vm/wire/capture"
)

// liveBuffer bounds what a reader of a stream may leave unread, in bytes; frames for
// which there is no room are left out.
const liveBuffer = 4 << 20

// liveRescan is how often a stream of a lab looks for ports that are new, and how long
// one waits for a port that is not there now.
const liveRescan = time.Second

// Live is a stream of what passes a port (pcap), or all ports of a lab (pcapng
// with named interfaces), from the moment that it is opened, over restarts of
// devices. A reader who is slow misses frames, which are counted.
type Live struct {
	*backlog
	cancel context.CancelFunc
	missed map[int]int // by port: frames since the last that there was room for; under mu
	// write puts a frame of a port into buf.
	write func(port int, r capture.Record) error
}

func newLive() (*Live, context.Context) {
	ctx, cancel := context.WithCancel(context.Background())
	return &Live{backlog: newBacklog(), cancel: cancel, missed: map[int]int{}}, ctx
}

// liveID begins the names of streams among the captures of a node; what follows is of
// one daemon.
const liveID = "live:"

var (
	liveOwn  = fmt.Sprintf("%s%d.", liveID, os.Getpid())
	liveNext atomic.Uint64
)

// linkType is that of the port's frames, as far as that is known.
func (dev *Device) linkType(p lab.Port) (capture.LinkType, error) {
	e := capture.Encapsulation(dev.portState(p.Name).encapsulation)
	if e == "" && dev.lab.framesLookLikeFrameRelay(lab.End{Device: dev.name, Port: p.Name}) {
		e = capture.EncapsulationFrameRelay
	}
	return capture.DefaultLinkType(string(p.Kind), e)
}

// OpenLive opens a stream of one port.
func (dev *Device) OpenLive(p lab.Port) *Live {
	v, ctx := newLive()
	t, err := dev.linkType(p)
	if err != nil {
		v.end()
		return v
	}
	w := pcapgo.NewWriterNanos(&v.buf)
	if err := w.WriteFileHeader(capture.MaxSnaplen, layers.LinkType(t)); err != nil {
		v.end()
		return v
	}
	v.write = func(_ int, r capture.Record) error {
		return w.WritePacket(gopacket.CaptureInfo{Timestamp: r.Time, CaptureLength: len(r.Data), Length: r.Length}, r.Data)
	}
	s := &liveStream{v: v, dev: dev, port: p, linkType: t}
	s.open(dev.running())
	go func() {
		s.pump(ctx)
		v.end()
	}()
	return v
}

// OpenLive opens a stream of all ports.
func (l *Lab) OpenLive() *Live {
	v, ctx := newLive()
	var w *pcapgo.NgWriter
	index := map[int]int{} // of ports in the file
	v.write = func(port int, r capture.Record) error {
		direction := pcapgo.NgEpbFlagDirectionInbound
		if r.Direction == wire.Out {
			direction = pcapgo.NgEpbFlagDirectionOutbound
		}
		opts := pcapgo.NgPacketOptions{Flags: &pcapgo.NgEpbFlags{Direction: direction}}
		if r.Dropped > 0 {
			n := uint64(r.Dropped)
			opts.DropCount = &n
		}
		err := w.WritePacketWithOptions(gopacket.CaptureInfo{
			Timestamp: r.Time, CaptureLength: len(r.Data), Length: r.Length, InterfaceIndex: index[port],
		}, r.Data, opts)
		return errors.Join(err, w.Flush())
	}
	known, next := map[string]bool{}, 0 // under v.mu
	add := func() {
		for _, dev := range l.Devices() {
			for _, p := range dev.Ports() {
				key := dev.name + " " + p.Name
				t, err := dev.linkType(p)
				v.mu.Lock()
				if known[key] || err != nil {
					v.mu.Unlock()
					continue
				}
				n := next
				known[key], next = true, next+1
				i := pcapgo.NgInterface{Name: key, LinkType: layers.LinkType(t), SnapLength: capture.MaxSnaplen, TimestampResolution: 9}
				if w == nil {
					w, err = pcapgo.NewNgWriterInterface(&v.buf, i, pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Application: "dynemu " + l.d.opt.Version}})
				} else {
					index[n], err = w.AddInterface(i)
				}
				if err == nil {
					err = w.Flush()
				}
				v.signal()
				v.mu.Unlock()
				if err != nil {
					continue
				}
				s := &liveStream{v: v, dev: dev, port: p, index: n, linkType: t}
				s.open(dev.running())
				go func() {
					s.pump(ctx)
					v.mu.Lock()
					defer v.mu.Unlock()
					delete(known, key)
				}()
			}
		}
	}
	add()
	go func() {
		defer v.end()
		for tick := time.NewTicker(liveRescan); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
			if l.d.Lab(l.name) != l {
				v.cancel()
				continue
			}
			add()
		}
	}()
	return v
}

// liveStream is what one port adds to a Live.
type liveStream struct {
	v        *Live
	dev      *Device
	port     lab.Port
	index    int
	linkType capture.LinkType

	node Node
	id   string
	r    *os.File // nil when the node gives nothing
}

// open asks a node for the frames of the port; nil is no node.
func (s *liveStream) open(n Node) {
	s.node, s.r = n, nil
	if n == nil {
		return
	}
	r, w, err := os.Pipe()
	if err != nil {
		return
	}
	s.id = fmt.Sprintf("%s%d", liveOwn, liveNext.Add(1))
	err = n.Capture(node.CaptureRequest{ID: s.id, Port: s.port.Name, LinkType: s.linkType.String(), Format: node.FormatStream}, w)
	w.Close()
	if err != nil {
		r.Close()
		return
	}
	s.r = r
}

// pump copies frames from the nodes that run the device, one after the other, until ctx
// ends or the device is gone.
func (s *liveStream) pump(ctx context.Context) {
	for {
		if s.r != nil {
			s.copy(ctx)
			s.r = nil
		}
		if ctx.Err() != nil {
			return
		}
		last := s.node
		wait, cancel := context.WithTimeout(ctx, liveRescan)
		n := s.dev.waitNode(wait, last)
		cancel()
		switch {
		case n != nil:
			s.open(n)
		case s.dev.isClosed():
			return
		case last != nil && last == s.dev.running(): // the port may have come back with its card
			s.open(last)
		}
	}
}

// copy copies frames until the node ends the stream.
func (s *liveStream) copy(ctx context.Context) {
	r := s.r
	stop := context.AfterFunc(ctx, func() { r.Close() })
	defer stop()
	defer r.Close()
	in, err := capture.NewReader(bufio.NewReaderSize(r, 64<<10))
	for err == nil {
		var rec capture.Record
		if rec, err = in.Next(); err == nil {
			if n := s.v.add(s.index, rec); n > 0 {
				s.dev.changePort(s.node, s.port.Name, func(p *portState) { p.liveDrops += uint64(n) })
			}
		}
	}
	if ctx.Err() != nil {
		if err := s.node.NoCapture(s.id); err != nil && s.node == s.dev.running() {
			s.dev.lab.d.log.Debug("cannot end a stream", "lab", s.dev.lab.name, "device", s.dev.name, "port", s.port.Name, "err", err)
		}
	}
}

// add adds a frame and returns how many the reader has missed now, this one included
// if there is no room for it.
func (v *Live) add(port int, r capture.Record) (missed int) {
	missed = r.Dropped
	v.mu.Lock()
	defer v.mu.Unlock()
	r.Dropped += v.missed[port]
	if v.buf.Len()+len(r.Data) > liveBuffer || v.write(port, r) != nil {
		v.missed[port] = r.Dropped + 1
		return missed + 1
	}
	delete(v.missed, port)
	v.signal()
	return missed
}

// Close ends the stream.
func (v *Live) Close() { v.cancel() }

// isStale reports whether a capture of a node is a stream of a daemon that is gone.
func isStale(id string) bool {
	return strings.HasPrefix(id, liveID) && !strings.HasPrefix(id, liveOwn)
}
