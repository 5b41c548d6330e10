package netd

import "time"

// WatchHost implements Network.
func (c *Client) WatchHost(fn func(ifname string, exists, carrier bool)) (stop func(), err error) {
	return c.watch(Request{Op: opWatchHost}, func(e Event) bool { return e.Exists }, func(e Event) { fn(e.Interface, e.Exists, e.Carrier) })
}

// WatchReaders implements Network.
func (c *Client) WatchReaders(ns string, fn func(ifname string, readers bool)) (stop func(), err error) {
	return c.watch(Request{Op: opWatchReaders, Namespace: ns}, func(e Event) bool { return e.Readers }, func(e Event) { fn(e.Interface, e.Readers) })
}

// watch has fn called with what is there (says there), before it returns, and with what
// changes from then on, also over the end of the server. fn is called from one goroutine
// at a time, and never after stop has returned.
func (c *Client) watch(r Request, there func(Event) bool, fn func(Event)) (stop func(), err error) {
	conn, err := c.dial()
	for deadline := time.Now().Add(patience); err != nil && time.Now().Before(deadline); conn, err = c.dial() {
		time.Sleep(pause)
	}
	if err != nil {
		return nil, err
	}
	w := &watcher{held: newHeld(c, conn), request: r, there: there, fn: fn, known: map[string]Event{}, done: make(chan struct{})}
	r.Version = Version
	if err = send(conn, r); err == nil {
		err = w.list()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	go w.run()
	return func() {
		w.end()
		<-w.done
	}, nil
}

type watcher struct {
	*held
	request Request
	there   func(Event) bool
	fn      func(Event)
	known   map[string]Event // what fn was told is there, by name
	done    chan struct{}
}

// list tells of what is there, and of what is no longer.
func (w *watcher) list() error {
	listed := map[string]bool{}
	for {
		r, got, err := answer(w.conn)
		closeAll(got)
		if err != nil {
			return err
		}
		if r.Event == nil {
			break
		}
		listed[r.Event.Interface] = true
		w.tell(*r.Event)
	}
	for name := range w.known {
		if !listed[name] {
			w.tell(Event{Interface: name})
		}
	}
	return nil
}

// tell passes on what is new.
func (w *watcher) tell(e Event) {
	if old, known := w.known[e.Interface]; known == w.there(e) && (!known || old == e) {
		return
	}
	if w.there(e) {
		w.known[e.Interface] = e
	} else {
		delete(w.known, e.Interface)
	}
	w.held.mu.Lock()
	ended := w.ended
	w.held.mu.Unlock()
	if !ended {
		w.fn(e)
	}
}

func (w *watcher) run() {
	defer close(w.done)
	for {
		r, got, err := answer(w.conn)
		closeAll(got)
		if err == nil && r.Event != nil {
			w.tell(*r.Event)
			continue
		}
		for err != nil {
			if _, err = w.again(w.request); err != nil {
				return // the watch has ended
			}
			if err = w.list(); err != nil {
				time.Sleep(pause) // the namespace may be about to be made again
			}
		}
	}
}
