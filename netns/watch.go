package netns

import "errors"

// WatchReaders calls fn when somebody begins or ceases to read the frames of an
// interface in the namespace ns with a packet socket (tcpdump), and at once for
// each that is read now. fn is called from one goroutine, never after stop has
// returned.
func (m *Manager) WatchReaders(ns string, fn func(ifname string, readers bool)) (stop func(), err error) {
	return nil, errors.ErrUnsupported
}

// WatchHost calls fn when an interface of the host's namespace comes, goes, or
// gets or loses carrier, and at once for each that is there. fn is called from
// one goroutine, never after stop has returned.
func (m *Manager) WatchHost(fn func(ifname string, exists, carrier bool)) (stop func(), err error) {
	return nil, errors.ErrUnsupported
}
