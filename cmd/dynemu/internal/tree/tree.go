// Package tree is the client's view of the files under /run/dynemu: it finds
// devices, reads the status table and writes commands, and turns a refused
// write into the reason that the errors file beside it gives. It knows nothing
// of terminals or of how results are printed.
package tree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Tree is a mounted tree.
type Tree struct {
	// Mount is its directory, /run/dynemu.
	Mount string
	// Lab, where it is not empty, is the lab that is meant: Status has its
	// devices only, and a name alone is that of one of them.
	Lab string
}

// NoDevice is the error about a word that names no device.
type NoDevice struct {
	Word string
	// What the word could have been ("device", "device or lab"), and what
	// there is.
	what, have string
}

func (e *NoDevice) Error() string { return "no " + e.what + " " + e.Word + e.have }

// Have tells which devices there are, as the end of a sentence.
func (e *NoDevice) Have() string { return e.have }

// Device is a row of the status table.
type Device struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	State string `json:"state"`
	// Server is the host that runs it.
	Server string `json:"server"`
	// Console is the TCP port of the console, 0 for none.
	Console int    `json:"console,omitempty"`
	Lab     string `json:"lab"`
}

// ID is the device's name in all labs: LAB/DEVICE.
func (d Device) ID() string { return d.Lab + "/" + d.Name }

// Path returns a path in the tree.
func (t Tree) Path(elem ...string) string {
	return filepath.Join(append([]string{t.Mount}, elem...)...)
}

// Dir returns the directory of a device.
func (t Tree) Dir(d Device) string { return t.Path("labs", d.Lab, d.Name) }

// StatusText returns the status table as the tree has it.
func (t Tree) StatusText() (string, error) {
	b, err := os.ReadFile(t.Path("status"))
	if err != nil {
		return "", t.explain(err)
	}
	return string(b), nil
}

// Status returns the rows of the status table, in its order: the labs' names,
// and in a lab the order of its file.
func (t Tree) Status() ([]Device, error) {
	all, err := t.everything()
	if err == nil && t.Lab != "" {
		all = slices.DeleteFunc(all, func(d Device) bool { return d.Lab != t.Lab })
	}
	return all, err
}

// everything is Status for all labs.
func (t Tree) everything() ([]Device, error) {
	text, err := t.StatusText()
	if err != nil {
		return nil, err
	}
	return parseStatus(text)
}

// parseStatus reads the table by the names of its columns.
func parseStatus(text string) ([]Device, error) {
	head, rows, _ := strings.Cut(text, "\n")
	columns := map[string]int{}
	for i, c := range strings.Fields(head) {
		columns[strings.ToLower(c)] = i
	}
	for _, need := range []string{"name", "type", "state", "console", "lab"} {
		if _, ok := columns[need]; !ok {
			return nil, fmt.Errorf("the status table has no column %q: is this client as new as the daemon?", need)
		}
	}
	var out []Device
	for _, row := range strings.Split(rows, "\n") {
		cells := strings.Fields(row)
		if len(cells) == 0 {
			continue
		}
		more := len(cells) - len(columns)
		if more < 0 {
			return nil, fmt.Errorf("the status table has a short row: %q", row)
		}
		// The state of a switch has more than one word: "always on".
		state := columns["state"]
		cells[state] = strings.Join(cells[state:state+more+1], " ")
		cells = slices.Delete(cells, state+1, state+more+1)
		cell := func(name string) string {
			if i, ok := columns[name]; ok {
				return cells[i]
			}
			return ""
		}
		console, _ := strconv.Atoi(cell("console")) // n/a: none
		out = append(out, Device{Name: cell("name"), Type: cell("type"), State: cell("state"),
			Server: cell("server"), Console: console, Lab: cell("lab")})
	}
	return out, nil
}

// Find returns the devices that a word means: LAB/DEVICE, DEVICE where only
// one lab has it, or LAB for all of a lab.
func (t Tree) Find(word string) ([]Device, error) {
	all, err := t.everything()
	if err != nil {
		return nil, err
	}
	if labName, name, ok := strings.Cut(word, "/"); ok {
		for _, d := range all {
			if d.Lab == labName && (d.Name == name) {
				return []Device{d}, nil
			}
		}
		return nil, &NoDevice{word, "device", have(all)}
	}
	var named, inLab []Device
	for _, d := range all {
		if d.Name == word && (t.Lab == "" || d.Lab == t.Lab) {
			named = append(named, d)
		}
		if d.Lab == word {
			inLab = append(inLab, d)
		}
	}
	switch {
	case len(named) == 1:
		return named, nil
	case len(named) > 1:
		return nil, fmt.Errorf("device %s is in several labs: write one of %s", word, ids(named))
	case len(inLab) > 0:
		return inLab, nil
	}
	if t.Lab != "" {
		all = slices.DeleteFunc(all, func(d Device) bool { return d.Lab != t.Lab })
	}
	return nil, &NoDevice{word, "device or lab", have(all)}
}

// FindOne is Find for commands that act on one device.
func (t Tree) FindOne(word string) (Device, error) {
	found, err := t.Find(word)
	if err != nil {
		return Device{}, err
	}
	if len(found) != 1 || found[0].Name != word && found[0].ID() != word {
		return Device{}, fmt.Errorf("%s is a lab: write one of %s", word, ids(found))
	}
	return found[0], nil
}

func ids(devices []Device) string {
	var out []string
	for _, d := range devices {
		out = append(out, d.ID())
	}
	return strings.Join(out, ", ")
}

func have(all []Device) string {
	const most = 20
	switch {
	case len(all) == 0:
		return ": no lab has devices; load one with \"dynemu up FILE.net\""
	case len(all) > most:
		return fmt.Sprintf("; \"dynemu list\" shows the %d there are", len(all))
	}
	return "; there are " + ids(all)
}

// Labs returns the names of the labs, in order.
func (t Tree) Labs() ([]string, error) {
	entries, err := os.ReadDir(t.Path("labs"))
	if err != nil {
		return nil, t.explain(err)
	}
	var out []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".net"); ok && !strings.HasPrefix(name, ".") {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}

// Command writes a line to the ctl file in dir. A refusal comes back with the
// reason that the errors file in dir gives.
func (t Tree) Command(dir, line string) error {
	f, err := os.OpenFile(filepath.Join(dir, "ctl"), os.O_WRONLY, 0)
	if err != nil {
		return t.explain(err)
	}
	_, err = io.WriteString(f, line+"\n")
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return t.Reason(dir, err)
	}
	return nil
}

// Reason returns what the errors file in dir says, or err where it says
// nothing.
func (t Tree) Reason(dir string, err error) error {
	b, rerr := os.ReadFile(filepath.Join(dir, "errors"))
	if text := strings.TrimSpace(string(b)); rerr == nil && text != "" {
		return errors.New(text)
	}
	return t.explain(err)
}

// explain adds what to do to errors about the tree as a whole.
func (t Tree) explain(err error) error {
	switch _, serr := os.Stat(t.Path("status")); {
	case errors.Is(serr, fs.ErrNotExist):
		return fmt.Errorf("no dynemud serves %s: start it (systemctl start dynemu), or name its tree with --mount", t.Mount)
	case errors.Is(serr, syscall.ENOTCONN):
		return fmt.Errorf("dynemud no longer serves %s: start it again (systemctl start dynemu)", t.Mount)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: this takes root or the group dynemu", err)
	}
	return err
}
