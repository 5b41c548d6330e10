// Package peer holds the tests that compare dynemu with Dynamips, or join the
// two by wires, and what they share. They need Debian's dynamips package
// (component non-free) and are skipped, with a line that says so, where it is
// not installed. The comparison of the hardware itself is in the folder hwprobe.
package peer
