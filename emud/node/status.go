package node

import (
	"time"

	"dynemu/jit"
	"dynemu/vm"
	"dynemu/vm/mips"
)

// Status is what a node says of its device. What tells of a processor is zero for a
// switch.
type Status struct {
	State  State         `json:"state"`
	Uptime time.Duration `json:"uptime_ns"` // since the device was started
	// Instructions is how many the guest has executed, Rate how many a second
	// lately.
	Instructions uint64  `json:"instructions"`
	Rate         float64 `json:"rate"`
	// IdleShare is the part of the time, 0 to 1, that the guest had nothing to
	// do lately.
	IdleShare float64 `json:"idle_share"`
	Reloads   uint64  `json:"reloads"`
	// Asleep is how long the guest had nothing to do since the start, Sleeps how often,
	// and TimerWakes how often its own timer ended that, not a frame or a key.
	Asleep     time.Duration `json:"asleep_ns"`
	Sleeps     uint64        `json:"sleeps"`
	TimerWakes uint64        `json:"timer_wakes"`
	Idleness   vm.Idleness   `json:"idleness"`
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

// PortStatus is the state of a port, and counts frames and bytes as its device sees
// them.
type PortStatus struct {
	Plugged bool `json:"plugged"` // it has a wire
	// Carrier is what SetCarrier told, Enabled that the guest has not shut the port.
	Carrier  bool   `json:"carrier"`
	Enabled  bool   `json:"enabled"`
	RxFrames uint64 `json:"rx_frames"`
	RxBytes  uint64 `json:"rx_bytes"`
	TxFrames uint64 `json:"tx_frames"`
	TxBytes  uint64 `json:"tx_bytes"`
	RxDrops  uint64 `json:"rx_drops"` // arrived, and were not passed on
	TxDrops  uint64 `json:"tx_drops"` // the other side did not take, or must not get
	// Dropped counts the drops of both directions by reason, those of a switch
	// included, reasons without any left out.
	Dropped map[string]uint64 `json:"dropped,omitempty"`
	// Filter and Impairment are what is in force, in the words of the requests; empty:
	// none.
	Filter     string `json:"filter,omitempty"`
	Impairment string `json:"impairment,omitempty"`
	// Encapsulation is that of the serial frames seen: hdlc, ppp or frame-relay; empty:
	// not known.
	Encapsulation string          `json:"encapsulation,omitempty"`
	Captures      []CaptureStatus `json:"captures,omitempty"`
	Outlet        *OutletStatus   `json:"outlet,omitempty"`
	Interface     bool            `json:"interface,omitempty"` // frames are copied to it
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
	// Port is the port that the event is about, empty for one about the device. Enabled
	// tells that the guest has shut it or opened it again; Encapsulation what its
	// serial frames are now; NIO, a kind of wire, that the wire of its outlet, or its own,
	// has ended for good, and Capture, an ID, that a capture has, both with an Error.
	Port          string `json:"port,omitempty"`
	Enabled       *bool  `json:"enabled,omitempty"`
	Encapsulation string `json:"encapsulation,omitempty"`
	NIO           string `json:"nio,omitempty"`
	Capture       string `json:"capture,omitempty"`
	Error         string `json:"error,omitempty"`
	// Ending is set by a node that is about to exit in order.
	Ending bool `json:"ending,omitempty"`
}
