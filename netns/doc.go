// Package netns makes what a lab needs of the Linux network: a network
// namespace per device, a TAP interface per Ethernet port, links between ports
// and LANs. It is the only package that speaks netlink. It knows nothing of
// lab files, nodes or the tree: it is told names.
//
// # What stands in a router's namespace
//
//	f0-0        the TAP of port f0/0: what the router sends comes in here, what it
//	            receives goes out here, so a capture on it shows both directions
//	f0-0.link   the cable plugged into f0/0: one end of a veth pair whose other
//	            end is in the namespace of the device at the far end
//
// The TAP and the veth end are joined both ways by a tc redirect (clsact, u32,
// mirred), which passes every kind of frame, also those that a bridge keeps
// for itself (platform reference, 5.1).
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
// puts no packet of its own on any of them.
package netns
