package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"golang.org/x/sys/unix"

	"dynemu/vm/wire"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

func create(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "x.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func start(t *testing.T, f *os.File, o Options) *File {
	t.Helper()
	c, err := New(f, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 5000 {
		if ok() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("timed out: %s", what)
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The header is there at once, as Dynamips writes it (netio-hypervisor reference,
// 8), and each frame soon after it passed.
func TestPcapFile(t *testing.T) {
	f := create(t)
	c := start(t, f, Options{LinkType: Ethernet})
	want := []byte{0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0}
	if got := content(t, f.Name()); !bytes.Equal(got, want) {
		t.Fatalf("header %x, want %x", got, want)
	}
	frames := [][]byte{bytes.Repeat([]byte{1}, 60), {}, bytes.Repeat([]byte{2}, 9018)}
	for i, frame := range frames {
		c.Frame(wire.Direction(i%2), noon.Add(time.Duration(i)*time.Second), frame)
		size := len(want)
		for _, f := range frames[:i+1] {
			size += 16 + len(f)
		}
		await(t, "the frame in the file", func() bool { return len(content(t, f.Name())) == size })
	}
	r, err := pcapgo.NewReader(bytes.NewReader(content(t, f.Name())))
	if err != nil || r.LinkType() != layers.LinkTypeEthernet || r.Snaplen() != 65535 {
		t.Fatal(err, r)
	}
	for i, frame := range frames {
		data, ci, err := r.ReadPacketData()
		if at := noon.Add(time.Duration(i) * time.Second).Truncate(time.Microsecond); err != nil || !bytes.Equal(data, frame) || !ci.Timestamp.Equal(at) {
			t.Errorf("frame %d: %d bytes at %v, %v", i, len(data), ci.Timestamp, err)
		}
	}
	await(t, "the counters", func() bool {
		s := c.Stats()
		return s.Frames == 3 && s.Bytes == uint64(len(content(t, f.Name()))) && s.Dropped == 0 && s.Err == nil
	})
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	c.Frame(wire.In, noon, frames[0])
	if s := c.Stats(); s.Frames != 3 || s.Dropped != 0 {
		t.Errorf("after Close: %+v", s)
	}
	if err := c.Close(); err != nil {
		t.Error("closing twice:", err)
	}
}

// A snaplen cuts frames off, and says how long they were.
func TestSnaplen(t *testing.T) {
	f := create(t)
	c := start(t, f, Options{LinkType: CHDLC, Snaplen: 64})
	c.Frame(wire.In, noon, make([]byte, 1500))
	c.Frame(wire.In, noon, make([]byte, 64))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := pcapgo.NewReader(bytes.NewReader(content(t, f.Name())))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1500, 64} {
		data, ci, err := r.ReadPacketData()
		if err != nil || len(data) != 64 || ci.Length != n {
			t.Errorf("%d bytes of %d, want 64 of %d; %v", len(data), ci.Length, n, err)
		}
	}
}

// A reader that does not read loses frames, which are counted; the wire goes on, and
// so does the reader with whole records once it reads again.
func TestSlowReader(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c := start(t, w, Options{Format: FormatStream})
	frame := make([]byte, 1500)
	const n = 10_000
	for i := range n {
		binary.BigEndian.PutUint32(frame, uint32(i))
		began := time.Now()
		c.Frame(wire.In, noon, frame)
		if d := time.Since(began); d > 5*time.Second {
			t.Fatalf("a frame took %v", d)
		}
	}
	s := c.Stats()
	if s.Dropped == 0 || s.Dropped >= n {
		t.Errorf("%+v", s)
	}
	c.mu.Lock()
	if len(c.queue) > queueSize {
		t.Errorf("%d bytes wait", len(c.queue))
	}
	c.mu.Unlock()
	in, err := NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	read, dropped, next := 0, 0, 0
	for read+dropped < n {
		if read+dropped+int(c.Stats().Dropped)-dropped == n {
			c.Frame(wire.Out, noon, frame) // tells what was dropped before it
		}
		rec, err := in.Next()
		if err != nil {
			t.Fatal(err)
		}
		read, dropped = read+1, dropped+rec.Dropped
		if rec.Direction == wire.Out {
			break
		}
		if i := int(binary.BigEndian.Uint32(rec.Data)); i != next+rec.Dropped || len(rec.Data) != 1500 {
			t.Fatalf("frame %d of %d bytes with %d dropped, want %d", i, len(rec.Data), rec.Dropped, next)
		} else {
			next = i + 1
		}
	}
	if read-1+dropped != n || uint64(dropped) != c.Stats().Dropped {
		t.Errorf("%d read and %d dropped of %d; %+v", read-1, dropped, n, c.Stats())
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := in.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

// Close does not wait for a reader for ever, and writes what it can.
func TestCloseHasAnEnd(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c := start(t, w, Options{})
	for range 200 {
		c.Frame(wire.In, noon, make([]byte, 1500))
	}
	began := time.Now()
	if err := c.Close(); err == nil || !strings.Contains(err.Error(), "does not read") {
		t.Errorf("Close with a reader that does not read: %v", err)
	}
	if d := time.Since(began); d > 20*time.Second {
		t.Errorf("Close took %v", d)
	}
	if s := c.Stats(); s.Dropped == 0 || s.Frames+s.Dropped != 200 {
		t.Errorf("%+v", s)
	}
}

// A reader that goes away ends the capture.
func TestReaderGoes(t *testing.T) {
	a, b := sockets(t)
	c := start(t, a, Options{})
	buf := make([]byte, 24)
	if _, err := io.ReadFull(b, buf); err != nil {
		t.Fatal(err)
	}
	b.Close()
	await(t, "the end", func() bool {
		c.Frame(wire.In, noon, make([]byte, 60))
		select {
		case <-c.Done():
			return true
		default:
			return false
		}
	})
	if err := c.Stats().Err; err == nil || !strings.Contains(err.Error(), "nobody reads") {
		t.Errorf("%v", err)
	}
	if s := c.Stats(); s.Dropped == 0 || s.Frames > 0 && s.Bytes == 24 {
		t.Errorf("%+v", s)
	}
	// One that has already gone is an error at once.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if _, err := New(w, Options{}); !errors.Is(err, unix.EPIPE) {
		t.Errorf("%v", err)
	}
}

func sockets(t *testing.T) (*os.File, net.Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fds[1]), "b")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fds[0]), "a"), conn
}

