package testlab

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// Memory is what a node's process has in memory, in MiB. What is mapped more than
// once counts once; what it shares with other processes, such as its program,
// counts in full.
type Memory struct {
	Guest float64 // the guest's memory, as far as it was touched
	Code  float64 // what the translator made
	Own   float64 // all but the guest's: code, tables, heap, program
}

var mapping = regexp.MustCompile(`^[0-9a-f]+-[0-9a-f]+ `)

// Resident returns what process pid has in memory.
func Resident(t testing.TB, pid int) Memory {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	// Memory of the guest and for code is shared memory that the process maps twice,
	// and no other does; code is what one of the mappings may execute.
	const shared = "/dev/zero"
	code := map[string]bool{} // by inode
	for _, line := range lines {
		if f := strings.Fields(line); mapping.MatchString(line) && len(f) > 5 && f[5] == shared && strings.Contains(f[1], "x") {
			code[f[4]] = true
		}
	}
	var m Memory
	name, inode := "", ""
	for _, line := range lines {
		if mapping.MatchString(line) {
			f := append(strings.Fields(line), "")
			name, inode = f[5], f[4]
			continue
		}
		figure := "Rss: %f kB"
		if name == shared {
			figure = "Pss: %f kB"
		}
		var kib float64
		if n, _ := fmt.Sscanf(line, figure, &kib); n != 1 {
			continue
		}
		switch {
		case name != shared:
			m.Own += kib / 1024
		case code[inode]:
			m.Own += kib / 1024
			m.Code += kib / 1024
		default:
			m.Guest += kib / 1024
		}
	}
	if m.Guest == 0 {
		t.Fatalf("process %d maps no guest memory", pid)
	}
	return m
}
