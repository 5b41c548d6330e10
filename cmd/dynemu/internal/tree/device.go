package tree

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Router reports whether the device is a router, not a virtual switch.
func (d Device) Router() bool {
	switch d.Type {
	case "ETHSW", "FRSW", "ATMSW", "ATMBR":
		return false
	}
	return true
}

// Runs reports whether the device has a process: it runs, boots or is
// suspended.
func (d Device) Runs() bool { return d.State != "stopped" && d.State != "crashed" }

// Fact is a line of a device's info or stats.
type Fact struct{ Name, Value string }

// Facts are the lines of a text of facts in their order.
type Facts []Fact

// Get returns the value of a fact; empty where there is none.
func (f Facts) Get(name string) string {
	for _, x := range f {
		if x.Name == name {
			return x.Value
		}
	}
	return ""
}

// Info returns the facts of a device. A name ends at the second blank, or where its
// column does.
func (t Tree) Info(d Device) (Facts, error) {
	text, err := t.Read(d, "info")
	if err != nil {
		return nil, err
	}
	var out Facts
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		const column = 14 // of the values, where the names are no longer
		name, value, ok := strings.Cut(line, "  ")
		if len(line) > column && line[column] == ' ' {
			name, value, ok = line[:column], line[column+1:], true
		}
		if !ok {
			if i := strings.LastIndexByte(line, ' '); i > 0 {
				name, value = line[:i], line[i+1:]
			}
		}
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, Fact{name, strings.TrimSpace(value)})
		}
	}
	return out, nil
}

// AUX is the TCP port of the device's AUX port, 0 for none.
func (t Tree) AUX(d Device) int {
	info, _ := t.Info(d)
	n, _ := strconv.Atoi(info.Get("aux"))
	return n
}

// Read returns the content of a file of a device.
func (t Tree) Read(d Device, file string) (string, error) {
	b, err := os.ReadFile(filepath.Join(t.Dir(d), file))
	if err != nil {
		return "", t.explain(err)
	}
	return string(b), nil
}

// Write replaces the content of a file of a device. A refusal comes back with
// the reason that the device's errors file gives.
func (t Tree) Write(d Device, file string, text []byte) error {
	f, err := os.OpenFile(filepath.Join(t.Dir(d), file), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return t.explain(err)
	}
	_, err = f.Write(text)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return t.Reason(t.Dir(d), err)
	}
	return nil
}
