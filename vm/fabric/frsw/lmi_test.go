package frsw

import (
	"fmt"
	"testing"
	"time"

	"dynemu/vm/fabric"
	"dynemu/vm/fabric/fabrictest"
)

// The exchange that was measured with Dynamips (netio-hypervisor reference,
// 10.1), byte for byte.
// Promise: 61.
func TestAnnexD(t *testing.T) {
	r, _ := newRig(t)
	r.Send(1, hex("00010308007595 010100 03020100"))
	r.Expect("full status", 1, "00010308007d95 010100 03020101 0703 06b082 0703 06b882")
	r.Send(1, hex("00010308007595 010101 03020201"))
	r.Expect("keep-alive", 1, "00010308007d95 010101 03020202")
	// Zeros behind the elements, and elements that are not known, end the list.
	r.Send(1, hex("00010308007595 010101 03020302 00*20"))
	r.Expect("padded", 1, "00010308007d95 010101 03020303")
	r.Send(1, hex("00010308007595 03020403 010100 3303aabbcc 010101"))
	r.Expect("in the other order", 1, "00010308007d95 010100 03020404 0703 06b082 0703 06b882")
	// A link without circuits.
	r2, s := newRig(t)
	if err := s.AddPort(4); err != nil {
		t.Fatal(err)
	}
	r2.Send(4, hex("00010308007595 010100 03020100"))
	r2.Expect("without circuits", 4, "00010308007d95 010100 03020101")
}

func TestAnnexA(t *testing.T) {
	r, _ := newRig(t)
	r.Send(2, hex("000103080075 510100 53020100"))
	r.Expect("full status", 2, "00010308007d 510100 53020101 5703 0cc882 5703 0cd882")
	r.Send(2, hex("000103080075 510101 53020201"))
	r.Expect("keep-alive", 2, "00010308007d 510101 53020202")
}

func TestCisco(t *testing.T) {
	r, s := newRig(t)
	s.SetUp(3, false)
	r.Send(1, hex("fcf103090075 010100 03020100"))
	r.Expect("full status", 1, "fcf10309007d 010100 03020101 0706 0066 02 000000 0706 0067 00 000000")
	r.Send(1, hex("fcf103090075 010101 03020201"))
	r.Expect("keep-alive", 1, "fcf10309007d 010101 03020202")
}

func TestBadEnquiries(t *testing.T) {
	r, s := newRig(t)
	for what, frame := range map[string]string{
		"cut off in the header":                 "000103080075",
		"no elements":                           "00010308007595",
		"no sequence numbers":                   "00010308007595 010100",
		"no report type":                        "00010308007595 03020100",
		"report type cut off":                   "00010308007595 0101",
		"sequence numbers cut off":              "00010308007595 010100 030201",
		"report type of two octets":             "00010308007595 01020000 03020100",
		"sequence numbers of three octets":      "00010308007595 010100 0303010000",
		"report type 2":                         "00010308007595 010102 03020100",
		"not unnumbered information":            "00013f08007595 010100 03020100",
		"call reference 1":                      "00010308017595 010100 03020100",
		"a status":                              "00010308007d95 010100 03020100",
		"discriminator of another protocol":     "00010309007595 010100 03020100",
		"discriminator of Annex D at DLCI 1023": "fcf10308 0075 010100 03020100",
		"elements of Annex A behind the shift":  "00010308007595 510100 53020100",
		"elements of Annex D without shift":     "000103080075 010100 03020100",
	} {
		r.Dropped(what, 1, hex(frame), fabric.BadLMI)
	}
	if got := s.LMI(1); got != (LMIStats{}) {
		t.Errorf("LMI %+v after bad enquiries", got)
	}
	if s.Next() != 0 {
		t.Error("a timer runs")
	}
	s.SetUp(1, false)
	r.Dropped("at a port without a link", 1, hex("00010308007595 010100 03020100"), fabric.Down)
}

// Equipment that does not know the type asks with all of them; one is answered.
func TestAutosense(t *testing.T) {
	r, s := newRig(t)
	q933a, cisco := hex("000103080075 510100 53020100"), hex("fcf103090075 010100 03020100")
	r.Send(1, hex("00010308007595 010100 03020100"))
	r.Expect("Annex D", 1, "00010308007d95 010100 03020101 0703 06b082 0703 06b882")
	r.Dropped("Annex A", 1, q933a, fabric.OtherLMI)
	r.Dropped("Cisco", 1, cisco, fabric.OtherLMI)
	// It is given another type by its user.
	r.Now += int64(T392) - 1
	r.Dropped("Cisco, within T392", 1, cisco, fabric.OtherLMI)
	r.Now++
	r.Send(1, cisco)
	r.Expect("Cisco, after T392", 1, "fcf10309007d 010100 03020101 0706 0066 02 000000 0706 0067 02 000000")
	if got := s.LMI(1); got.Type != Cisco || got.Enquiries != 2 {
		t.Errorf("LMI %+v", got)
	}
}

