// Command dynemu-netd does for dynemud what needs privilege, so that dynemud has none:
// it mounts the tree, makes network namespaces and interfaces, and starts routers. It
// answers a closed set of requests of root and of one user on a Unix socket.
package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"dynemu/cmd/dynemud/config"
	"dynemu/emud"
	"dynemu/emud/netd"
	"dynemu/emud/node"
)

// flags are the command line. What is empty is as the configuration of dynemud says.
type flags struct {
	config, mount, prefix, spawn, socket, user, node, level string
}

func main() {
	var f flags
	cmd := &cobra.Command{
		Use:           "dynemu-netd",
		Short:         "do for dynemud what needs privilege",
		Version:       emud.Version,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(*cobra.Command, []string) error { return run(f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.config, "config", "", "configuration file of dynemud (default "+config.Path+", if it is there)")
	fl.StringVar(&f.mount, "mount", "", "the directory where the tree may be mounted (default: the configuration's)")
	fl.StringVar(&f.prefix, "prefix", "", "beginning of the names of namespaces and units (default: the configuration's)")
	fl.StringVar(&f.spawn, "spawn", "", "how routers are started: systemd, direct or auto (default: the configuration's)")
	fl.StringVar(&f.socket, "socket", "", "where to listen, unless the service manager hands a socket over (default: netd of the configuration)")
	fl.StringVar(&f.user, "user", "dynemu", "user whose processes may ask, besides root's: a name or a number")
	fl.StringVar(&f.node, "node", "", "the program dynemu-node (default: beside this one, or in ../libexec/dynemu)")
	fl.StringVar(&f.level, "log-level", "", "what is logged: debug, info, warn or error (default: the configuration's)")
	if err := cmd.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "dynemu-netd:", err)
		var wrong configError
		if errors.As(err, &wrong) {
			os.Exit(exitConfig)
		}
		os.Exit(1)
	}
}

// exitConfig is the status after a configuration that cannot be used, which the service
// manager does not try again with: EX_CONFIG of sysexits.h.
const exitConfig = 78

type configError struct{ error }

// resolve reads the configuration and puts the flags before it.
func (f flags) resolve() (config.Config, error) {
	c := config.Default()
	if err := c.Load(f.config); err != nil {
		return c, configError{err}
	}
	for _, o := range []struct {
		flag, text string
		value      config.Value
	}{
		{"mount", f.mount, &c.Mount}, {"prefix", f.prefix, &c.Prefix}, {"spawn", f.spawn, &c.Spawn},
		{"socket", f.socket, &c.Netd}, {"log-level", f.level, &c.LogLevel},
	} {
		if o.text == "" {
			continue
		}
		if err := o.value.UnmarshalText([]byte(o.text)); err != nil {
			return c, fmt.Errorf("--%s %w", o.flag, err)
		}
	}
	return c, nil
}

func run(f flags) error {
	c, err := f.resolve()
	if err != nil {
		return err
	}
	uid, err := userID(f.user)
	if err != nil {
		return err
	}
	if f.node == "" {
		if f.node, err = nodeProgram(); err != nil {
			return err
		}
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: c.LogLevel.Level}))
	l, err := listen(string(c.Netd), uid)
	if err != nil {
		return err
	}
	s := netd.Server{
		System: netd.NewHost(string(c.Prefix), node.Options{Binary: f.node, Prefix: string(c.Prefix), Spawn: string(c.Spawn)}),
		Prefix: string(c.Prefix), Mount: string(c.Mount), UID: uid, Log: log,
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		l.Close()
	}()
	log.Info("ready", "socket", l.Addr().String(), "user", f.user, "prefix", c.Prefix, "mount", c.Mount)
	daemon.SdNotify(false, daemon.SdNotifyReady)
	return s.Serve(l)
}

// listen returns the socket that the service manager hands over, or makes one at path
// that the user may connect to.
func listen(path string, uid int) (*net.UnixListener, error) {
	if given := activation.Files(true); len(given) > 0 {
		l, err := net.FileListener(given[0])
		given[0].Close()
		if err != nil {
			return nil, fmt.Errorf("socket of the service manager: %w", err)
		}
		if u, ok := l.(*net.UnixListener); ok && u.Addr().Network() == "unixpacket" {
			u.SetUnlinkOnClose(false)
			return u, nil
		}
		return nil, errors.New("socket of the service manager: want ListenSequentialPacket= with a path")
	}
	if path == "" {
		return nil, errors.New("no socket: give --socket PATH, or netd in the configuration")
	}
	// One that a killed process left; another's is not there, since the folder is root's.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	old := unix.Umask(0o177)
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Net: "unixpacket", Name: path})
	unix.Umask(old)
	if err != nil {
		return nil, err
	}
	return l, os.Chown(path, uid, -1)
}

// userID is the number of a user.
func userID(name string) (int, error) {
	if id, err := strconv.Atoi(name); err == nil && id >= 0 {
		return id, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return 0, fmt.Errorf("--user: %w", err)
	}
	return strconv.Atoi(u.Uid)
}

// nodeProgram finds dynemu-node where it is installed with this program.
func nodeProgram() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	for _, path := range []string{"dynemu-node", "../libexec/dynemu/dynemu-node"} {
		path = filepath.Join(filepath.Dir(self), path)
		if fi, err := os.Stat(path); err == nil && fi.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", fmt.Errorf("dynemu-node is neither beside %s nor in ../libexec/dynemu; give --node", self)
}
