package node

import (
	"time"

	"dynemu/jit"
	"dynemu/vm/mips"
)

// Status is what a node says of its router.
type Status struct {
	State  State         `json:"state"`
	Uptime time.Duration `json:"uptime_ns"` // since the router was started
	// Instructions is how many the guest has executed, Rate how many a second
	// lately.
	Instructions uint64  `json:"instructions"`
	Rate         float64 `json:"rate"`
	// IdleShare is the part of the time, 0 to 1, that the guest had nothing to
	// do lately.
	IdleShare float64 `json:"idle_share"`
	Reloads   uint64  `json:"reloads"`
	IdlePC    uint64  `json:"idlepc"`
	// GuestMemory is how much memory the guest uses, in bytes.
	GuestMemory uint64 `json:"guest_memory"`
	// Idle is nil when nobody looks for the idle loop.
	Idle *mips.IdleStats `json:"idle,omitempty"`
	// JIT counts what the translator did; nil when the interpreter runs the guest.
	JIT *jit.Stats `json:"jit,omitempty"`
	// Ports holds counters by port name, for the ports that the Spec names.
	Ports map[string]PortStatus `json:"ports"`

	// The rest is what the daemon finds in /proc.

	PID int           `json:"pid"`
	CPU time.Duration `json:"cpu_ns"` // processor time used
	// RSS is the memory in use, that of the guest and translated code included. What
	// is mapped twice counts once.
	RSS uint64 `json:"rss_bytes"`
	// Shared is the part of RSS that is backed by files, the program and the image.
	Shared uint64 `json:"shared_bytes"`
}

// PortStatus counts frames and bytes of a port as its router sees them.
type PortStatus struct {
	Plugged  bool   `json:"plugged"`
	RxFrames uint64 `json:"rx_frames"`
	RxBytes  uint64 `json:"rx_bytes"`
	TxFrames uint64 `json:"tx_frames"`
	TxBytes  uint64 `json:"tx_bytes"`
	TxDrops  uint64 `json:"tx_drops"`
}

// MaxConsole bounds Event.Console, so that an event fits into a message.
const MaxConsole = 32 << 10

// Event is something that happened to a node.
type Event struct {
	Time  time.Time `json:"time"`
	State State     `json:"state"`
	// Reason says why the node ended.
	Reason string `json:"reason,omitempty"`
	// Exit is how a crashed process ended (exit status or signal), when that is
	// known, and Log the last lines of its log.
	Exit string   `json:"exit,omitempty"`
	Log  []string `json:"log,omitempty"`
	// Console is what the console printed last, at most MaxConsole bytes, of a
	// router that ended by itself in order.
	Console []byte `json:"console,omitempty"`
	// Ending is set by a node that is about to exit in order.
	Ending bool `json:"ending,omitempty"`
}
