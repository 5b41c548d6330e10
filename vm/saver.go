package vm

import (
	"sync"
	"time"
)

// retryEvery is how long a saver waits before it tries again to save what could
// not be saved, such as on a disk that was full.
const retryEvery = 5 * time.Second

// saver hands NVRAM content to a function that may take its time, one call at
// a time and always the newest content. What cannot be saved is tried again, and
// a last time when the saver is closed.
type saver struct {
	save func([]byte) error
	log  func(text string)

	mu      sync.Mutex
	next    []byte
	busy    bool
	closed  bool
	failure string        // why the last try failed; it is logged when it changes
	stop    chan struct{} // closed by close
	idle    *sync.Cond
}

func newSaver(save func([]byte) error, log func(text string)) *saver {
	s := &saver{save: save, log: log, stop: make(chan struct{})}
	s.idle = sync.NewCond(&s.mu)
	return s
}

// put takes a copy of content to be saved.
func (s *saver) put(content []byte) {
	if s.save == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append([]byte(nil), content...)
	if !s.busy && !s.closed {
		s.busy = true
		go s.run()
	}
}

func (s *saver) run() {
	s.mu.Lock()
	for s.next != nil {
		content, last := s.next, s.closed
		s.next = nil
		s.mu.Unlock()
		err := s.save(content)
		s.note(err)
		if err != nil && !last {
			select {
			case <-s.stop:
			case <-time.After(retryEvery):
			}
		}
		s.mu.Lock()
		if err != nil && s.next == nil && !last {
			s.next = content
		}
	}
	s.busy = false
	s.idle.Broadcast()
	s.mu.Unlock()
}

// note logs that saving fails, or works again.
func (s *saver) note(err error) {
	was := s.failure // of this goroutine alone, while busy
	s.failure = ""
	if err != nil {
		s.failure = err.Error()
	}
	switch {
	case s.failure == was:
	case err != nil:
		s.log("cannot be saved, which is tried again: " + s.failure)
	default:
		s.log("saved now")
	}
}

// close waits until everything is saved or was tried a last time.
func (s *saver) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.stop)
	}
	for s.busy {
		s.idle.Wait()
	}
}
