// Package vm puts a router together from boards, cards and chips, and runs it.
// It knows nothing of Linux beyond the memory, lines and wires handed to it.
package vm
