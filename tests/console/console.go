// Package console drives a router's console as a person at the keyboard does:
// type a line, read until the prompt. The end-to-end tests and `make run` use
// it; it works on any byte stream (a console file of the tree, a TCP port, a
// pseudo-terminal).
package console

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// prompt is an exec or configuration prompt at the start of a line.
var prompt = regexp.MustCompile(`(?m)^[A-Za-z0-9_.-]+(\([a-z0-9-]+\))?[>#]`)

// Console is an open console. Its methods are for one goroutine.
type Console struct {
	in    io.Writer
	close []io.Closer

	mu   sync.Mutex
	text strings.Builder // all that was printed since the console was opened
	err  error           // why reading ended
	more chan struct{}   // has an element when text or err changed

	mark int // what was before it has been dealt with
}

// New drives the console whose output is r and whose input is w.
func New(r io.Reader, w io.Writer) *Console {
	c := &Console{in: w, more: make(chan struct{}, 1)}
	for _, x := range []any{r, w} {
		if cl, ok := x.(io.Closer); ok {
			c.close = append(c.close, cl)
		}
	}
	go c.read(r)
	return c
}

// Open drives the console of the device whose folder in the tree is dir. A
// child process reads it, since only the end of a process ends a read that
// waits for a router to print something.
func Open(dir string) (*Console, error) {
	path := filepath.Join(dir, "console")
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	cat := exec.Command("cat", path)
	cat.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	r, err := cat.StdoutPipe()
	if err == nil {
		err = cat.Start()
	}
	if err != nil {
		w.Close()
		return nil, err
	}
	return New(child{r, cat}, w), nil
}

// child is the output of a process, which ends when it is closed.
type child struct {
	io.Reader
	cmd *exec.Cmd
}

func (c child) Close() error {
	_ = c.cmd.Process.Kill()
	return c.cmd.Wait()
}

func (c *Console) read(r io.Reader) {
	buf := make([]byte, 4096)
	for {
		n, err := r.Read(buf)
		c.mu.Lock()
		c.text.Write(buf[:n])
		if err != nil {
			c.err = err
		}
		c.mu.Unlock()
		select {
		case c.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// Text returns all that was printed since the console was opened.
func (c *Console) Text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// Send types s as it is.
func (c *Console) Send(s string) error {
	_, err := io.WriteString(c.in, s)
	return err
}

// Expect waits until re matches what was printed and not dealt with yet, and
// returns what was printed up to the end of the match. The rest stays to be
// dealt with.
func (c *Console) Expect(re *regexp.Regexp, timeout time.Duration) (string, error) {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for {
		c.mu.Lock()
		rest, err := c.text.String()[c.mark:], c.err
		c.mu.Unlock()
		if m := re.FindStringIndex(rest); m != nil {
			c.mark += m[1]
			return rest[:m[1]], nil
		}
		if err != nil {
			return rest, fmt.Errorf("the console ended while waiting for %q: %w; it printed:\n%s", re, err, rest)
		}
		select {
		case <-c.more:
		case <-deadline.C:
			return rest, fmt.Errorf("no %q in %v; the console printed:\n%s", re, timeout, rest)
		}
	}
}

// Login gets a prompt out of a router that may still be booting, leaves any
// mode it may be in, and turns paging off.
func (c *Console) Login(timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for {
		if err := c.Send("\r"); err != nil {
			return err
		}
		_, err := c.Expect(prompt, 250*time.Millisecond)
		if err == nil {
			break
		}
		if errors.Is(err, io.EOF) || time.Now().After(deadline) {
			return err
		}
	}
	for _, line := range []string{"end", "enable", "terminal length 0"} {
		if _, err := c.Command(line, 5*time.Second); err != nil {
			return err
		}
	}
	return nil
}

// Command types a line and returns what the router printed before its next
// prompt, without the echo of the line.
func (c *Console) Command(line string, timeout time.Duration) (string, error) {
	c.mu.Lock()
	c.mark = c.text.Len()
	c.mu.Unlock()
	if err := c.Send(line + "\r"); err != nil {
		return "", err
	}
	if _, err := c.Expect(regexp.MustCompile(regexp.QuoteMeta(line)+`[\r\n]`), timeout); err != nil {
		return "", err
	}
	out, err := c.Expect(prompt, timeout)
	if i := strings.LastIndexByte(strings.TrimRight(out, "\r\n"), '\n'); i >= 0 {
		return strings.ReplaceAll(out[:i+1], "\r", ""), err
	}
	return "", err
}

// Configure types lines in configuration mode.
func (c *Console) Configure(lines ...string) error {
	all := append(append([]string{"configure terminal"}, lines...), "end")
	for _, l := range all {
		out, err := c.Command(l, 5*time.Second)
		if err != nil {
			return err
		}
		if strings.Contains(out, "% ") {
			return fmt.Errorf("%q was refused: %s", l, strings.TrimSpace(out))
		}
	}
	return nil
}

var successRate = regexp.MustCompile(`Success rate is (\d+) percent \((\d+)/(\d+)\)`)

// Ping has the router ping address and returns how many of how many echoes
// came back.
func (c *Console) Ping(address string, timeout time.Duration) (received, sent int, err error) {
	out, err := c.Command("ping "+address, timeout)
	if err != nil {
		return 0, 0, err
	}
	m := successRate.FindStringSubmatch(out)
	if m == nil {
		return 0, 0, fmt.Errorf("ping %s did not end with a success rate: %s", address, out)
	}
	fmt.Sscan(m[2], &received)
	fmt.Sscan(m[3], &sent)
	return received, sent, nil
}

// Close closes the console; the router goes on.
func (c *Console) Close() {
	for _, x := range c.close {
		x.Close()
	}
}
