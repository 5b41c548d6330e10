// Command promises writes docs/promises.md: what the tutorial of Dynamips and
// Dynagen promises, what dynemu does for it, and the tests that show it. A test
// shows a promise when the comment above it has a line that says so:
//
//	// Promises: 33, 34.
//	func TestList(t *testing.T) {
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// page is the document, by its path in the repository.
const page = "docs/promises.md"

func main() {
	if err := write("."); err != nil {
		fmt.Fprintln(os.Stderr, "promises:", err)
		os.Exit(1)
	}
}

// write writes the page of the repository in root, and tells what is wrong with it.
func write(root string) error {
	tests, err := scan(root)
	if err != nil {
		return err
	}
	text, err := document(chapters, tests)
	if werr := os.WriteFile(filepath.Join(root, page), []byte(text), 0o644); werr != nil {
		return werr
	}
	return err
}
