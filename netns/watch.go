package netns

import (
	"fmt"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// WatchReaders calls fn when somebody begins or ceases to read the frames of a
// TUN in the namespace ns, and before it returns for each that is read now. A reader is who
// has set it promiscuous, as tcpdump -i IFNAME and its like do. Who reads without
// that (tcpdump -p, tcpdump -i any) is not seen: the kernel tells nobody of packet
// sockets, and asking it would be polling.
//
// fn is called from one goroutine, and never after stop has returned; it must not
// call stop. The namespace lives on until stop.
func (m *Manager) WatchReaders(ns string, fn func(ifname string, readers bool)) (stop func(), err error) {
	if err := m.checkName(ns); err != nil {
		return nil, err
	}
	h, err := open(ns)
	if err != nil {
		return nil, err
	}
	read := map[int]string{} // interfaces that are read, by index
	return watch(h, func(l netlink.Link, exists bool) {
		index, name := l.Attrs().Index, l.Attrs().Name
		was, wasRead := read[index]
		isRead := exists && isTUN(l) && l.Attrs().Promisc > 0
		if wasRead && (!isRead || was != name) {
			delete(read, index)
			fn(was, false)
		}
		if isRead && (!wasRead || was != name) {
			read[index] = name
			fn(name, true)
		}
	})
}

// WatchHost calls fn when an interface of the host's namespace comes, goes, or
// gets or loses carrier, and before it returns for each that is there. One that is set
// down has no carrier. fn is called from one goroutine, and never after stop has
// returned; it must not call stop.
func (m *Manager) WatchHost(fn func(ifname string, exists, carrier bool)) (stop func(), err error) {
	h, err := openHost()
	if err != nil {
		return nil, err
	}
	type state struct {
		name    string
		carrier bool
	}
	seen := map[int]state{}
	return watch(h, func(l netlink.Link, exists bool) {
		index := l.Attrs().Index
		was, known := seen[index]
		now := state{l.Attrs().Name, hasCarrier(l)}
		if known && (!exists || was.name != now.name) {
			delete(seen, index)
			fn(was.name, false, false)
			known = false
		}
		if exists && (!known || was != now) {
			seen[index] = now
			fn(now.name, true, now.carrier)
		}
	})
}

// watch calls fn, from a goroutine of its own, with each interface of a namespace,
// and again whenever one may have changed or is gone, until stop is called. It
// closes h then. It returns when fn has been told of all that are there.
func watch(h *handle, fn func(l netlink.Link, exists bool)) (stop func(), err error) {
	w := &watcher{h: h, fn: fn, links: map[int]netlink.Link{}, stop: make(chan struct{}), listed: make(chan struct{}), done: make(chan struct{})}
	updates, cancel, err := w.subscribe()
	if err != nil {
		h.close()
		return nil, err
	}
	go w.run(updates, cancel)
	<-w.listed
	var once sync.Once
	return func() {
		once.Do(func() { close(w.stop) })
		<-w.done
	}, nil
}

type watcher struct {
	h     *handle
	fn    func(l netlink.Link, exists bool)
	links map[int]netlink.Link // those that fn knows, by index
	stop  chan struct{}
	// listed is closed when fn has been told of what was there at the beginning.
	listed chan struct{}
	done   chan struct{}
}

// subscribe asks for notifications from now on.
func (w *watcher) subscribe() (updates chan netlink.LinkUpdate, cancel func(), err error) {
	updates = make(chan netlink.LinkUpdate)
	done := make(chan struct{})
	err = netlink.LinkSubscribeWithOptions(updates, done, netlink.LinkSubscribeOptions{Namespace: &w.h.fd, ReceiveBufferSize: 1 << 20})
	if err != nil {
		close(done)
		return nil, nil, fmt.Errorf("watch interfaces: %w", err)
	}
	cancel = func() {
		close(done)
		go func() { // whatever it still has to say
			for range updates {
			}
		}()
	}
	return updates, cancel, nil
}

func (w *watcher) run(updates chan netlink.LinkUpdate, cancel func()) {
	defer close(w.done)
	defer w.h.close()
	defer func() { cancel() }()
	w.list()
	close(w.listed)
	for {
		select {
		case <-w.stop:
			return
		case u, ok := <-updates:
			switch {
			case !ok:
				// The kernel had more to tell than its buffer holds: begin anew.
				again, cancelAgain, err := w.subscribe()
				if err != nil {
					return
				}
				cancel()
				updates, cancel = again, cancelAgain
				w.list()
			case u.IfInfomsg.Family != unix.AF_UNSPEC:
				// A bridge says that a port has joined or left it.
			case u.Header.Type == unix.RTM_DELLINK:
				w.gone(u.Link)
			default:
				w.there(u.Link)
			}
		}
	}
}

// list reads all interfaces, after notifications of older changes were lost.
func (w *watcher) list() {
	links, err := w.h.list()
	if err != nil {
		return // out of memory; the notifications go on
	}
	listed := map[int]bool{}
	for _, l := range links {
		listed[l.Attrs().Index] = true
		w.there(l)
	}
	for index, l := range w.links {
		if !listed[index] {
			w.gone(l)
		}
	}
}

func (w *watcher) there(l netlink.Link) {
	w.links[l.Attrs().Index] = l
	w.fn(l, true)
}

func (w *watcher) gone(l netlink.Link) {
	delete(w.links, l.Attrs().Index)
	w.fn(l, false)
}
