package mips

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestDisassemble checks every mnemonic. The golden file has a word and its text
// a line; word i is taken to lie at address 4i.
func TestDisassemble(t *testing.T) {
	f, err := os.Open("testdata/disasm.golden")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seen := map[string]bool{}
	pc := uint64(0)
	for sc := bufio.NewScanner(f); sc.Scan(); pc += 4 {
		word, want, ok := strings.Cut(sc.Text(), "\t")
		w, err := strconv.ParseUint(word, 16, 32)
		if !ok || err != nil {
			t.Fatalf("bad line %q", sc.Text())
		}
		if got := Disassemble(pc, uint32(w)); got != want {
			t.Errorf("%08x: %q, want %q", w, got, want)
		}
		seen[strings.Fields(want)[0]] = true
	}
	for _, table := range [][]form{majorForms[:], specialForms[:], special2Forms[:], regimmForms[:], cop1xForms[:]} {
		for _, f := range table {
			if f.name != "" && !seen[f.name] {
				t.Errorf("%s is not in the golden file", f.name)
			}
		}
	}
}
