package vm

import (
	"bytes"
	"fmt"
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
