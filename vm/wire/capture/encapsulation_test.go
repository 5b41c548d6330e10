package capture

import (
	"encoding/hex"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dynemu/vm/event"
	"dynemu/vm/wire"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func TestGuess(t *testing.T) {
	for frame, want := range map[string]Encapsulation{
		"0f 00 08 00 45 00":                      EncapsulationHDLC,
		"8f 00 80 35 00 00 00 02 00 00":          EncapsulationHDLC, // keep-alive
		"8f 00 20 00 01 b4":                      EncapsulationHDLC, // CDP
		"0f 00 88 47 00 01":                      EncapsulationHDLC,
		"0f 00 12 34":                            "",
		"ff 03 c0 21 01 01":                      EncapsulationPPP, // LCP
		"ff 03 00 21 45 00":                      EncapsulationPPP,
		"ff 03 82 07 00":                         EncapsulationPPP, // CDP
		"ff 03 08 00 45":                         "",
		"00 01 03 08 00 75 95 01 01 00 03 02 01": EncapsulationFrameRelay, // LMI of ANSI
		"00 01 03 08 00 75 51 01 00":             EncapsulationFrameRelay, // of Q.933
		"fc f1 03 09 00 75 01 01 00":             EncapsulationFrameRelay, // of Cisco
		"18 61 08 00 45 00":                      EncapsulationFrameRelay, // Cisco's encapsulation
		"18 61 20 00 01 b4":                      EncapsulationFrameRelay,
		"18 61 03 cc 45 00":                      EncapsulationFrameRelay, // RFC 2427
		"18 61 03 00 80 00 80 c2":                EncapsulationFrameRelay,
		"18 6f 03 cc 45 00":                      EncapsulationFrameRelay, // with FECN, BECN and DE
		"18 61 45 00":                            "",
		"00 21 45 00 00 1c":                      "", // PPP without address and control says too little
		"18 60 08 00":                            "", // an address of three bytes
		"0f 00":                                  "",
		"":                                       "",
	} {
		if got := Guess(unhex(frame)); got != want {
			t.Errorf("%s: %q, want %q", frame, got, want)
		}
	}
}

func FuzzGuess(f *testing.F) {
	f.Add(unhex("0f000800"))
	f.Add(unhex("1861 0800"))
	f.Fuzz(func(t *testing.T, frame []byte) {
		e := Guess(frame)
		if e != "" && (len(frame) < 4 || Guess(frame[:4]) != e || e.LinkType() == CHDLC && e != EncapsulationHDLC) {
			t.Errorf("%x is taken for %q", frame, e)
		}
	})
}

// taker is a machine.
type taker struct{}

func (taker) Ready() wire.Readiness { return wire.Take }
func (taker) Receive([]byte)        {}

// What the machine sends decides, whatever the other end sends; a change is told, and
// between two looks the port is left alone.
func TestWatch(t *testing.T) {
	loop := event.New(new(atomic.Uint32))
	p := wire.NewPort(loop, taker{})
	p.Plug(wire.NewNull())
	quit := false
	var done sync.WaitGroup
	done.Go(func() {
		for ; !quit; loop.RunPending() {
			loop.Sleep()
		}
	})
	told := make(chan Encapsulation, 10)
	stop := Watch(p, time.Millisecond, func(e Encapsulation) { told <- e })
	for _, c := range []struct {
		frame string
		want  Encapsulation
	}{{"0f00 0800 45", EncapsulationHDLC}, {"1861 0800 45", EncapsulationFrameRelay}, {"ff03 c021 01", EncapsulationPPP}} {
		got := Encapsulation("")
		await(t, string(c.want), func() bool {
			loop.Post(func() { p.Send(unhex(c.frame)) })
			select {
			case got = <-told:
				return true
			default:
				return false
			}
		})
		if got != c.want {
			t.Errorf("told %q, want %q", got, c.want)
		}
	}
	stop()
	loop.Post(func() { quit = true })
	done.Wait()
	p.Close()
	loop.Close()

	for _, c := range []struct {
		name          string
		first, second string // in, and out
		want          Encapsulation
	}{
		{"both ways", "1861 0800 45", "0f00 0800 45", EncapsulationHDLC},
		{"it only listens", "1861 0800 45", "", EncapsulationFrameRelay},
		{"it sends what says nothing", "1861 0800 45", "1234 5678", EncapsulationFrameRelay},
		{"all say nothing", "1234 5678", "1234 5678", ""},
	} {
		v := newVotes()
		for len(v.done) == 0 && v.frames < 1000 {
			v.Frame(wire.In, noon, unhex(c.first))
			if c.second != "" {
				v.Frame(wire.Out, noon, unhex(c.second))
			}
		}
		if v.frames == 1000 {
			t.Errorf("%s: undecided", c.name)
		} else if e := <-v.done; e != c.want {
			t.Errorf("%s: %q, want %q", c.name, e, c.want)
		}
	}
}
