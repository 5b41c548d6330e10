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
	var m Memory
	name := ""
	for _, line := range strings.Split(string(text), "\n") {
		if mapping.MatchString(line) {
			name = strings.Join(strings.Fields(line)[5:], " ")
			continue
		}
		// Memory of both kinds is mapped twice by the process, and by no other.
		guest, code := strings.HasPrefix(name, "/dev/zero"), strings.HasPrefix(name, "/memfd:jit")
		figure := "Rss: %f kB"
		if guest || code {
			figure = "Pss: %f kB"
		}
		var kib float64
		if n, _ := fmt.Sscanf(line, figure, &kib); n != 1 {
			continue
		}
		switch {
		case guest:
			m.Guest += kib / 1024
		case code:
			m.Code += kib / 1024
			fallthrough
		default:
			m.Own += kib / 1024
		}
	}
	if m.Guest == 0 {
		t.Fatalf("process %d maps no guest memory", pid)
	}
	return m
}
