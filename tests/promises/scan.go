package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// A shown is a test with the numbers of the promises that it shows.
type shown struct {
	name, file string // the file by its path in the repository, with slashes
	promises   []int
}

// marker is the line of a comment that names promises: "Promises: 33, 34."
var marker = regexp.MustCompile(`(?m)^[ \t]*(?://)?[ \t]*Promises?: *([0-9][0-9, ]*)\.?[ \t]*$`)

// scan finds the marked tests of a repository, by file and line. A marker that is
// not above a test is an error: nothing would show what it names.
func scan(root string) ([]shown, error) {
	var tests []shown
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		found, err := marked(filepath.ToSlash(rel), text)
		tests = append(tests, found...)
		return err
	})
	sort.SliceStable(tests, func(i, j int) bool { return tests[i].file < tests[j].file })
	return tests, err
}

// marked finds the marked tests of a file.
func marked(file string, text []byte) ([]shown, error) {
	if !marker.Match(text) { // most files: they need not be parsed
		return nil, nil
	}
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, file, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	above := map[*ast.CommentGroup]string{}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") && fn.Doc != nil {
			above[fn.Doc] = fn.Name.Name
		}
	}
	var tests []shown
	for _, c := range f.Comments {
		m := marker.FindStringSubmatch(c.Text())
		if m == nil {
			continue
		}
		name := above[c]
		if name == "" {
			return nil, fmt.Errorf("%s: %q is not above a test", set.Position(c.Pos()), m[0])
		}
		t := shown{name: name, file: file}
		for _, word := range strings.FieldsFunc(m[1], func(r rune) bool { return r == ',' || r == ' ' }) {
			n, err := strconv.Atoi(word)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", file, name, err)
			}
			t.promises = append(t.promises, n)
		}
		tests = append(tests, t)
	}
	return tests, nil
}