// dte is the equipment at a port, which speaks Annex D.
type dte struct {
	*fabrictest.Rig
	port       int
	sent, have byte
}

// poll asks, and returns the report that came back: "-" for sequence numbers
// only, or a list of DLCI and status.
func (d *dte) poll(report byte) string {
	d.Helper()
	if d.sent++; d.sent == 0 {
		d.sent = 1
	}
	d.Rig.Send(d.port, []byte{0, 1, 3, 8, 0, 0x75, 0x95, 1, 1, report, 3, 2, d.sent, d.have})
	if len(d.Sent) != 1 || d.Sent[0].Port != d.port {
		d.Fatalf("port %d: answer %v", d.port, d.Sent)
	}
	m := d.Sent[0].Data
	d.Sent = nil
	if len(m) < 14 || m[13] != d.sent || m[12] == 0 {
		d.Fatalf("port %d: answer %x to sequence number %d", d.port, m, d.sent)
	}
	d.have = m[12]
	if m[9] == sequenceOnly {
		return "-"
	}
	list := ""
	for m = m[14:]; len(m) > 0; m = m[5:] {
		list += fmt.Sprintf("%d:%02x ", int(m[2])<<4|int(m[3]>>3&15), m[4])
	}
	return list
}

func (d *dte) want(what string, report byte, want string) {
	d.Helper()
	if got := d.poll(report); got != want {
		d.Errorf("%s: told %q, want %q", what, got, want)
	}
}

// A status that changes is told at the next enquiry, whichever that asks for,
// until the answer is confirmed.
func TestStatusChange(t *testing.T) {
	r, s := newRig(t)
	d := &dte{Rig: r, port: 1}
	const both, without2, without3, neither = "102:82 103:82 ", "102:80 103:82 ", "102:82 103:80 ", "102:80 103:80 "
	d.want("at first", fullStatus, both)
	d.want("keep-alive", sequenceOnly, "-")
	s.SetUp(2, false)
	d.want("port 2 is down", sequenceOnly, without2)
	d.want("that was confirmed", sequenceOnly, "-")
	s.SetUp(3, false)
	d.want("port 3 is down", sequenceOnly, neither)
	s.SetUp(2, true)
	d.want("port 2 is up", sequenceOnly, without3)
	lost := d.have
	d.have-- // the answer did not arrive
	d.want("an answer was lost", sequenceOnly, without3)
	if d.have != lost {
		t.Errorf("sequence number %d after a loss, want %d", d.have, lost)
	}
	d.want("that was confirmed", sequenceOnly, "-")
	s.SetUp(3, true)
	s.SetUp(3, false)
	d.want("port 3 was up for a moment", sequenceOnly, without3)
	d.want("that was confirmed", sequenceOnly, "-")
	s.SetUp(3, false)
	d.want("nothing changed", sequenceOnly, "-")

	// Circuits come and go.
	if err := s.Connect(Endpoint{1, 1022}, Endpoint{2, 1022}); err != nil {
		t.Fatal(err)
	}
	d.want("a new circuit", sequenceOnly, without3+"1022:82 ")
	if err := s.Disconnect(Endpoint{1, 102}, Endpoint{2, 201}); err != nil {
		t.Fatal(err)
	}
	d.want("a circuit less", sequenceOnly, "103:80 1022:82 ")
	s.RemovePort(2)
	d.want("a port less", sequenceOnly, "103:80 ")
	d.want("that was confirmed", sequenceOnly, "-")

	// A switch that is started anew among equipment that runs on.
	r, _ = newRig(t)
	d.Rig = r
	d.want("a new switch", sequenceOnly, both)
	d.want("that was confirmed", sequenceOnly, "-")
}

// Numbers count from 1 to 255, and the switch goes on from the one that the
// equipment has.
func TestSequence(t *testing.T) {
	r, s := newRig(t)
	d := &dte{Rig: r, port: 1}
	for i := range 600 {
		d.poll(sequenceOnly)
		if want := byte(i%255 + 1); d.have != want {
			t.Fatalf("message %d has sequence number %d, want %d", i, d.have, want)
		}
	}
	d.have = 17
	d.poll(sequenceOnly)
	if d.have != 18 {
		t.Errorf("sequence number %d after 17", d.have)
	}
	if got, want := s.LMI(1), (LMIStats{Type: ANSI, Enquiries: 601, Lost: 1}); got != want {
		t.Errorf("LMI %+v, want %+v", got, want)
	}
}

