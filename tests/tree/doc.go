// Package tree tests the tree of a running daemon end to end: the files that are about
// all labs, and those that show what routers do.
package tree
