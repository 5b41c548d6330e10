package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"dynemu/emud/lab"
)

// Refused is the error about a lab file that the daemon, or the parser, did
// not take. Text holds the messages, a line each.
type Refused struct{ Text string }

func (r *Refused) Error() string { return strings.TrimRight(r.Text, "\n") }

// LabName returns the name of the lab of a file: its base name without .net.
func LabName(file string) string { return strings.TrimSuffix(filepath.Base(file), ".net") }

// Up brings a lab file, and the configurations that it names by relative
// paths, into the tree, and waits until it is applied. It returns the result's
// text; warn is called for each configuration that is not there. A file with
// errors leaves the lab as it was, and the error is a *Refused.
func (t Tree) Up(file string, wait time.Duration, warn func(format string, args ...any)) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	name := LabName(file)
	if _, err := os.Stat(t.Path("labs")); err != nil {
		return "", t.explain(err)
	}
	configs, err := t.configs(file, text, warn)
	if err != nil {
		return "", err
	}
	// The configurations go first, so that routers that start at once find them.
	was, rerr := os.ReadFile(t.Path("labs", name+".net"))
	existed := rerr == nil
	before := t.resultStamp(name)
	fresh := t.missing(name, configs)
	copied := t.copyAll(name, configs)
	if err := t.putLab(name, text); err != nil {
		if !existed {
			t.discard(name, fresh)
		}
		return "", err
	}
	if copied != nil { // a tree that has no folder for a lab that is not there yet
		if t.eventually(wait, func() bool { copied = t.copyAll(name, configs); return copied == nil }) != nil {
			return "", fmt.Errorf("lab %s is loaded, but its configurations cannot be copied: %w", name, copied)
		}
		warn("the configurations came after the lab: reload the routers that run already")
	}
	return t.outcome(name, existed && bytes.Equal(was, text), before, wait)
}

// outcome waits until a lab file that was put into place is applied and returns
// the result's text. same tells that the file was the same before, and stamp is
// that of the result then.
func (t Tree) outcome(name string, same bool, stamp string, wait time.Duration) (string, error) {
	if t.eventually(wait, func() bool { return t.settled(name) }) != nil {
		return "", fmt.Errorf("lab %s is still being applied after %s; labs/%s/result will say what became of it", name, wait, name)
	}
	if same && t.resultStamp(name) == stamp {
		return "nothing changed\n", nil // the result is still that of the time before
	}
	result, err := os.ReadFile(t.Path("labs", name, "result"))
	return string(result), err
}

// LabText returns the text of a lab's file.
func (t Tree) LabText(name string) ([]byte, error) {
	text, err := os.ReadFile(t.Path("labs", name+".net"))
	if errors.Is(err, fs.ErrNotExist) {
		if _, lerr := t.Labs(); lerr != nil {
			return nil, lerr
		}
		return nil, t.noLab(name)
	}
	return text, err
}

// Apply replaces the text of a lab's file, and waits until it is applied, as Up
// does.
func (t Tree) Apply(name string, text []byte, wait time.Duration) (string, error) {
	was, err := t.LabText(name)
	if err != nil {
		return "", err
	}
	before := t.resultStamp(name)
	if err := t.putLab(name, text); err != nil {
		return "", err
	}
	return t.outcome(name, bytes.Equal(was, text), before, wait)
}

// noLab is the error about a lab that is not there.
func (t Tree) noLab(name string) error {
	labs, err := t.Labs()
	switch {
	case err != nil:
		return err
	case len(labs) == 0:
		return fmt.Errorf("no lab %s: there is none", name)
	}
	return fmt.Errorf("no lab %s; there are %s", name, strings.Join(labs, ", "))
}

// config is a configuration to be brought along.
type config struct {
	from string // on this machine
	to   string // below the lab's files
}

