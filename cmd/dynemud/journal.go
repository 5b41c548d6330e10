package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
)

// newLogger logs to the journal, with the fields of each record as fields of
// the entry (journalctl DEVICE=R1), or to standard error where that does
// not lead to the journal.
func newLogger(level slog.Leveler) *slog.Logger {
	if to, err := journal.StderrIsJournalStream(); err == nil && to {
		return slog.New(&journalHandler{level: level})
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

// journalHandler sends records to the journal.
type journalHandler struct {
	level slog.Leveler
	attrs []slog.Attr
	group string
}

// Enabled implements slog.Handler.
func (h *journalHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

// WithAttrs implements slog.Handler.
func (h *journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = append(append([]slog.Attr(nil), h.attrs...), attrs...)
	return &c
}

// WithGroup implements slog.Handler.
func (h *journalHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.group += name + "_"
	return &c
}

// Handle implements slog.Handler. The message shows the fields too, for those
// who read without asking for them.
func (h *journalHandler) Handle(_ context.Context, r slog.Record) error {
	vars := map[string]string{}
	text := r.Message
	add := func(a slog.Attr) bool {
		value := a.Value.Resolve().String()
		text += fmt.Sprintf(" %s=%s", a.Key, value)
		vars[fieldName(h.group+a.Key)] = value
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	return journal.Send(text, priority(r.Level), vars)
}

// fieldName is a key as the journal accepts it: upper-case letters, digits and
// underscores. LAB, DEVICE and PORT stand for themselves, as in the entries of nodes.
func fieldName(key string) string {
	switch key {
	case "lab", "device", "port":
		return strings.ToUpper(key)
	}
	return "DYNEMU_" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, key)
}

func priority(l slog.Level) journal.Priority {
	switch {
	case l >= slog.LevelError:
		return journal.PriErr
	case l >= slog.LevelWarn:
		return journal.PriWarning
	case l >= slog.LevelInfo:
		return journal.PriInfo
	}
	return journal.PriDebug
}
