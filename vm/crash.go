package vm

import (
	"bytes"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
)

const (
	// minText is the length of a run of characters that is taken for text.
	minText = 4
	// maxTexts bounds how many of them are logged.
	maxTexts = 40
)

// logCrashInfo logs what the guest wrote since its start into the part of NVRAM
// that is for its report of a crash. Each system has a form of its own for that;
// the texts in it are what people look for.
func (m *Machine) logCrashInfo() {
	now := m.board.CrashInfo()
	if bytes.Equal(now, m.crashInfo) || len(bytes.Trim(now, "\x00")) == 0 {
		return
	}
	m.host.Log("CRASH", fmt.Sprintf("the guest left a report of %d bytes in NVRAM", len(bytes.TrimRight(now, "\x00"))))
	for i, text := range texts(now) {
		if i == maxTexts {
			m.host.Log("CRASH", "and more")
			break
		}
		m.host.Log("CRASH", text)
	}
}

// texts returns the runs of printable characters in b.
func texts(b []byte) (out []string) {
	for _, run := range bytes.FieldsFunc(b, func(r rune) bool { return r < ' ' || r > '~' }) {
		if len(run) >= minText {
			out = append(out, string(run))
		}
	}
	return out
}

// endTimeout bounds what is saved of a router after a fault of the emulator, which
// may have left anything locked.
const endTimeout = 5 * time.Second

// guarded runs fn. A fault of the emulator in it ends the router as a crash, with
// the fault in its log and NVRAM saved if that can be done; guarded is then false
// and nothing is left to end.
func (m *Machine) guarded(fn func()) (ok bool) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		m.err = fmt.Errorf("fault of the emulator: %v", p)
		m.host.Log("VM", m.err.Error())
		for line := range strings.Lines(string(debug.Stack())) {
			m.host.Log("VM", strings.TrimRight(line, "\n"))
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			defer func() {
				if p := recover(); p != nil {
					m.host.Log("VM", fmt.Sprintf("and another while saving: %v", p))
				}
			}()
			m.end()
		}()
		select {
		case <-ended:
		case <-time.After(endTimeout):
			m.host.Log("VM", "what the router held could not be saved")
		}
	}()
	fn()
	return true
}
