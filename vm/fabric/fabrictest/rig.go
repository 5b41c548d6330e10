// Package fabrictest drives switches in tests: frames are written in
// hexadecimal, and every frame that leaves must be expected.
package fabrictest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"dynemu/vm/fabric"
)

// Rig is a switch under test.
type Rig struct {
	testing.TB
	Engine fabric.Engine
	Now    int64   // ns; given with each frame
	Sent   []Frame // what left the switch since the last Expect
}

// Frame is a frame at a port.
type Frame struct {
	Port int
	Data []byte
}

// Out is the switch's fabric.Output.
func (r *Rig) Out(port int, frame []byte) {
	r.Sent = append(r.Sent, Frame{port, bytes.Clone(frame)})
}

// Hex returns the bytes that text means; blanks are ignored, and "xx*n" stands
// for n bytes xx.
func Hex(text string) []byte {
	var all []byte
	for word := range strings.FieldsSeq(text) {
		n := 1
		if octet, count, ok := strings.Cut(word, "*"); ok {
			if _, err := fmt.Sscan(count, &n); err != nil {
				panic(err)
			}
			word = octet
		}
		b, err := hex.DecodeString(word)
		if err != nil {
			panic(err)
		}
		for range n {
			all = append(all, b...)
		}
	}
	return all
}

// Buffer returns the frame with headroom before it, both in memory that ends
// with the frame.
func Buffer(frame []byte) []byte {
	buf := make([]byte, fabric.Headroom+len(frame))
	copy(buf[fabric.Headroom:], frame)
	return buf[:len(buf):len(buf)]
}

// Send lets a frame arrive.
func (r *Rig) Send(port int, frame []byte) {
	r.Engine.Forward(r.Now, port, Buffer(frame))
}

// Expect compares what left the switch since it was last called with a list of
// port and frame (hexadecimal).
func (r *Rig) Expect(what string, want ...any) {
	r.Helper()
	sent := r.Sent
	r.Sent = nil
	if len(want)%2 != 0 {
		r.Fatalf("%s: a port and a frame, each", what)
	}
	if len(sent) != len(want)/2 {
		r.Errorf("%s: %d frames left, want %d: %s", what, len(sent), len(want)/2, describe(sent))
		return
	}
	for i, f := range sent {
		port, frame := want[2*i].(int), Hex(want[2*i+1].(string))
		if f.Port != port || !bytes.Equal(f.Data, frame) {
			r.Errorf("%s: frame %d left as %s, want %s", what, i, describe(sent[i:i+1]), describe([]Frame{{port, frame}}))
		}
	}
}

func describe(all []Frame) string {
	var s []string
	for _, f := range all {
		s = append(s, fmt.Sprintf("%d:%x", f.Port, f.Data))
	}
	return strings.Join(s, " ")
}

// Dropped lets a frame arrive that must be dropped for a reason, and for no
// other.
func (r *Rig) Dropped(what string, port int, frame []byte, why fabric.Drop) {
	r.Helper()
	before := r.Engine.Stats(port)
	r.Send(port, frame)
	r.Expect(what)
	after := r.Engine.Stats(port)
	for d := range fabric.Drops {
		want := before.Dropped[d]
		if d == why {
			want++
		}
		if after.Dropped[d] != want {
			r.Errorf("%s: %d dropped for %v, want %d", what, after.Dropped[d], d, want)
		}
	}
	if after.RxFrames != before.RxFrames+1 || after.RxBytes != before.RxBytes+uint64(len(frame)) {
		r.Errorf("%s: received %d frames and %d bytes, want %d and %d", what, after.RxFrames, after.RxBytes,
			before.RxFrames+1, before.RxBytes+uint64(len(frame)))
	}
}

// Fuzz feeds a switch with frames that are cut out of data, each from any port
// at any time, and checks that its counters agree with what it did. check is
// called for each frame with what left because of it.
func Fuzz(t testing.TB, data []byte, ports int, build func(fabric.Output) fabric.Engine, check func(in int, frame []byte, sent []Frame)) {
	r := &Rig{TB: t}
	r.Engine = build(r.Out)
	rx, tx := make([]fabric.Stats, ports), make([]fabric.Stats, ports)
	for len(data) >= 4 {
		port, step, size := int(data[0])%(ports+1), int64(data[1]), int(data[2])|int(data[3]&3)<<8
		flag := data[3] >> 2
		data = data[4:]
		frame := data[:min(size, len(data))]
		data = data[len(frame):]
		r.Now += step * step * step * 100_000 // up to 28 minutes
		switch {
		case flag == 1 && port < ports:
			r.Engine.SetUp(port, false)
			continue
		case flag == 2 && port < ports:
			r.Engine.SetUp(port, true)
			continue
		case flag == 3:
			r.Engine.Tick(r.Now)
		}
		r.Sent = nil
		r.Send(port, frame)
		if port == ports && len(r.Sent) > 0 {
			t.Fatalf("a frame for a port that does not exist made %s", describe(r.Sent))
		}
		if port < ports {
			rx[port].Received(len(frame))
		}
		for _, f := range r.Sent {
			if f.Port < 0 || f.Port >= ports {
				t.Fatalf("a frame left at port %d", f.Port)
			}
			tx[f.Port].Sent(len(f.Data))
		}
		check(port, frame, r.Sent)
	}
	for n := range ports {
		s := r.Engine.Stats(n)
		if s.RxFrames != rx[n].RxFrames || s.RxBytes != rx[n].RxBytes || s.TxFrames != tx[n].TxFrames || s.TxBytes != tx[n].TxBytes {
			t.Fatalf("port %d counts %+v, want received %+v, sent %+v", n, s, rx[n], tx[n])
		}
		var dropped uint64
		for _, d := range s.Dropped {
			dropped += d
		}
		if dropped > s.RxFrames {
			t.Fatalf("port %d dropped %d frames of %d", n, dropped, s.RxFrames)
		}
	}
}
