// Package netd does what needs privilege for a daemon that has none: it mounts the
// tree, makes namespaces, interfaces and links, opens what carries frames, and starts
// and ends the processes of nodes. System is all of that. A Host does it in its own
// process, a Client asks a Server in another one, the program dynemu-netd. The package
// knows nothing of lab files or of what is in the tree.
//
// # What can be asked
//
// The operations in the table operations, and nothing else. A request is one datagram
// of JSON on a SOCK_SEQPACKET socket, with at most two descriptors. The server, which
// trusts nobody, checks each part of it: names of namespaces (of its prefix), of
// interfaces, labs and devices (length, characters), addresses, numbers, descriptors.
// A part that the operation does not take is an error too. Which folder is mounted on,
// which program is started and as which user is the server's own configuration; no
// request can name a path. Who asks must be root or the daemon's user, as the kernel
// attests.
//
// What the server makes carries the mark of its prefix (package netns), and it changes
// and removes nothing without. The exceptions are what NIOs are for: a packet socket or
// a TAP of an interface of the host that a lab file names.
//
// # Connections
//
// A connection carries one request at a time; who has several at once opens several.
// A watch has a connection to itself, which carries events until it is closed. So has
// the mount: when its connection ends, the daemon has ended, and the mount is detached,
// so that nobody waits for an answer of a dead one. All else stays as it is when a
// daemon ends.
//
// The server keeps nothing that matters. When it ends and comes back, clients connect
// again, repeat what was not answered, begin their watches anew (telling their callers
// only of what has changed meanwhile) and hold the mount again.
package netd
