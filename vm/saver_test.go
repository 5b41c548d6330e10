package vm

import (
	"errors"
	"slices"
	"sync"
	"testing"
)

// What cannot be saved at first is saved when the saver is closed at the latest,
// and said once.
func TestSaverTriesAgain(t *testing.T) {
	for _, c := range []struct {
		name  string
		works bool // by the time of the close
		log   []string
	}{
		{"space again", true, []string{"cannot be saved, which is tried again: disk full", "saved now"}},
		{"still full", false, []string{"cannot be saved, which is tried again: disk full"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var mu sync.Mutex
			var log []string
			full, saved := true, ""
			tried := make(chan struct{}, 10)
			s := newSaver(func(b []byte) error {
				mu.Lock()
				defer mu.Unlock()
				tried <- struct{}{}
				if full {
					return errors.New("disk full")
				}
				saved = string(b)
				return nil
			}, func(text string) {
				mu.Lock()
				defer mu.Unlock()
				log = append(log, text)
			})
			s.put([]byte("old"))
			<-tried
			s.put([]byte("new"))
			mu.Lock()
			full = !c.works
			mu.Unlock()
			s.close()
			s.close()
			s.put([]byte("late"))
			mu.Lock()
			defer mu.Unlock()
			if (saved == "new") != c.works || !slices.Equal(log, c.log) {
				t.Errorf("saved %q, log %q", saved, log)
			}
		})
	}
}
