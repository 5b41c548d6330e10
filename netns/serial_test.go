package netns

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// reader is a tcpdump that reads an interface and has begun to.
type reader struct {
	cmd *exec.Cmd
	out bytes.Buffer
	err bytes.Buffer
}

// read starts tcpdump in a namespace and waits until it listens.
func read(t *testing.T, ns string, args ...string) *reader {
	t.Helper()
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("SKIP: tcpdump is not installed")
	}
	r := &reader{cmd: exec.Command("ip", append([]string{"netns", "exec", ns, "tcpdump", "-n", "-l", "-e"}, args...)...)}
	r.cmd.Stdout = &r.out
	pr, pw := io.Pipe()
	r.cmd.Stderr = pw
	must(t, r.cmd.Start())
	listening := make(chan bool, 1)
	go func() {
		buf := make([]byte, 1000)
		for {
			n, err := pr.Read(buf)
			r.err.Write(buf[:n])
			if strings.Contains(r.err.String(), "listening on") {
				select {
				case listening <- true:
				default:
				}
			}
			if err != nil {
				return
			}
		}
	}()
	select {
	case <-listening:
	case <-time.After(30 * time.Second):
		t.Fatalf("tcpdump does not listen: %s", r.err.String())
	}
	return r
}

// end stops tcpdump and returns what it printed on its two outputs.
func (r *reader) end() (out, err string) {
	_ = r.cmd.Process.Signal(unix.SIGINT) // it may have ended by itself
	_ = r.cmd.Wait()
	return r.out.String(), r.err.String()
}

// serial makes a serial interface and takes hold of it.
func serial(t *testing.T, m *Manager, lt LinkType) (e Endpoint, tun, packet *os.File) {
	t.Helper()
	e = Endpoint{m.Name("lab", "R1"), "s1-0"}
	must(t, m.EnsureNamespace(e.Namespace))
	must(t, m.EnsureTUN(e.Namespace, e.Ifname, lt))
	tun, packet, err := m.OpenTUN(e.Namespace, e.Ifname)
	must(t, err)
	t.Cleanup(func() { tun.Close(); packet.Close() })
	return e, tun, packet
}

// information is the header of a TUN's frames.
var information = []byte{0, 0, PacketProtocol >> 8, PacketProtocol & 0xff}

func TestSerialShowsBothDirections(t *testing.T) {
	for _, c := range []struct {
		lt         LinkType
		name       string
		sent, recv []byte // of the router
		wantSent   string
		wantRecv   string
	}{
		{HDLC, "C_HDLC",
			frame("0f000800 45000054 00010000 ff01 a7a6 c0a80101 c0a80102 0800", 88),
			frame("8f008035 00000002 00000001 00000001 ffff", 22),
			"192.168.1.1 > 192.168.1.2", "SLARP"},
		{FrameRelay, "FRELAY",
			frame("18410800 45000054 00010000 ff01 a7a6 c0a80101 c0a80102 0800", 88),
			frame("18510800 45000054 00010000 ff01 a7a6 c0a80101 c0a80102 0800", 88),
			"DLCI 100", "DLCI 101"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := manager(t)
			e, tun, packet := serial(t, m, c.lt)
			for _, dir := range []struct{ option, shows, hides string }{
				{"inout", "both", ""}, {"in", c.wantSent, c.wantRecv}, {"out", c.wantRecv, c.wantSent},
			} {
				r := read(t, e.Namespace, "-i", e.Ifname, "-Q", dir.option)
				if _, err := tun.Write(append(bytes.Clone(information), c.sent...)); err != nil {
					t.Fatal(err)
				}
				if _, err := packet.Write(c.recv); err != nil {
					t.Fatal(err)
				}
				got, ok := receive(t, tun, time.Second)
				if !ok || len(got) < 4 || !bytes.Equal(got[4:], c.recv) {
					t.Errorf("read away %x, want %x", got, c.recv)
				}
				time.Sleep(200 * time.Millisecond)
				out, msg := r.end()
				if !strings.Contains(msg, "link-type "+c.name) {
					t.Errorf("tcpdump says: %s, want link type %s", msg, c.name)
				}
				for _, want := range []string{c.wantSent, c.wantRecv} {
					if shown := strings.Contains(out, want); shown != (dir.shows == "both" || dir.shows == want) {
						t.Errorf("-Q %s: %q is shown: %v in\n%s", dir.option, want, shown, out)
					}
				}
			}
		})
	}
}

