package capture

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"golang.org/x/sys/unix"

	"dynemu/vm/wire"
)

// Format is how frames are written.
type Format string

// The formats: classic pcap with microseconds, little-endian, as Dynamips writes it,
// and one that keeps the direction and nanoseconds, for NewReader.
const (
	FormatPcap   Format = "pcap"
	FormatStream Format = "stream"
)

// Options say what is written.
type Options struct {
	// LinkType is what the frames are. With SunATM and ATMRFC1483 they are cells,
	// of which packets are made.
	LinkType LinkType
	// Snaplen is how many bytes of a frame are kept, at most and by default (0)
	// MaxSnaplen.
	Snaplen int
	Format  Format // FormatPcap when it is ""
}

// MaxSnaplen is how many bytes of a frame are kept at most: what Dynamips and
// Dynagen write.
const MaxSnaplen = 65535

const (
	// queueSize is how many bytes wait for a reader; as many again may be in the
	// middle of being written.
	queueSize = 4 << 20
	// keepSize is the largest buffer that is kept while nothing waits.
	keepSize = 256 << 10
	// closeTime is how long Close waits for what is queued to be written.
	closeTime = 2 * time.Second
	// fullDisk is after how long a full disk is tried again.
	fullDisk = time.Second
)

// File is a capture: a Monitor that writes what it sees to a descriptor, on a
// goroutine of its own. What a slow reader, or a full disk, leaves no room for is
// dropped and counted.
type File struct {
	file    *os.File
	options Options
	done    chan struct{}
	more    chan struct{} // has room for one: there is something to write
	closing chan struct{}

	mu      sync.Mutex
	queue   buffer
	records uint64 // in queue
	pcap    *pcapgo.Writer
	cells   cells
	unsaid  uint32 // frames dropped since the last record, for FormatStream
	closed  bool
	stats   Stats
}

// Stats tells how a capture fares.
type Stats struct {
	Frames  uint64 // written
	Bytes   uint64 // written, headers included
	Dropped uint64 // frames that there was no room for
	// Skipped are cells that belong to no packet and packets that came damaged, at
	// a port of ATM.
	Skipped uint64
	// Err tells why nothing is written now: for good, when Done is closed.
	Err error
}

// buffer is what waits to be written.
type buffer []byte

