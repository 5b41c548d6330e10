// Package fs is the tree under /run/dynemu: a FUSE file system with one node
// type per kind of file, each a thin layer over a call of emud. Error numbers
// are made here, at the edge, from the errors that emud returns.
//
// It knows nothing of netlink, namespaces or processes.
//
// Every file is opened for direct I/O and nothing is cached, so that a read
// shows what is true now. A file's content is taken when it is opened: a reader
// that comes back for the rest gets the rest of the same (platform reference,
// section 8).
package fs