// Any frame can be shown, also PPP's, short and large ones; nothing comes to the
// socket for sending, and the kernel answers nothing.
func TestSerialTakesEveryFrame(t *testing.T) {
	m := manager(t)
	e, tun, packet := serial(t, m, HDLC)
	for _, f := range [][]byte{{0xff}, {0x8f, 0}, frame("ff03c021", 12), frame("0f002000", 350), frame("0f000800 45", 4474), frame("0f000800", 9216)} {
		if _, err := tun.Write(append(bytes.Clone(information), f...)); err != nil {
			t.Errorf("%d bytes as sent: %v", len(f), err)
		}
		if _, err := packet.Write(f); err != nil {
			t.Errorf("%d bytes as received: %v", len(f), err)
		}
		if got, ok := receive(t, tun, time.Second); !ok || !bytes.Equal(got[:4], information) || !bytes.Equal(got[4:], f) {
			t.Errorf("%d bytes as received: read away %d bytes", len(f), len(got))
		}
	}
	if got, ok := receive(t, tun, 100*time.Millisecond); ok {
		t.Errorf("the kernel sent %x", got)
	}
	if got, ok := receive(t, packet, 10*time.Millisecond); ok {
		t.Errorf("the socket received %x", got)
	}
	s, err := m.Stats(e.Namespace, e.Ifname)
	must(t, err)
	if s.TxFrames != 6 || s.RxFrames != 6 || s.RxDrops != 0 || s.TxDrops != 0 {
		t.Errorf("counters %+v, want 6 frames each way and no drops", s)
	}
}

func TestSerialInterfaceStaysAndChanges(t *testing.T) {
	m := manager(t)
	e, tun, packet := serial(t, m, HDLC)
	carrier(t, m, e, true)
	before := indexes(t, e.Namespace)
	must(t, m.EnsureTUN(e.Namespace, e.Ifname, HDLC))
	if _, _, err := m.OpenTUN(e.Namespace, e.Ifname); !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), "held by a running node") {
		t.Errorf("second OpenTUN: %v", err)
	}
	must(t, errors.Join(tun.Close(), packet.Close()))
	must(t, m.EnsureTUN(e.Namespace, e.Ifname, HDLC))
	if after := indexes(t, e.Namespace); after != before {
		t.Errorf("interfaces: %s, were %s", after, before)
	}
	tun, packet, err := m.OpenTUN(e.Namespace, e.Ifname)
	must(t, err)
	must(t, m.EnsureTUN(e.Namespace, e.Ifname, FrameRelay))
	if _, err := tun.Write(append(bytes.Clone(information), 1, 2, 3, 4)); !errors.Is(err, unix.EBADFD) {
		t.Errorf("write to the interface of the old type: %v, want EBADFD", err)
	}
	tun.Close()
	packet.Close()
	h, l, err := openLink(e.Namespace, e.Ifname)
	must(t, err)
	h.close()
	if got := l.Attrs().EncapType; got != FrameRelay.String() {
		t.Errorf("link type %s, want %s", got, FrameRelay)
	}
	if _, _, err := m.OpenTUN(e.Namespace, "s9-9"); !errors.Is(err, unix.ENODEV) {
		t.Errorf("OpenTUN of nothing: %v, want ENODEV", err)
	}
	must(t, m.EnsureTAP(e.Namespace, "f0-0", 0))
	if err := m.EnsureTUN(e.Namespace, "f0-0", HDLC); err == nil {
		t.Error("EnsureTUN takes a TAP")
	}
	must(t, m.RemoveInterface(e.Namespace, e.Ifname))
	must(t, m.RemoveInterface(e.Namespace, e.Ifname))
	must(t, m.RemoveInterface(e.Namespace, "f0-0"))
	must(t, m.RemoveInterface(m.Name("lab", "none"), "f0-0"))
	if got := indexes(t, e.Namespace); got != "lo=1[]" {
		t.Errorf("left: %s", got)
	}
}

func TestLinkTypeNames(t *testing.T) {
	if got := fmt.Sprint(HDLC, " ", FrameRelay); got != "hdlc frad" {
		t.Errorf("got %s", got)
	}
}