// Equipment that falls silent makes the circuits to it inactive, and nothing
// else.
func TestSilence(t *testing.T) {
	r, s := newRig(t)
	r.Now = 1
	one, two := &dte{Rig: r, port: 1}, &dte{Rig: r, port: 2}
	one.poll(fullStatus)
	two.poll(fullStatus)
	start := r.Now
	step := func(poll bool, want string) {
		t.Helper()
		next := s.Next()
		if next == 0 {
			t.Fatal("no timer runs")
		}
		r.Now += int64(10 * time.Second)
		if poll {
			two.want("the other", sequenceOnly, want)
		}
		s.Tick(r.Now)
	}
	if s.Next() != start+int64(T392) {
		t.Errorf("next at %d, want %d", s.Next(), start+int64(T392))
	}
	// Port 1 is silent from now on: 15, 30, 45 s.
	step(true, "-") // 10
	step(true, "-") // 20
	step(true, "-") // 30
	step(true, "-") // 40
	if got := s.LMI(1); got.Failed || got.Timeouts != 2 {
		t.Errorf("after 40 s: %+v", got)
	}
	step(true, "-") // 50: seen behind this poll
	if got := s.LMI(1); !got.Failed || got.Timeouts != 3 {
		t.Errorf("after 50 s: %+v", got)
	}
	step(true, "201:80 203:82 ") // 60
	step(true, "-")              // 70
	if got := s.LMI(1); got.Timeouts != 4 {
		t.Errorf("after 70 s: %+v", got)
	}
	step(true, "-") // 80
	if got := s.LMI(2); got.Failed || got.Timeouts != 0 || got.Lost != 0 {
		t.Errorf("the other: %+v", got)
	}
	// Frames are passed on all the same.
	r.Send(2, hex("3091 0800"))
	r.Expect("to silent equipment", 1, "1861 0800")

	// It speaks again, as one that goes on: three good polls.
	for range 3 {
		if got := s.LMI(1); !got.Failed {
			t.Errorf("recovered too early: %+v", got)
		}
		one.poll(sequenceOnly)
		step(false, "")
	}
	if got := s.LMI(1); got.Failed {
		t.Errorf("not recovered: %+v", got)
	}
	two.want("recovered", sequenceOnly, "201:82 203:82 ")
	// Silent again; then it starts anew.
	for range 6 {
		step(false, "")
		two.poll(sequenceOnly)
	}
	if got := s.LMI(1); !got.Failed {
		t.Errorf("after another silence: %+v", got)
	}
	one.have = 0
	one.want("started anew", fullStatus, "102:82 103:82 ")
	if got := s.LMI(1); got.Failed {
		t.Errorf("after a start: %+v", got)
	}
	two.want("started anew", sequenceOnly, "201:82 203:82 ")
}

// Nothing is watched where LMI is not spoken, and the switch sleeps when all
// that spoke has been silent for long.
func TestNothingToWatch(t *testing.T) {
	r, s := newRig(t)
	if s.Tick(1e15) != 0 {
		t.Error("a timer runs at first")
	}
	r.Now = 1e15
	d := &dte{Rig: r, port: 1}
	d.poll(fullStatus)
	if next := s.Tick(r.Now); next != r.Now+int64(T392) {
		t.Errorf("next at %d", next)
	}
	if next := s.Tick(r.Now + int64(time.Hour)); next != 0 {
		t.Errorf("next at %d after an hour of silence", next)
	}
	if got := s.LMI(1); !got.Failed || got.Timeouts != N393 {
		t.Errorf("after an hour: %+v", got)
	}
	d.poll(sequenceOnly)
	s.SetUp(1, false)
	if s.Next() != 0 {
		t.Error("a timer runs at a port without a link")
	}
	s.SetUp(1, true)
	if got, want := s.LMI(1), (LMIStats{Enquiries: 2, Timeouts: N393}); got != want {
		t.Errorf("with a new link: %+v, want %+v", got, want)
	}
	if got := s.LMI(9); got != (LMIStats{}) {
		t.Errorf("a port that does not exist: %+v", got)
	}
}

// Three lost messages of four make a port fail, two do not.
func TestLosses(t *testing.T) {
	r, s := newRig(t)
	d := &dte{Rig: r, port: 1}
	d.poll(fullStatus)
	for i, c := range []struct {
		lost, failed bool
	}{
		{true, false}, {false, false}, {true, false}, {false, false}, {true, false}, {true, true}, {false, true}, {false, true}, {false, false},
	} {
		if c.lost {
			d.have += 7
		}
		d.poll(sequenceOnly)
		if got := s.LMI(1).Failed; got != c.failed {
			t.Errorf("message %d: failed is %v", i, got)
		}
	}
}
