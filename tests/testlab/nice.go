package testlab

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"syscall"
)

// SetNice sets the priority of all threads of a process as nice(1) does: 19 gives way
// to all others, -20 goes before them.
func SetNice(pid, value int) error {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		return err
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(filepath.Base(t))
		if err != nil {
			return err
		}
		if err := syscall.Setpriority(syscall.PRIO_PROCESS, tid, value); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}
