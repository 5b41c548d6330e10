package emud

import (
	"bytes"
	"context"
	"sync"
	"syscall"
)

// backlog is what a stream has for its reader that was not read yet. Who adds to it
// bounds it.
type backlog struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	ended bool
	more  chan struct{} // closed and replaced when buf or ended changed
	// refill puts something into an empty buf when a reader comes, or not; mu is held.
	refill func()
}

func newBacklog() *backlog { return &backlog{more: make(chan struct{})} }

// signal wakes readers; mu is held.
func (b *backlog) signal() {
	close(b.more)
	b.more = make(chan struct{})
}

// end says that nothing more comes.
func (b *backlog) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	b.signal()
}

// Read waits for something and copies what there is to p. It returns EINTR when
// ctx ends, EAGAIN instead of waiting when wait is false, and 0 at the end: when
// what the stream is about is gone.
func (b *backlog) Read(ctx context.Context, p []byte, wait bool) (int, error) {
	for {
		b.mu.Lock()
		if b.buf.Len() == 0 && b.refill != nil {
			b.refill()
		}
		if b.buf.Len() > 0 {
			n, err := b.buf.Read(p)
			b.mu.Unlock()
			return n, err
		}
		ended, more := b.ended, b.more
		b.mu.Unlock()
		switch {
		case ended:
			return 0, nil
		case !wait:
			return 0, syscall.EAGAIN
		}
		select {
		case <-more:
		case <-ctx.Done():
			return 0, syscall.EINTR
		}
	}
}
