package hub

import (
	"testing"

	"dynemu/vm/fabric"
	"dynemu/vm/fabric/fabrictest"
)

func newRig(t testing.TB, ports int) (*fabrictest.Rig, *Hub) {
	r := &fabrictest.Rig{TB: t}
	h := New(r.Out)
	r.Engine = h
	for n := range ports {
		if err := h.AddPort(n); err != nil {
			t.Fatal(err)
		}
	}
	return r, h
}

func TestFloods(t *testing.T) {
	r, h := newRig(t, 3)
	for _, frame := range []string{"ffffffffffff 020000000001 0806 00*46", "020000000002 020000000001 8100000a 0800 5a*1500", "0180c2000001 020000000001 8808", "55"} {
		r.Send(1, fabrictest.Hex(frame))
		r.Expect(frame, 0, frame, 2, frame)
	}
	r.Send(7, fabrictest.Hex("55"))
	r.Expect("a port that is not there")
	if err := h.AddPort(1); err == nil {
		t.Error("a port is added twice")
	}
	h.RemovePort(1)
	h.RemovePort(1)
	r.Send(0, fabrictest.Hex("55"))
	r.Expect("two ports", 2, "55")
	if h.Next() != 0 || h.Tick(5) != 0 {
		t.Error("a hub asks for the time")
	}
}

func TestPortsWithoutLink(t *testing.T) {
	r, h := newRig(t, 2)
	h.SetUp(1, false)
	h.SetUp(7, false)
	r.Dropped("the other port has no link", 0, fabrictest.Hex("55"), fabric.Down)
	r.Send(1, fabrictest.Hex("55")) // it was faster than the news of its link
	r.Expect("from a port without link", 0, "55")
	h.SetUp(1, true)
	r.Send(0, fabrictest.Hex("55"))
	r.Expect("with links", 1, "55")
	r.Dropped("too long", 0, make([]byte, fabric.MaxFrame+1), fabric.Giant)
	if s := h.Stats(0); s.RxFrames != 3 || s.TxFrames != 1 || s.TxBytes != 1 {
		t.Errorf("counted %+v", s)
	}
	if s := h.Stats(7); s != (fabric.Stats{}) {
		t.Errorf("no port counted %+v", s)
	}
}

func FuzzHub(f *testing.F) {
	f.Add([]byte("\x00\x01\x10\x00abcdefghijklmnop\x02\x01\x00\x04\x01\x01\x02\x00xy"))
	f.Fuzz(func(t *testing.T, data []byte) {
		fabrictest.Fuzz(t, data, 3, func(out fabric.Output) fabric.Engine {
			h := New(out)
			for n := range 3 {
				if err := h.AddPort(n); err != nil {
					t.Fatal(err)
				}
			}
			return h
		}, func(in int, frame []byte, sent []fabrictest.Frame) {
			for _, s := range sent {
				if s.Port == in || string(s.Data) != string(frame) {
					t.Fatalf("%x from port %d left port %d as %x", frame, in, s.Port, s.Data)
				}
			}
		})
	})
}
