package jit

import (
	"errors"
	"fmt"
	"os"
)

// PerfMapPath is where perf looks for the names of the code that process pid
// generates (linux, tools/perf/Documentation/jit-interface.txt).
func PerfMapPath(pid int) string { return fmt.Sprintf("/tmp/perf-%d.map", pid) }

// CreatePerfMap makes the empty file at PerfMapPath, for Options.PerfMap. It is of
// use to perf after the process' end too, and so stays. perf takes it only when it
// belongs to perf's user or to root.
func CreatePerfMap(pid int) (*os.File, error) {
	path := PerfMapPath(pid)
	// What lies there is of an earlier process of that number, or a trap.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}
