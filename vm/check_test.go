package vm

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// TestDifferenceEndsTheRouter reports a difference of the engines, as the check of
// the translator does: the log has the report, and the router ends with an error.
func TestDifferenceEndsTheRouter(t *testing.T) {
	cfg := config()
	cfg.CheckJIT = true
	var mu sync.Mutex
	var log []string
	m, _ := start(t, cfg, Host{Image: image(forever, nop), Log: func(module, text string) {
		mu.Lock()
		defer mu.Unlock()
		log = append(log, text)
	}})
	m.do(func() {
		m.translatorDiffers("a0 interpreter 1 translator 2")
		m.translatorDiffers("more of it")
	})
	select {
	case <-m.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the router goes on")
	}
	if err := m.Err(); err == nil || !strings.Contains(err.Error(), "translator differs") {
		t.Errorf("it ended with %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if text := strings.Join(log, "\n"); !strings.Contains(text, "a0 interpreter 1 translator 2") || strings.Contains(text, "more of it") {
		t.Errorf("the log is\n%s", text)
	}
}
