package netns

import (
	"slices"
	"sync"
)

// hostLock is what a call locks that changes the host's own namespace; no
// namespace of ours has this name.
const hostLock = ""

// locks has a lock for each namespace that a call is changing now, so that calls
// about different namespaces go on side by side: the kernel takes tens of
// milliseconds to remove an interface, and most of that is waiting.
type locks struct {
	mu   sync.Mutex
	held map[string]*namespaceLock
}

type namespaceLock struct {
	sync.Mutex
	users int // that hold it or wait for it
}

// lock locks the namespaces and returns what unlocks them.
func (l *locks) lock(names ...string) (unlock func()) {
	// In order, so that no two calls wait for each other.
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	for _, name := range names {
		l.mu.Lock()
		if l.held == nil {
			l.held = map[string]*namespaceLock{}
		}
		n := l.held[name]
		if n == nil {
			n = &namespaceLock{}
			l.held[name] = n
		}
		n.users++
		l.mu.Unlock()
		n.Lock()
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, name := range names {
			n := l.held[name]
			n.Unlock()
			if n.users--; n.users == 0 {
				delete(l.held, name)
			}
		}
	}
}
