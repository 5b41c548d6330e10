// Package wires tests NIOs end to end: against the kernel's own network stack in
// other namespaces, against Debian's vde2 and dynamips, and in a process that
// has nothing but descriptors. Frames are compared byte for byte.
package wires
