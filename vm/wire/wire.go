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

// Wire is one end of a link.
//
// Send is called on the machine's goroutine and must not block: a frame that
// the other side cannot take now is dropped and counted. The frame is only
// valid during the call.
//
// Receive is called on a goroutine of the port's own. It blocks until a frame
// arrives, writes it to buf (at least MaxFrame bytes) and returns its length.
// It returns an error when the wire was closed or is broken for good.
type Wire interface {
	Send(frame []byte)
	Receive(buf []byte) (n int, err error)
	// Stats returns counters since the wire was made.
	Stats() Stats
	// Close ends a blocked Receive. Closing twice is harmless.
	Close() error
}

// Stats counts frames and bytes of one end of a link, as seen from the router:
// Rx is what it received. Drops are frames that the other side did not take.
type Stats struct {
	RxFrames, RxBytes uint64
	TxFrames, TxBytes uint64
	TxDrops           uint64
}