// A full disk is told, and what was not written is dropped; /dev/full is one.
func TestFullDisk(t *testing.T) {
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("SKIP: %v", err)
	}
	if _, err := New(f, Options{}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("%v", err)
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIP: not root: no file system of a known size")
	}
	dir := t.TempDir()
	if err := unix.Mount("dynemu-test", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("SKIP: no tmpfs: %v", err)
	}
	defer unix.Unmount(dir, 0)
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 32<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err = os.Create(filepath.Join(dir, "x.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, f, Options{LinkType: Ethernet})
	for range 30 {
		c.Frame(wire.In, noon, make([]byte, 1500))
	}
	await(t, "an error", func() bool { return errors.Is(c.Stats().Err, unix.ENOSPC) })
	// Room again: it goes on where it was, and every record is whole.
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	await(t, "all frames", func() bool { return c.Stats().Frames == 30 })
	if s := c.Stats(); s.Err != nil || s.Dropped != 0 {
		t.Errorf("%+v", s)
	}
	r, err := pcapgo.NewReader(bytes.NewReader(content(t, f.Name())))
	if err != nil {
		t.Fatal(err)
	}
	for range 30 {
		if data, _, err := r.ReadPacketData(); err != nil || len(data) != 1500 {
			t.Fatalf("%d bytes, %v", len(data), err)
		}
	}
	c.Close()
}

func TestNewErrors(t *testing.T) {
	for _, o := range []Options{{Snaplen: -1}, {Snaplen: MaxSnaplen + 1}, {Format: "pcapng"}} {
		f := create(t)
		if _, err := New(f, o); err == nil || !strings.Contains(err.Error(), "wanted: ") {
			t.Errorf("%+v: %v", o, err)
		}
		if err := f.Close(); err == nil {
			t.Error("the file is still open")
		}
	}
}

// The stream keeps nanoseconds and directions.
func TestStream(t *testing.T) {
	f := create(t)
	c := start(t, f, Options{LinkType: FrameRelay, Format: FormatStream, Snaplen: 100})
	frames := [][]byte{[]byte("one"), {}, bytes.Repeat([]byte("x"), 1000)}
	for i, frame := range frames {
		c.Frame(wire.Direction(i%2), noon.Add(time.Duration(i)), frame)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	all := content(t, f.Name())
	r, err := NewReader(bytes.NewReader(all))
	if err != nil || r.LinkType != FrameRelay || r.Snaplen != 100 {
		t.Fatal(r, err)
	}
	for i, frame := range frames {
		rec, err := r.Next()
		if err != nil || rec.Direction != wire.Direction(i%2) || !rec.Time.Equal(noon.Add(time.Duration(i))) || rec.Length != len(frame) ||
			rec.Dropped != 0 || !bytes.Equal(rec.Data, frame[:min(100, len(frame))]) {
			t.Errorf("frame %d: %+v, %v", i, rec, err)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	for n := range all {
		r, err := NewReader(bytes.NewReader(all[:n]))
		for err == nil {
			_, err = r.Next()
		}
		if err == io.EOF && n > 0 && n != 16 && n != 16+27 && n != 16+27+24 {
			t.Errorf("%d bytes end well", n)
		}
	}
	for _, bad := range []string{"dyncap02\x00\x00\x00\x01\x00\x00\xff\xff", "dyncap01\x00\x01\x00\x00\x00\x00\xff\xff", "dyncap01\x00\x00\x00\x01\x00\x01\x00\x00"} {
		if _, err := NewReader(strings.NewReader(bad)); err == nil || !strings.Contains(err.Error(), "wanted: ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzReader(f *testing.F) {
	b := appendStreamHeader(nil, Ethernet, 100)
	b = appendRecord(b, wire.Out, noon, []byte("abc"), 5, 1)
	f.Add(b)
	f.Add(b[:20])
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader(bytes.NewReader(b))
		for err == nil {
			var rec Record
			if rec, err = r.Next(); err == nil && (len(rec.Data) > r.Snaplen || len(rec.Data) > rec.Length) {
				t.Errorf("%+v", rec)
			}
		}
	})
}

// tcpdump returns what it prints of a file.
func tcpdump(t *testing.T, path string) string {
	t.Helper()
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("SKIP: no tcpdump")
	}
	out, err := exec.Command("tcpdump", "-e", "-n", "-t", "-r", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// ping is an IPv4 echo request from 10.0.0.1 to 10.0.0.2.
var ping = []byte{
	0x45, 0, 0, 28, 0, 1, 0, 0, 255, 1, 0xa6, 0xdd, 10, 0, 0, 1, 10, 0, 0, 2,
	8, 0, 0xf7, 0xfd, 0, 1, 0, 1,
}

// tcpdump decodes each kind of port's frames with the link type that it gets.
func TestTcpdump(t *testing.T) {
	at := func(head ...byte) []byte { return append(head, ping...) }
	for _, c := range []struct {
		kind   string
		encap  Encapsulation
		names  []string // link types that say so too
		frame  []byte
		phrase string
	}{
		{"ethernet", "", []string{"ETH", "en10mb"}, at(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0), "02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype IPv4"},
		{"serial", "", []string{"HDLC", "c_hdlc"}, at(0x0f, 0, 8, 0), "unicast, ethertype IPv4 (0x0800)"},
		{"POS", EncapsulationHDLC, nil, at(0x8f, 0, 8, 0), "bcast, ethertype IPv4 (0x0800)"},
		{"serial", EncapsulationPPP, []string{"PPP", "ppp_serial", "DLT_PPP"}, at(0xff, 3, 0, 0x21), "IP"},
		{"serial", EncapsulationFrameRelay, []string{"FR", "frelay"}, at(0x18, 0x61, 0x08, 0), "Q.922, hdr-len 2, DLCI 102"},
	} {
		if c.encap != "" && Guess(c.frame) != c.encap {
			t.Errorf("%x is taken for %q", c.frame[:4], Guess(c.frame))
		}
		def, err := DefaultLinkType(c.kind, c.encap)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range append(c.names, def.String()) {
			lt, err := ParseLinkType(name)
			if err != nil {
				t.Fatal(err)
			}
			f := create(t)
			capture := start(t, f, Options{LinkType: lt})
			capture.Frame(wire.In, noon, c.frame)
			if err := capture.Close(); err != nil {
				t.Fatal(err)
			}
			if got := tcpdump(t, f.Name()); !strings.Contains(got, c.phrase) || !strings.Contains(got, "10.0.0.1 > 10.0.0.2: ICMP echo request") {
				t.Errorf("%s as %s: %s", c.kind, name, got)
			}
		}
	}
}

func TestLinkTypes(t *testing.T) {
	for name, want := range map[string]LinkType{
		"EN10MB": 1, "C_HDLC": 104, "PPP_SERIAL": 50, "FRELAY": 107, "ATM_RFC1483": 100, "SUNATM": 123, "MFR": 182, "PPP_ETHER": 51, "NULL": 0, "RAW": 101,
		"hdlc": 104, "Fr": 107, "ppp": 50, "atm": 123, "eth": 1, "dlt_ppp": 9, "DLT_C_HDLC": 104,
	} {
		got, err := ParseLinkType(name)
		if err != nil || got != want {
			t.Errorf("%s is %d, %v; want %d", name, got, err, want)
		}
		if back, err := ParseLinkType(got.String()); err != nil || back != got {
			t.Errorf("%d is printed as %s", got, got)
		}
	}
	for _, name := range []string{"", "DLT_", "DLT_HDLC", "TOKENRING"} {
		if _, err := ParseLinkType(name); err == nil || !strings.Contains(err.Error(), "wanted: ETH, HDLC, FR, PPP, ATM, EN10MB, C_HDLC") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := DefaultLinkType("isdn", ""); err == nil || !strings.Contains(err.Error(), "ethernet, serial, pos or atm") {
		t.Error(err)
	}
}

// What a captured frame costs the machine.
func BenchmarkFile(b *testing.B) {
	f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	c, err := New(f, Options{LinkType: Ethernet})
	if err != nil {
		b.Fatal(err)
	}
	frame := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		c.Frame(wire.In, noon, frame)
	}
	b.ReportMetric(float64(c.Stats().Dropped)/float64(b.N), "dropped")
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
}
