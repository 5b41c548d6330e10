package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"dynemu/cmd/dynemu/internal/tree"
)

func (a *app) console() *cobra.Command {
	var linger time.Duration
	cmd := &cobra.Command{
		Use: "console DEVICE", Aliases: []string{"con"}, Short: "Attach to a device's console",
		Long: `Attach to the console of a device. On a terminal, Ctrl-] q leaves and Ctrl-] ?
helps. Without one, standard input is typed line by line, the console's output
goes to standard output, and the command ends when input has ended and the
console has been quiet for --linger.`,
		Args:                  needs(1, 1, "a device"),
		DisableFlagsInUseLine: true, ValidArgsFunction: a.deviceNames(true, false),
		RunE: does(func(args []string) error {
			d, err := a.tree.FindOne(args[0])
			if err != nil {
				return err
			}
			c, err := a.tree.OpenConsole(d)
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
		}),
	}
	cmd.Flags().DurationVar(&linger, "linger", time.Second, "without a terminal: how long the console must be quiet at the end; negative: stay")
	return cmd
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
