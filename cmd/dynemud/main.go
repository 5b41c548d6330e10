// Command dynemud is the daemon: it mounts the tree, keeps the labs and
// supervises the routers.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"dynemu/cmd/dynemud/config"
	"dynemu/emud"
	"dynemu/emud/netd"
	"dynemu/emud/node"
	tree "dynemu/fs"
	"dynemu/vm/firmware"
	"dynemu/vm/rom"
)

// flags are the command line of dynemud: what it says of options goes before what
// the configuration file says.
type flags struct {
	config string // the file; empty: the one at config.Path, if it is there
	check  bool
	given  []option
}

// option is an option of the configuration as a flag.
type option struct {
	config.Option
	text string // as given
	set  bool
}

// String implements pflag.Value: the default, for the help.
func (o *option) String() string { return o.Value.String() }

// Type implements pflag.Value.
func (o *option) Type() string { return "value" }

// Set implements pflag.Value.
func (o *option) Set(text string) error {
	if _, ok := o.Value.(*config.Directory); ok && text != "" {
		abs, err := filepath.Abs(text)
		if err != nil {
			return err
		}
		text = abs
	}
	o.text, o.set = text, true
	return o.Value.UnmarshalText([]byte(text))
}

// newFlags adds the flags to a set.
func newFlags(fl *pflag.FlagSet) *flags {
	f := &flags{}
	fl.StringVar(&f.config, "config", "", "configuration file (default "+config.Path+", if it is there)")
	fl.BoolVar(&f.check, "check", false, "check the configuration, and end")
	c := config.Default()
	f.given = make([]option, len(c.Options()))
	for i, o := range c.Options() {
		f.given[i].Option = o
		fl.Var(&f.given[i], o.Flag(), o.Usage)
	}
	return f
}

// resolve reads the configuration file and puts the flags before it.
func (f *flags) resolve() (config.Config, error) {
	c := config.Default()
	if err := c.Load(f.config); err != nil {
		return c, configError{err}
	}
	for i, o := range c.Options() {
		if f.given[i].set {
			if err := o.Value.UnmarshalText([]byte(f.given[i].text)); err != nil {
				return c, err
			}
		}
	}
	return c, nil
}

// The exit statuses besides 0 and 1. The service manager does not start again what
// ends with exitConfig.
const (
	exitUsage  = 2
	exitConfig = 78 // EX_CONFIG of sysexits.h
)

func main() {
	var f *flags
	cmd := &cobra.Command{
		Use:           "dynemud",
		Short:         "run labs of emulated Cisco routers, controlled by files",
		Version:       emud.Version,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(*cobra.Command, []string) error { return run(f) },
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	f = newFlags(cmd.Flags())
	err := cmd.Execute()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "dynemud:", err)
	daemon.SdNotify(false, "STATUS="+strings.ReplaceAll(err.Error(), "\n", " "))
	var usage usageError
	var wrong configError
	switch {
	case errors.As(err, &usage):
		os.Exit(exitUsage)
	case errors.As(err, &wrong):
		os.Exit(exitConfig)
	}
	os.Exit(1)
}

// usageError is a mistake on the command line.
type usageError struct{ error }

// configError is a configuration file that cannot be used.
type configError struct{ error }

func run(f *flags) error {
	c, err := f.resolve()
	if err != nil || f.check {
		return err
	}
	if c.Netd == "" && os.Getuid() != 0 {
		return errors.New("must be run by root, since it mounts a file system and makes network namespaces, or with --netd, the socket of dynemu-netd")
	}
	level := &slog.LevelVar{}
	level.Set(c.LogLevel.Level)
	log := newLogger(level)
	slog.SetDefault(log)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)

	nodes := node.Options{
		RuntimeDir: string(c.Runtime), Prefix: string(c.Prefix), Spawn: string(c.Spawn),
		Log: func(format string, args ...any) { log.Info(fmt.Sprintf(format, args...)) },
	}
	mount := string(c.Mount)
	sys, err := system(c, &nodes)
	if err != nil {
		return err
	}
	d, err := emud.New(emud.Options{
		Mount: mount, State: string(c.State), Runtime: string(c.Runtime), Version: emud.Version, Hosts: hostNames(sys), Group: group(log), Log: log,
		Network:    emud.NewNetwork(sys),
		Nodes:      emud.NewNodes(nodes),
		Units:      nodes.Units(),
		Settings:   settings(c),
		Builtin:    firmware.Router,
		CheckImage: func(_ string, image []byte) error { return rom.Check(image) },
	})
	if err != nil {
		return err
	}
	t, err := tree.MountBy(sys, mount, d, log)
	if err != nil {
		d.Release()
		return err
	}
	log.Info("ready", "mount", c.Mount, "state", c.State, "prefix", c.Prefix)
	notify(log, daemon.SdNotifyReady+"\nSTATUS="+d.Summary())
	ending := make(chan struct{})
	go watch(d, log, ending)
	go d.Run()

	leave := false
	for done := false; !done; {
		select {
		case <-hangup:
			c = reload(c, f.resolve, d, level, log)
			continue
		case s := <-signals:
			if leave, err = restarting(sys); err != nil {
				log.Warn("cannot ask the service manager whether this is a restart; the routers are stopped", "err", err)
			}
			log.Info("ending", "signal", s.String(), "routers keep running", leave)
		case <-d.Detached():
			leave = true
			log.Info("ending, routers keep running")
		}
		done = true
	}
	close(ending)
	notify(log, daemon.SdNotifyStopping)
	if err := t.Unmount(); err != nil {
		log.Error(err.Error())
	}
	if leave {
		d.Release()
		return nil
	}
	notify(log, "STATUS=Stopping the labs")
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT)
	defer cancel()
	return d.Shutdown(ctx)
}

// system is what has the privilege for all that needs some: this process, or dynemu-netd,
// which then starts the nodes too.
func system(c config.Config, nodes *node.Options) (netd.System, error) {
	if c.Netd != "" {
		client, err := netd.Dial(string(c.Netd), string(c.Prefix), string(c.Mount))
		if err != nil {
			return nil, err
		}
		nodes.Spawner = client
		return client, nil
	}
	var err error
	nodes.Binary, err = nodeProgram()
	return netd.NewHost(string(c.Prefix), *nodes), err
}

// nodeProgram finds dynemu-node: beside this program, where it is installed, or on the path.
func nodeProgram() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	beside := filepath.Join(filepath.Dir(self), "dynemu-node")
	if _, err := os.Stat(beside); err == nil {
		return beside, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	installed := filepath.Join(filepath.Dir(self), "../libexec/dynemu/dynemu-node")
	if _, err := os.Stat(installed); err == nil {
		return installed, nil
	}
	path, err := exec.LookPath("dynemu-node")
	if err != nil {
		return "", fmt.Errorf("dynemu-node is neither beside %s, nor in ../libexec/dynemu, nor on the path", self)
	}
	return path, nil
}

// group is the number of the group whose members may use the labs, -1 when
// there is no such group.
func group(log *slog.Logger) int {
	g, err := user.LookupGroup("dynemu")
	if err != nil {
		log.Warn("there is no group dynemu: only root may use the labs")
		return -1
	}
	id, err := strconv.Atoi(g.Gid)
	if err != nil {
		return -1
	}
	return id
}

// hostNames are what lab files may call this machine.
func hostNames(sys netd.System) []string {
	var names []string
	if h, err := os.Hostname(); err == nil {
		names = append(names, h)
	}
	addresses, err := sys.Addresses()
	if err != nil {
		return names
	}
	return append(names, addresses...)
}
