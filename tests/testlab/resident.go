package testlab

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var mapping = regexp.MustCompile(`^([0-9a-f]+)-([0-9a-f]+) `)

// Resident splits a process' resident memory, in MiB, into the mapping of the
// guest's RAM, recognised by its size of ram bytes, and all else. The translator's
// code memory, which is mapped twice, counts once.
func Resident(t testing.TB, pid, ram int) (own, guest float64) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		t.Fatal(err)
	}
	isRAM, figure := false, ""
	for _, line := range strings.Split(string(text), "\n") {
		if m := mapping.FindStringSubmatch(line); m != nil {
			a, _ := strconv.ParseUint(m[1], 16, 64)
			b, _ := strconv.ParseUint(m[2], 16, 64)
			named := len(strings.Fields(line)) > 5
			isRAM = b-a >= uint64(ram) && b-a < uint64(ram)+64<<20 && !named
			figure = "Rss: %f kB"
			if strings.Contains(line, "memfd:jit") {
				figure = "Pss: %f kB"
			}
		}
		var kib float64
		if n, _ := fmt.Sscanf(line, figure, &kib); n == 1 {
			if isRAM {
				guest += kib / 1024
			} else {
				own += kib / 1024
			}
		}
	}
	return own, guest
}
