// Package emud is the daemon: it holds the labs, brings what runs in line with
// what their files ask for, and supervises the nodes.
//
// # How a lab is kept
//
// A lab has a checked topology (what is asked) and a record (what was made in
// the kernel, and which two processes each serial pipe joins). Everything that
// changes a lab takes the lab's lock, changes the topology or a device's wish,
// and then calls reconcile, which compares the two and does what is missing,
// in this order:
//
//  1. devices that are no longer asked for are stopped;
//  2. wires that are no longer asked for are taken away, and cards out of
//     running routers;
//  3. namespaces, TAPs, LANs and veth links that are asked for are made;
//  4. cards are put into running routers;
//  5. routers that should run and do not are started, each with its TAPs and
//     one end of a new pipe per serial link whose other side runs too;
//  6. live peers of those pipes get the other ends.
//
// The record is written to the runtime directory before a thing is made and
// after it is gone, so that it names at least what exists: a daemon killed at
// any point leaves a record from which the next one ends in the same place.
// Each step looks at what is there, so that running it twice does nothing the
// second time.
//
// A pipe is known by the identities (process and start time) of the nodes at
// its two ends. When both still run, an adopting daemon leaves the pipe alone.
// When a node is started again, the pipes of its links are made anew and their
// live ends exchanged, since the other half of the old pair died with it.
//
// # What this package must not know
//
// It knows nothing of FUSE and nothing of netlink. What needs privilege or
// makes processes is behind the interfaces Network and Nodes.
package emud
