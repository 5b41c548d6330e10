package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"dynemu/cmd/dynemu/internal/tree"
)

func (a *app) console() *cobra.Command {
	return a.terminal("console", []string{"con", "telnet"}, "Attach to the consoles of routers")
}

func (a *app) aux() *cobra.Command {
	return a.terminal("aux", nil, "Attach to the AUX ports of routers")
}

// terminal is the command that attaches to one of a router's two terminal lines,
// which has the command's name in the tree.
func (a *app) terminal(file string, aliases []string, short string) *cobra.Command {
	var linger time.Duration
	var here bool
	cmd := &cobra.Command{
		Use: file + " {/all | [LAB/]DEVICE ...}", Aliases: aliases, Short: short,
		Long: short + `, one after the other. On a terminal, Ctrl-] q
leaves and Ctrl-] ? helps. Without one, standard input is typed line by line,
the output goes to standard output, and the command ends when input has ended
and the line has been quiet for --linger.

With telnet = COMMAND in ~/.config/dynemu/dynemu.toml, that command is run
instead for each router, such as a terminal window: see dynemu(1).`,
		Args: needs(1, -1, "the names of routers, or /all"), DisableFlagsInUseLine: true,
		ValidArgsFunction: a.deviceNames(false, true),
		RunE: does(func(words []string) error {
			devices, failed, err := a.routers(words)
			if err != nil {
				return err
			}
			config, err := readConfig()
			if err != nil {
				return err
			}
			switch {
			case config.Telnet != "" && !here && (a.shell != nil || term.IsTerminal(int(a.In.Fd()))):
				failed = !a.clients(config.Telnet, file, devices) || failed
			case a.shell != nil && !a.shell.interactive:
				return fmt.Errorf("%s takes a terminal; in a script, send DEVICE TEXT types a line", file)
			default:
				for _, d := range devices {
					if err := a.join(d, file, linger); err != nil {
						a.complain(err)
						failed = true
					}
				}
			}
			if failed {
				return errReported
			}
			return nil
		}),
	}
	cmd.Flags().DurationVar(&linger, "linger", time.Second, "without a terminal: how long the console must be quiet at the end; negative: stay")
	cmd.Flags().BoolVar(&here, "here", false, "in this terminal, whatever is configured")
	return cmd
}

// routers are the routers that the words of a command name and that run; those
// that do not are told of. Switches have no terminal line.
func (a *app) routers(words []string) (running []tree.Device, failed bool, err error) {
	devices, named, failed, err := a.choose(words, slices.Contains(words, "/all"))
	for _, d := range devices {
		switch {
		case !d.Router():
			if named[d.ID()] {
				a.complain(fmt.Errorf("%s is a switch: it has no console", d.Name))
				failed = true
			}
		case !d.Runs():
			fmt.Fprintf(a.Err, "Skipping stopped device: %s\n", d.Name)
			failed = failed || named[d.ID()]
		default:
			running = append(running, d)
		}
	}
	return running, failed, err
}

// join attaches to a router here.
func (a *app) join(d tree.Device, file string, linger time.Duration) error {
	if a.shell != nil { // in a process of its own, whose end ends the read that waits
		return a.child("--wait", a.wait.String(), file, "--here", d.ID())
	}
	c, err := a.tree.OpenConsole(d, file)
	if err != nil {
		return err
	}
	defer c.Close()
	if term.IsTerminal(int(a.In.Fd())) {
		return a.attach(d, c)
	}
	if err := pipe(c, a.In, a.Out, linger); err != nil {
		return a.tree.Reason(a.tree.Dir(d), err)
	}
	return nil
}

// clients runs the configured client for each router, half a second apart.
func (a *app) clients(command, file string, devices []tree.Device) bool {
	ok := true
	for i, d := range devices {
		port := d.Console
		if file == "aux" {
			port = a.tree.AUX(d)
		}
		if port == 0 {
			a.complain(fmt.Errorf("%s has no %s port; write %s = PORT in its section of the lab file", d.Name, file, file))
			ok = false
			continue
		}
		if i > 0 {
			time.Sleep(500 * time.Millisecond)
		}
		// The name has nothing that a shell would see.
		line := strings.NewReplacer("%h", "127.0.0.1", "%p", fmt.Sprint(port), "%d", d.Name).Replace(command)
		cmd := exec.Command("sh", "-c", line)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = a.In, a.Out, a.Err
		if err := cmd.Run(); err != nil {
			a.complain(fmt.Errorf("%s: %w", line, err))
			ok = false
		}
	}
	return ok
}

