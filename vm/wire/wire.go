// Package wire is what a port of a router is plugged into: TAP interfaces,
// serial pipes, UDP and unix sockets, the null NIO. Frames go through it
// unchanged, exactly as Dynamips puts them on its NIOs: Ethernet from the
// destination address without FCS, serial frames from the address field
// without flags and FCS (netio-hypervisor reference, 7 and 11.4).
//
// It works on descriptors that it is handed or sockets that it opens; it knows
// nothing of chips, and nothing of namespaces or netlink.
package wire

// MaxFrame is the largest frame in bytes that any port carries.
const MaxFrame = 32768

// Wire is one end of a link. Nothing here blocks. Send and Receive are called on
// the machine's goroutine, the rest on any.
type Wire interface {
	// Send sends a frame, which is only valid during the call. A frame that the
	// other side cannot take now is dropped and counted.
	Send(frame []byte)
	// Receive writes a frame that has arrived to buf (at least MaxFrame bytes)
	// and returns its length, 0 when there is none. It returns an error when the
	// wire was closed or is broken for good.
	Receive(buf []byte) (n int, err error)
	// Descriptor is one that ppoll(2) finds readable, or broken, when Receive
	// may have something to return; -1 when it never has. It is no longer valid
	// once the wire was closed.
	Descriptor() int
	// Stats returns counters since the wire was made.
	Stats() Stats
	// Close closes the wire. Closing twice is harmless.
	Close() error
}
