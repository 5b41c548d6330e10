package wire

import (
	"bytes"
	"encoding/binary"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// aux is a control message as the kernel adds it to a frame.
func aux(level, kind int32, status uint32, tci, tpid uint16) []byte {
	c := make([]byte, unix.CmsgSpace(auxSize))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&c[0]))
	h.Level, h.Type = level, kind
	h.SetLen(unix.CmsgLen(auxSize))
	at := unix.CmsgLen(0)
	binary.NativeEndian.PutUint32(c[at:], status)
	binary.NativeEndian.PutUint16(c[at+16:], tci)
	binary.NativeEndian.PutUint16(c[at+18:], tpid)
	return c
}

func TestReadTag(t *testing.T) {
	var p Packet
	for _, c := range []struct {
		what      string
		message   []byte
		tpid, tci uint16
	}{
		{"802.1Q", aux(unix.SOL_PACKET, unix.PACKET_AUXDATA, statusTag|statusType, 0x600A, 0x8100), 0x8100, 0x600A},
		{"802.1ad", aux(unix.SOL_PACKET, unix.PACKET_AUXDATA, statusTag|statusType, 0x0FFF, 0x88A8), 0x88A8, 0x0FFF},
		{"VLAN 0", aux(unix.SOL_PACKET, unix.PACKET_AUXDATA, statusTag|statusType, 0, 0x8100), 0x8100, 0},
		{"no type", aux(unix.SOL_PACKET, unix.PACKET_AUXDATA, statusTag, 0x600A, 0), 0x8100, 0x600A},
		{"no tag", aux(unix.SOL_PACKET, unix.PACKET_AUXDATA, 1, 0x600A, 0x8100), 0, 0},
		{"another message", aux(unix.SOL_SOCKET, unix.PACKET_AUXDATA, statusTag, 1, 1), 0, 0},
		{"another kind", aux(unix.SOL_PACKET, 1, statusTag, 1, 1), 0, 0},
		{"cut off", aux(unix.SOL_PACKET, unix.PACKET_AUXDATA, statusTag, 1, 1)[:unix.CmsgLen(auxSize)-1], 0, 0},
		{"none", nil, 0, 0},
	} {
		copy(p.rx.control[:], c.message)
		p.rx.SetControllen(len(c.message))
		p.readTag()
		if p.tpid != c.tpid || p.tpid != 0 && p.tci != c.tci {
			t.Errorf("%s: tag %04x %04x, want %04x %04x", c.what, p.tpid, p.tci, c.tpid, c.tci)
		}
	}
}

// FuzzTag puts a tag into any frame that has addresses; what stood there follows
// it.
func FuzzTag(f *testing.F) {
	f.Add([]byte("abcdefghijkl\x08\x00data"), uint32(statusTag|statusType), uint16(5), uint16(0x8100))
	f.Fuzz(func(t *testing.T, frame []byte, status uint32, tci, tpid uint16) {
		if len(frame) < tagAt || len(frame) > MaxFrame-tagSize {
			return
		}
		var p Packet
		p.rx.SetControllen(copy(p.rx.control[:], aux(unix.SOL_PACKET, unix.PACKET_AUXDATA, status, tci, tpid)))
		p.readTag()
		if want := status&statusTag != 0 && (status&statusType == 0 || tpid != 0); (p.tpid != 0) != want {
			t.Fatalf("status %#x, type %#x: tag %#x", status, tpid, p.tpid)
		}
		if p.tpid == 0 {
			return
		}
		buf := make([]byte, len(frame)+tagSize)
		n := insertTag(buf, copy(buf, frame), p.tpid, p.tci)
		tag := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, p.tpid), tci)
		if want := append(append(bytes.Clone(frame[:tagAt]), tag...), frame[tagAt:]...); !bytes.Equal(buf[:n], want) {
			t.Fatalf("%x became %x, want %x", frame, buf[:n], want)
		}
	})
}