// attach joins the terminal and the console until the user leaves.
func (a *app) attach(d tree.Device, c io.ReadWriteCloser) error {
	fmt.Fprintf(a.Err, "Connected to %s. Ctrl-] q leaves.\r\n", d.ID())
	fd := int(a.In.Fd())
	saved, err := term.MakeRaw(fd)
	if err != nil {
		return err
	}
	defer func() {
		term.Restore(fd, saved)
		fmt.Fprintln(a.Err, "\nDisconnected.")
	}()
	ended := make(chan error, 2)
	go func() {
		_, err := io.Copy(a.Out, c)
		ended <- err
	}()
	go func() { ended <- typed(c, a.In, a.Err) }()
	// A read from the console cannot be called back: the process's end does it.
	if err := <-ended; err != nil {
		return a.tree.Reason(a.tree.Dir(d), err)
	}
	return nil
}

// escape is Ctrl-], as in telnet.
const escape = 0x1d

// typed passes keys to the console until the escape sequence or the end of the
// input.
func typed(c io.Writer, in io.Reader, help io.Writer) error {
	buf := make([]byte, 1024)
	escaped := false
	for {
		n, err := in.Read(buf)
		out := buf[:0:0]
		for _, b := range buf[:n] {
			switch {
			case !escaped && b == escape:
				escaped = true
				continue
			case !escaped:
				out = append(out, b)
				continue
			}
			escaped = false
			switch b {
			case 'q', 'Q', '.':
				if len(out) > 0 {
					if _, err := c.Write(out); err != nil {
						return err
					}
				}
				return nil
			case escape:
				out = append(out, escape)
			default:
				fmt.Fprint(help, "\r\nCtrl-] q leaves, Ctrl-] Ctrl-] types Ctrl-].\r\n")
			}
		}
		if len(out) > 0 {
			if _, err := c.Write(out); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// pipe types the input, line ends as the Enter key sends them, and copies the
// console's output until input has ended and the console is quiet.
func pipe(c io.ReadWriter, in *os.File, out io.Writer, linger time.Duration) error {
	var last atomic.Int64 // time of the last output or key
	last.Store(time.Now().UnixNano())
	outEnded := make(chan error, 1)
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := c.Read(buf)
			last.Store(time.Now().UnixNano())
			if n > 0 {
				if _, werr := out.Write(buf[:n]); werr != nil {
					outEnded <- werr
					return
				}
			}
			if err != nil {
				if errors.Is(err, io.EOF) {
					err = nil
				}
				outEnded <- err
				return
			}
		}
	}()
	inEnded := make(chan error, 1)
	go func() {
		buf := make([]byte, 1024)
		var before byte
		for {
			n, err := in.Read(buf)
			keys := buf[:0]
			for _, b := range buf[:n] {
				switch {
				case b != '\n':
					keys = append(keys, b)
				case before != '\r':
					keys = append(keys, '\r')
				}
				before = b
			}
			if len(keys) > 0 {
				if _, werr := c.Write(keys); werr != nil {
					inEnded <- werr
					return
				}
				last.Store(time.Now().UnixNano())
			}
			if err != nil {
				if errors.Is(err, io.EOF) {
					err = nil
				}
				inEnded <- err
				return
			}
		}
	}()
	var quiet <-chan time.Time
	for {
		select {
		case err := <-outEnded:
			return err
		case err := <-inEnded:
			if err != nil {
				return err
			}
			last.Store(time.Now().UnixNano())
			if linger >= 0 {
				quiet = time.After(linger)
			}
		case <-quiet:
			rest := linger - time.Since(time.Unix(0, last.Load()))
			if rest <= 0 {
				return nil
			}
			quiet = time.After(rest)
		}
	}
}
