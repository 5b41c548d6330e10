package tree

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseStatus(t *testing.T) {
	// Columns are found by their names, in any order and with others among them.
	got, err := parseStatus("Lab State Uptime Name Console Type\nx running 3s R1 2000 7200\n\nx stopped 0s S1 n/a ETHSW\n")
	want := []Device{
		{Name: "R1", Type: "7200", State: "running", Console: 2000, Lab: "x"},
		{Name: "S1", Type: "ETHSW", State: "stopped", Lab: "x"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	for text, want := range map[string]string{
		"":                          `no column "name"`,
		"Name Type State Console\n": `no column "lab"`,
		"Name Type State Console Lab\nR1 7200 x\n": `short row: "R1 7200 x"`,
	} {
		if _, err := parseStatus(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestFind(t *testing.T) {
	tr := Tree{Mount: t.TempDir()}
	status := "Name Type State Console Lab\nS1 ETHSW always on n/a a\nR1 7200 running 2000 a\nR2 7200 running 2001 a\nR1 7200 running 2000 b\nb 7200 running 2001 b\n"
	if err := os.WriteFile(tr.Path("status"), []byte(status), 0o644); err != nil {
		t.Fatal(err)
	}
	for word, want := range map[string]string{
		"R2": "a/R2", "a/R1": "a/R1", "a": "a/S1, a/R1, a/R2",
		"b": "b/b", // a device comes before a lab
	} {
		if got, err := tr.Find(word); err != nil || ids(got) != want {
			t.Errorf("%s: %s, %v; want %s", word, ids(got), err, want)
		}
	}
	for word, want := range map[string]string{
		"R1":   "device R1 is in several labs: write one of a/R1, b/R1",
		"R9":   "no device or lab R9; there are a/S1, a/R1, a/R2, b/R1, b/b",
		"c/R1": "no device c/R1; there are a/S1, a/R1, a/R2, b/R1, b/b",
	} {
		if _, err := tr.Find(word); err == nil || err.Error() != want {
			t.Errorf("%s: %v; want %s", word, err, want)
		}
	}
}

// A lab that runs already is applied again when its file is put into place;
// with the same outcome as before, that outcome is the answer.
func TestUpAgain(t *testing.T) {
	tr := Tree{Mount: t.TempDir()}
	home := t.TempDir()
	for path, text := range map[string]string{
		tr.Path("status"):                 "Name Type State Console Lab\n",
		tr.Path("labs", "x.net"):          "[localhost]\n",
		tr.Path("labs", "x", "result"):    "nothing changed\n",
		filepath.Join(home, "x.net"):      "# new\n[localhost]\n",
		filepath.Join(home, "late.net"):   "[localhost]\n",
		tr.Path("labs", "late", "result"): "",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	warn := func(format string, args ...any) { t.Errorf(format, args...) }
	result, err := tr.Up(filepath.Join(home, "x.net"), time.Minute, warn)
	if got, _ := os.ReadFile(tr.Path("labs", "x.net")); err != nil || result != "nothing changed\n" || string(got) != "# new\n[localhost]\n" {
		t.Errorf("%q, %v; file %q", result, err, got)
	}
	_, err = tr.Up(filepath.Join(home, "late.net"), 30*time.Millisecond, warn)
	if err == nil || !strings.Contains(err.Error(), "still being applied") {
		t.Errorf("an apply that does not end: %v", err)
	}
}
