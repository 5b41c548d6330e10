// Package translator tests what only a whole router can show of the engines that
// execute guest code: guests that mean harm, the switches that users have, and many
// routers at once.
package translator

import (
	"path/filepath"
	"strings"
	"testing"

	"dynemu/tests/testlab"
)

// assemble makes an image of testdata/NAME.S in dir and returns its path.
func assemble(t testing.TB, dir, name string) string {
	t.Helper()
	return testlab.Assemble(t, dir, filepath.Join("testdata", name+".S"))
}

// guests returns the names of all guests in testdata.
func guests(t testing.TB) []string {
	files, err := filepath.Glob("testdata/*.S")
	if err != nil || len(files) == 0 {
		t.Fatalf("no guests: %v", err)
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".S")
	}
	return files
}
