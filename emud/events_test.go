package emud_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"dynemu/emud"
)

// follow reads events in the background and has what came so far, a line each: time and
// empty fields left out.
func (h *host) follow() (sofar func() string) {
	h.t.Helper()
	e, err := h.d.OpenEvents()
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(e.Close)
	text := ""
	return func() string {
		buf := make([]byte, 4096)
		for {
			n, err := e.Read(h.t.Context(), buf, false)
			if errors.Is(err, syscall.EAGAIN) || n == 0 {
				break
			}
			text += string(buf[:n])
		}
		out := ""
		for line := range strings.Lines(text) {
			var ev emud.Event
			if err := json.Unmarshal([]byte(line), &ev); err != nil {
				h.t.Fatalf("%q: %v", line, err)
			}
			if age := time.Since(ev.Time); age < 0 || age > time.Minute {
				h.t.Errorf("%q happened %v ago", line, age)
			}
			out += fmt.Sprintln(strings.Join(strings.Fields(fmt.Sprint(ev.Event, " ", ev.Lab, " ", ev.Device, " ", ev.Port, " ", ev.State, " ", ev.File, " ", ev.Reason)), " "))
		}
		return out
	}
}

func TestEvents(t *testing.T) {
	h := newHost(t)
	sofar := h.follow()
	step := func(name string, fn func(), want ...string) {
		t.Helper()
		before := len(sofar())
		fn()
		var got string
		end := time.Now().Add(5 * time.Second)
		for missing := "x"; missing != ""; time.Sleep(time.Millisecond) {
			got, missing = sofar()[before:], ""
			for _, w := range want {
				if !strings.Contains("\n"+got, "\n"+w+"\n") {
					missing = w
				}
			}
			if missing != "" && time.Now().After(end) {
				t.Fatalf("%s: no event %q in\n%s", name, missing, got)
			}
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	step("apply", func() { h.mustApply("m", switched) }, "state m R1 running", "state m S1 running", "carrier m R1 f1/0 up", "carrier m F1 1 up", "apply m")
	step("refused apply", func() { h.apply("m", "nonsense") }, "apply m")
	r1 := h.device("m", "R1")
	step("suspend", func() { do(r1.Suspend()) }, "state m R1 suspended")
	step("resume", func() { do(r1.Resume()) }, "state m R1 running")
	p := port(t, r1, "f1/0")
	step("cut", func() { do(r1.SetLink(p, false)) }, "carrier m R1 f1/0 cut", "carrier m S1 1 cut")
	step("mend", func() { do(r1.SetLink(p, true)) }, "carrier m R1 f1/0 up", "carrier m S1 1 up")
	step("shut", func() { h.nodes.Get("m", "R1").Shut("s2/0", true) }, "carrier m R1 s2/0 shut", "carrier m F1 1 down")
	step("capture", func() { do(r1.StartCapture(p, "x.cap", "")) }, "capture m R1 f1/0 started x.cap")
	step("no capture", func() { do(r1.StopCapture(p, "")) }, "capture m R1 f1/0 ended x.cap")
	step("crash", func() { h.nodes.Get("m", "R2").Kill() }, "state m R2 crashed", "crash m R2 killed (signal: killed)", "carrier m R2 f1/0 none", "carrier m S1 2 down")
	step("start", func() { do(h.device("m", "R2").Start()) }, "state m R2 running", "carrier m S1 2 up")
	step("stop", func() { do(r1.Stop()) }, "state m R1 stopped", "carrier m R1 f1/0 none", "carrier m S1 1 down")
	step("remove", func() { do(h.d.Lab("m").Remove()) }, "state m R2 stopped", "removed m")
	if all := sofar(); strings.Contains(all, "lost") || strings.Count(all, "state m R1 running\n") != 2 {
		t.Errorf("events:\n%s", all)
	}
}

// A reader who does not read misses events, is told how many, and then sees what comes.
func TestEventsLost(t *testing.T) {
	h := newHost(t)
	h.mustApply("x", "[localhost]\n[[ROUTER R1]]\n")
	e, err := h.d.OpenEvents()
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	const applies = 4000
	for range applies {
		h.d.Lab("x").Check([]byte("nonsense"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	lines := bufio.NewScanner(reader{ctx, e})
	seen, lost := 0, 0
	for lost == 0 && lines.Scan() {
		var ev emud.Event
		if err := json.Unmarshal(lines.Bytes(), &ev); err != nil {
			t.Fatal(err)
		}
		switch ev.Event {
		case emud.EventApply:
			seen++
		case emud.EventLost:
			lost = int(ev.Count)
		}
	}
	if seen == 0 || lost == 0 || seen+lost != applies {
		t.Errorf("%d events and %d lost, of %d", seen, lost, applies)
	}
	h.d.Lab("x").Check([]byte("nonsense"))
	if !lines.Scan() || !strings.Contains(lines.Text(), `"event":"apply"`) {
		t.Errorf("after the loss: %q", lines.Text())
	}
}

type reader struct {
	ctx context.Context
	e   *emud.Events
}

func (r reader) Read(p []byte) (int, error) { return r.e.Read(r.ctx, p, true) }
