package lab

import (
	"fmt"
	"strconv"
	"strings"
)

// Limits bound what a router may use of the host. They are options of ours
// (cpu_limit, memory_limit) and need a service manager that enforces them.
type Limits struct {
	CPU    int `json:"cpu,omitempty"`    // percent of one processor; 0: not said, NoLimit: none
	Memory int `json:"memory,omitempty"` // MiB; 0: not said, NoLimit: none
}

// NoLimit is the limit of who has none, whatever the default is.
const NoLimit = -1

// Or returns the limits with those of defaults where nothing is said.
func (l Limits) Or(defaults Limits) Limits {
	if l.CPU == 0 {
		l.CPU = defaults.CPU
	}
	if l.Memory == 0 {
		l.Memory = defaults.Memory
	}
	return l
}

const (
	maxCPULimit    = 100000 // percent
	minMemoryLimit = 16     // MiB; a node needs that much without a guest
	maxMemoryLimit = 1 << 24
)

// ParseCPULimit reads a share of one processor: none, 50% or 250%. The error says
// what is accepted.
func ParseCPULimit(text string) (int, error) {
	if text == "none" {
		return NoLimit, nil
	}
	n, err := strconv.Atoi(strings.TrimSuffix(text, "%"))
	if err != nil || n < 1 || n > maxCPULimit {
		return 0, fmt.Errorf("none or a percentage of one processor from 1%% to %d%%, such as 50%% or 150%%", maxCPULimit)
	}
	return n, nil
}

// ParseMemoryLimit reads a size in MiB: none, 512, 512M or 2G. The error says what
// is accepted.
func ParseMemoryLimit(text string) (int, error) {
	if text == "none" {
		return NoLimit, nil
	}
	digits, unit := text, 1
	if d, ok := strings.CutSuffix(text, "G"); ok {
		digits, unit = d, 1024
	} else if d, ok := strings.CutSuffix(text, "M"); ok {
		digits = d
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > maxMemoryLimit || n*unit < minMemoryLimit || n*unit > maxMemoryLimit {
		return 0, fmt.Errorf("none or a size of %dM or more, such as 512M or 2G (without unit: MiB)", minMemoryLimit)
	}
	return n * unit, nil
}
