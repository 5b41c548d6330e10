package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// TestDocument fails when docs/promises.md is not what the tests say, or when a
// promise is neither shown nor waiting.
func TestDocument(t *testing.T) {
	tests, err := scan(root)
	if err != nil {
		t.Fatal(err)
	}
	want, err := document(chapters, tests)
	if err != nil {
		t.Error(err)
	}
	got, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is out of date: make promises", page)
	}
	n := 0
	for _, c := range chapters {
		n += len(c.promises)
	}
	if n != 95 {
		t.Errorf("%d promises, want 95", n)
	}
}

func TestMarkers(t *testing.T) {
	for _, c := range []struct{ name, text, want, err string }{
		{"one", "// TestA does.\n// Promise: 3.\nfunc TestA(t *testing.T) {}", "TestA 3", ""},
		{"several", "// TestA does.\n//\n// Promises: 3, 14, 15\nfunc TestA(t *testing.T) {}\n// Promises: 1.\nfunc TestB(t *testing.T) {}", "TestA 3 14 15 TestB 1", ""},
		{"in a sentence", "// Of the Promises: 3.\nfunc TestA(t *testing.T) {}", "", ""},
		{"not above a test", "// Promises: 3.\nfunc help() {}", "", `x_test.go:2:1: "Promises: 3." is not above a test`},
		{"in a test", "func TestA(t *testing.T) {\n// Promises: 3.\n}", "", `x_test.go:3:1: "Promises: 3." is not above a test`},
	} {
		t.Run(c.name, func(t *testing.T) {
			tests, err := marked("x_test.go", []byte("package x\n"+c.text))
			if err != nil && err.Error() != c.err || err == nil && c.err != "" {
				t.Fatalf("error %v, want %s", err, c.err)
			}
			var got []string
			for _, s := range tests {
				got = append(got, s.name)
				for _, n := range s.promises {
					got = append(got, strconv.Itoa(n))
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%v, want %s", got, c.want)
			}
		})
	}
}

func TestDocumentErrors(t *testing.T) {
	list := []chapter{{"A", []promise{{"one", "x", ""}, {"two", "y", ""}, {"three", "z", "soon"}}}}
	text, err := document(list, []shown{{"TestA", "a/a_test.go", []int{1, 4}}})
	if err == nil || !strings.Contains(err.Error(), "promise 2 has no test and no reason to wait: two") ||
		!strings.Contains(err.Error(), "a/a_test.go: TestA names promise 4; they are 1 to 3") {
		t.Errorf("errors: %v", err)
	}
	for _, want := range []string{"| 1 | one | x | [a.TestA](../a/a_test.go) |", "| 3 | three | z | *waiting*: soon |", "3 promises: 1 kept"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q:\n%s", want, text)
		}
	}
	if _, err := document(list[:0], nil); err != nil {
		t.Error(err)
	}
}
