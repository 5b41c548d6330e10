// Package netns makes what a lab needs of the Linux network: a network
// namespace per device, a TAP interface per Ethernet port, an interface that shows
// the frames of each serial port, links between Ethernet ports, to LANs and to the
// host. It is the only package that speaks netlink. It knows nothing of lab files,
// nodes or the tree: it is told names.
//
// # What stands in a router's namespace
//
//	f0-0        the TAP of port f0/0: what the router sends comes in here, what it
//	            receives goes out here, so a capture on it shows both directions
//	f0-0.link   the cable plugged into f0/0: one end of a veth pair whose other
//	            end is in the namespace of the device at the far end, of the LAN,
//	            or of the host; or a TAP, whose descriptor its node joins to
//	            something that is no interface
//	s1-0        the TUN of serial port s1/0: shows copies of its frames in the same
//	            directions
//
// The TAP and the cable's end are joined both ways by a tc redirect (clsact, u32,
// mirred), which passes every kind of frame, also those that a bridge keeps
// for itself (platform reference, 5.1).
//
// # Carrier
//
// Ports that are joined have carrier when both are up: held by a router, not shut,
// not cut off. When one is not, neither TAP has it and the cable's ends are down, so
// that no frame passes; nothing is removed. When carrier comes, the cable works
// before the TAPs have it.
//
// The namespace of a LAN holds a bridge named lan that floods like a hub, and
// one veth end per attached port, named DEVICE.PORT (R1.f0-0).
//
// # Reconciliation
//
// Every call can be repeated: it looks at what is there and changes what
// differs. A call that was cut short by a crash is completed by calling it
// again. A namespace becomes visible under /run/netns only when it is fully
// set up.
//
// A namespace of ours carries a mark in the alias of its loopback interface.
// Namespaces without the mark of the Manager's prefix are never touched, so two
// daemons whose prefixes begin alike do not disturb each other.
//
// # Silence
//
// No interface has an address, IPv6 is off, nothing is forwarded: the kernel
// puts no packet of its own on any of them. The exception is the host's end of a
// link to the host, which is for the host to use.
//
// # Time
//
// Calls about different namespaces go on side by side. What removes interfaces
// returns when they are gone, and leaves it to the kernel to wait for its processors
// before it frees them, which is most of the time.
package netns
