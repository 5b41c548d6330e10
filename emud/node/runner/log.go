package runner

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// A guest that restarts again and again, or logs without end, must not fill the
// disk: so many lines may come at once, and so many a second after that.
const (
	logBurst  = 2000
	logRate   = 2
	maxLogged = 1000 // characters of a line
)

// logger writes the router's log.
type logger struct {
	now func() time.Time // nil: time.Now

	mu      sync.Mutex
	w       io.Writer
	journal io.Writer // nil: none
	spent   float64   // lines written of the burst
	last    time.Time
	dropped int
}

// to has later lines written to w.
func (l *logger) to(w io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.w = w
}

// line writes one line: time, module, text. Control characters, which a guest
// may have chosen, do not reach the reader's terminal.
func (l *logger) line(module, text string) {
	clean := strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, strings.TrimRight(text, "\r\n"))
	if r := []rune(clean); len(r) > maxLogged {
		clean = string(r[:maxLogged]) + "…"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.now != nil {
		now = l.now()
	}
	l.spent = max(0, l.spent-logRate*now.Sub(l.last).Seconds())
	l.last = now
	if l.spent >= logBurst {
		l.dropped++
		return
	}
	if l.dropped > 0 {
		l.write(now, "NODE", fmt.Sprintf("%d lines were left out", l.dropped))
		l.dropped = 0
	}
	l.write(now, module, clean)
}

func (l *logger) write(now time.Time, module, text string) {
	l.spent++
	fmt.Fprintf(l.w, "%s %s: %s\n", now.UTC().Format("2006-01-02T15:04:05.000Z"), module, text)
	if l.journal != nil { // which has the time itself
		fmt.Fprintf(l.journal, "%s: %s\n", module, text)
	}
}