// configs finds the configurations that a lab file names by relative paths.
func (t Tree) configs(file string, text []byte, warn func(format string, args ...any)) ([]config, error) {
	var out []config
	for _, ref := range lab.References(text) {
		slashed := strings.ReplaceAll(ref, `\`, "/")
		if path.IsAbs(slashed) || len(slashed) > 1 && slashed[1] == ':' {
			continue
		}
		if !filepath.IsLocal(slashed) {
			warn("%s leads out of the lab's folder and is not brought along", ref)
			continue
		}
		from := filepath.Join(filepath.Dir(file), slashed)
		if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
			warn("%s is not there: its routers start with an empty NVRAM", from)
			continue
		} else if err != nil {
			return nil, err
		}
		out = append(out, config{from, path.Clean(slashed)})
	}
	return out, nil
}

// copyAll copies configurations into the lab's folder.
func (t Tree) copyAll(name string, configs []config) error {
	for _, c := range configs {
		to := t.Path("labs", name, "files", c.to)
		if err := os.MkdirAll(filepath.Dir(to), 0o770); err != nil {
			return err
		}
		text, err := os.ReadFile(c.from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(to, text, 0o660); err != nil {
			return err
		}
	}
	return nil
}

// missing returns those configurations that the lab's folder does not have.
func (t Tree) missing(name string, configs []config) []config {
	var out []config
	for _, c := range configs {
		if _, err := os.Lstat(t.Path("labs", name, "files", c.to)); err != nil {
			out = append(out, c)
		}
	}
	return out
}

// discard takes away what was made for a lab that was then refused, but
// nothing that was there before. What cannot go stays.
func (t Tree) discard(name string, configs []config) {
	for _, c := range configs {
		for p := c.to; p != "."; p = path.Dir(p) {
			if os.Remove(t.Path("labs", name, "files", p)) != nil {
				break
			}
		}
	}
	os.Remove(t.Path("labs", name))
}

// putLab writes the lab file beside its name and renames it, so that a refusal
// leaves the text that was there.
func (t Tree) putLab(name string, text []byte) error {
	temp := t.Path("labs", fmt.Sprintf(".%s.%d", name, os.Getpid()))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o660)
	if err != nil {
		return t.explain(err)
	}
	_, err = f.Write(text)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		before := t.resultStamp(name)
		if err = os.Rename(temp, t.Path("labs", name+".net")); err != nil {
			err = t.refusal(name, text, before, err)
		}
	}
	if err != nil {
		os.Remove(temp)
	}
	return err
}

// refusal finds the messages about a lab file that was refused with err.
func (t Tree) refusal(name string, text []byte, before string, err error) error {
	if now := t.resultStamp(name); now != "" && now != before {
		if b, rerr := os.ReadFile(t.Path("labs", name, "result")); rerr == nil && len(b) > 0 {
			return &Refused{string(b)}
		}
	}
	// A lab that has never been has no result: say it here.
	host, _ := os.Hostname()
	l, messages := lab.Parse(name+".net", text, host)
	if l != nil {
		return t.Reason(t.Path("labs", name), err)
	}
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintln(&b, m)
	}
	return &Refused{b.String()}
}

// resultStamp changes whenever the result file of a lab is written; "" when
// there is none.
func (t Tree) resultStamp(name string) string {
	file := t.Path("labs", name, "result")
	info, err := os.Stat(file)
	if err != nil {
		return ""
	}
	text, _ := os.ReadFile(file)
	if len(text) == 0 {
		return "" // made, not yet applied
	}
	return info.ModTime().Format(time.RFC3339Nano) + string(text)
}

// settled reports whether a lab file that was put into place is applied.
// Looking a lab's directory up waits for that, but not for ever; a look that
// took long may have given up.
func (t Tree) settled(name string) bool {
	const patience = 3 * time.Second
	start := time.Now()
	stamp := t.resultStamp(name)
	return stamp != "" && time.Since(start) < patience
}

func (t Tree) exists(name string) bool {
	_, err := os.Stat(t.Path("labs", name+".net"))
	return err == nil
}

var errTimeout = errors.New("timed out")

// eventually waits until done. The tree gives no word when something is over,
// so it looks, more and more seldom.
func (t Tree) eventually(wait time.Duration, done func() bool) error {
	end := time.Now().Add(wait)
	for pause := 10 * time.Millisecond; !done(); pause = min(2*pause, 200*time.Millisecond) {
		if time.Now().After(end) {
			return errTimeout
		}
		time.Sleep(pause)
	}
	return nil
}

// Down removes a lab and waits until it is gone.
func (t Tree) Down(name string, wait time.Duration) error {
	if !t.exists(name) {
		return t.noLab(name)
	}
	if err := os.Remove(t.Path("labs", name+".net")); err != nil {
		return t.Reason(t.Path("labs", name), err)
	}
	err := t.eventually(wait, func() bool {
		_, err := os.Stat(t.Path("labs", name))
		return errors.Is(err, fs.ErrNotExist)
	})
	if err != nil {
		return fmt.Errorf("lab %s is still stopping after %s", name, wait)
	}
	return nil
}

// Namespace returns the name of a device's network namespace.
func (t Tree) Namespace(d Device) (string, error) {
	ports, err := os.ReadDir(filepath.Join(t.Dir(d), "ports"))
	if err != nil {
		return "", t.explain(err)
	}
	for _, p := range ports {
		b, err := os.ReadFile(filepath.Join(t.Dir(d), "ports", p.Name(), "netns"))
		if name := strings.TrimSpace(string(b)); err == nil && name != "" {
			return name, nil
		}
	}
	// A device without ports still has one, which its facts name.
	for _, file := range []string{"info", "status"} {
		info, _ := os.ReadFile(filepath.Join(t.Dir(d), file))
		for _, line := range strings.Split(string(info), "\n") {
			if f := strings.Fields(line); len(f) == 2 && f[0] == "netns" {
				return f[1], nil
			}
		}
	}
	return "", fmt.Errorf("%s has no network namespace", d.ID())
}

// OpenConsole opens a device's console for reading and writing, or its AUX
// port: file is console or aux.
func (t Tree) OpenConsole(d Device, file string) (io.ReadWriteCloser, error) {
	return t.openStream(filepath.Join(t.Dir(d), file), syscall.O_RDWR)
}

// openStream opens a file whose reads wait. It is left in blocking mode, so that
// closing it does not wait for such a read.
func (t Tree) openStream(file string, mode int) (io.ReadWriteCloser, error) {
	fd, err := syscall.Open(file, mode|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, t.explain(&fs.PathError{Op: "open", Path: file, Err: err})
	}
	return os.NewFile(uintptr(fd), file), nil
}
