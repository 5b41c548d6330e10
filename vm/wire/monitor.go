package wire

import "time"

// Monitor sees the frames of a port.
type Monitor interface {
	// Frame tells of a frame that the machine receives (In) or sends (Out), at a
	// time of the host. The frame is valid during the call only and not to be
	// changed. It is called on the machine's goroutine and does not block.
	Frame(d Direction, at time.Time, frame []byte)
}

// watcher is a monitor at a port; two ports, or one twice, may have the same
// Monitor.
type watcher struct{ Monitor }