func (b *buffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// New starts a capture into f, a file, a pipe or a stream socket. It writes the
// header before it returns, but not into a file that has something already: such a
// one, opened for appending, goes on where it ends. It takes f over, also when it
// fails.
func New(f *os.File, o Options) (*File, error) {
	if o.Format == "" {
		o.Format = FormatPcap
	}
	if o.Snaplen == 0 {
		o.Snaplen = MaxSnaplen
	}
	name := f.Name()
	fail := func(err error) (*File, error) {
		f.Close()
		return nil, fmt.Errorf("capture %s: %w", name, err)
	}
	if o.Snaplen < 1 || o.Snaplen > MaxSnaplen {
		return fail(fmt.Errorf("%d bytes of each frame; wanted: 1 to %d", o.Snaplen, MaxSnaplen))
	}
	c := &File{options: o, done: make(chan struct{}), more: make(chan struct{}, 1), closing: make(chan struct{})}
	switch o.Format {
	case FormatPcap:
		c.pcap = pcapgo.NewWriter(&c.queue)
		if err := c.pcap.WriteFileHeader(uint32(o.Snaplen), layers.LinkType(o.LinkType)); err != nil {
			return fail(err)
		}
	case FormatStream:
		c.queue = appendStreamHeader(c.queue, o.LinkType, o.Snaplen)
	default:
		return fail(fmt.Errorf("format %q is unknown; wanted: %s or %s", o.Format, FormatPcap, FormatStream))
	}
	var err error
	if c.file, err = pollable(f); err != nil {
		return nil, fmt.Errorf("capture %s: %w", name, err)
	}
	f = c.file
	if st, err := f.Stat(); err == nil && st.Mode().IsRegular() && st.Size() > 0 {
		c.queue = c.queue[:0]
	}
	_ = f.SetWriteDeadline(time.Now().Add(closeTime)) // files have none, and need none
	n, err := f.Write(c.queue)
	if err != nil {
		return fail(err)
	}
	_ = f.SetWriteDeadline(time.Time{})
	c.stats.Bytes, c.queue = uint64(n), c.queue[:0]
	go c.run()
	return c, nil
}

// pollable returns a file of its own for f, which it closes, whose writes can be
// given a time limit where they may have to wait.
func pollable(f *os.File) (*os.File, error) {
	defer f.Close()
	rc, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	if cerr := rc.Control(func(old uintptr) {
		if fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0); err == nil {
			err = unix.SetNonblock(fd, true)
		}
	}); cerr != nil {
		err = cerr
	}
	if err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// Frame implements wire.Monitor.
func (c *File) Frame(d wire.Direction, at time.Time, frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	if c.options.LinkType == SunATM || c.options.LinkType == ATMRFC1483 {
		var bad bool
		frame, bad = c.cells.add(d, frame, c.options.LinkType)
		if bad {
			c.stats.Skipped++
		}
		if frame == nil {
			return
		}
	}
	kept := frame[:min(len(frame), c.options.Snaplen)]
	if len(c.queue)+recordHeader+len(kept) > queueSize {
		c.stats.Dropped++
		c.unsaid++
		return
	}
	if c.pcap != nil {
		// What is written to a buffer does not fail.
		_ = c.pcap.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(kept), Length: len(frame)}, kept)
	} else {
		c.queue = appendRecord(c.queue, d, at, kept, len(frame), c.unsaid)
		c.unsaid = 0
	}
	c.records++
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// Stats returns counters since the start.
func (c *File) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// Done is closed when the capture has ended: it was closed, or nobody reads it any
// more.
func (c *File) Done() <-chan struct{} { return c.done }

// Close ends the capture. What is queued is still written, as far as that takes no
// more than two seconds. It returns why something was not written.
func (c *File) Close() error {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.closing)
		_ = c.file.SetWriteDeadline(time.Now().Add(closeTime))
	}
	c.mu.Unlock()
	select {
	case <-c.done:
	case <-time.After(closeTime + time.Second): // a write that cannot be ended
		return fmt.Errorf("capture %s: the file takes nothing", c.file.Name())
	}
	return c.Stats().Err
}

// run writes what is queued until the capture is closed or fails.
func (c *File) run() {
	defer close(c.done)
	defer c.file.Close()
	var spare []byte
	for last := false; ; {
		select {
		case <-c.more:
		case <-c.closing:
			last = true
		}
		c.mu.Lock()
		data, records := c.queue, c.records
		c.queue, c.records = spare[:0], 0
		c.mu.Unlock()
		err := c.write(data)
		c.mu.Lock()
		if err == nil {
			c.stats.Frames += records
			c.stats.Bytes += uint64(len(data))
		} else {
			// Maybe some of them were written in part or in whole.
			c.stats.Dropped += records + c.records
			c.closed = true
		}
		c.stats.Err = err
		c.mu.Unlock()
		if err != nil || last {
			return
		}
		if spare = data; cap(spare) > keepSize {
			spare = nil
		}
	}
}

// write writes all of data. On a full disk it waits for room.
func (c *File) write(data []byte) error {
	for {
		n, err := c.file.Write(data)
		data = data[n:]
		if len(data) == 0 {
			return nil
		}
		err = reason(err)
		if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
			return err
		}
		c.mu.Lock()
		c.stats.Err = err
		c.mu.Unlock()
		select {
		case <-time.After(fullDisk):
		case <-c.closing:
			return err
		}
	}
}

// reason says what an error means for a capture.
func reason(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("the reader does not read")
	case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		return errors.New("nobody reads it any more")
	}
	return err
}
