// Command dynemud is the daemon: it mounts the tree, keeps the labs and
// supervises the routers.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"dynemu/emud"
	"dynemu/emud/node"
	tree "dynemu/fs"
	"dynemu/netns"
	"dynemu/vm/firmware"
	"dynemu/vm/rom"
)

// flags are the command line of dynemud.
type flags struct {
	mount, state, runtime, hypervisor, prefix, spawn, level string
}

func main() {
	var f flags
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
	fl := cmd.Flags()
	fl.StringVar(&f.mount, "mount", "/run/dynemu", "where the tree appears")
	fl.StringVar(&f.state, "state", "/var/lib/dynemu", "directory of what outlives a reboot")
	fl.StringVar(&f.runtime, "runtime", "/run/dynemud", "directory of sockets and of what lives until a reboot")
	fl.StringVar(&f.hypervisor, "hypervisor", "", "address of Dynamips' hypervisor protocol; empty: off")
	fl.StringVar(&f.prefix, "prefix", "dynemu", "beginning of the names of namespaces and units")
	fl.StringVar(&f.spawn, "spawn", node.SpawnAuto, "how routers are started: systemd, direct or auto")
	fl.StringVar(&f.level, "log-level", "info", "what is logged: debug, info, warn or error")
	if err := cmd.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "dynemud:", err)
		var usage usageError
		if errors.As(err, &usage) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

// usageError is a mistake on the command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// check completes and checks the flags.
func (f *flags) check() (level slog.Level, err error) {
	switch f.spawn {
	case node.SpawnAuto, node.SpawnDirect, node.SpawnSystemd:
	default:
		return level, usagef("--spawn %q: systemd, direct and auto are accepted", f.spawn)
	}
	if err := level.UnmarshalText([]byte(f.level)); err != nil {
		return level, usagef("--log-level %q: debug, info, warn and error are accepted", f.level)
	}
	if f.hypervisor != "" {
		return level, usagef("--hypervisor %q: this version does not serve the hypervisor protocol; leave it empty", f.hypervisor)
	}
	if err := emud.CheckLabName(f.prefix); err != nil {
		return level, usagef("--prefix %q: letters, digits, _ - . are accepted", f.prefix)
	}
	for _, p := range []struct {
		flag string
		path *string
	}{{"--mount", &f.mount}, {"--state", &f.state}, {"--runtime", &f.runtime}} {
		if *p.path == "" {
			return level, usagef("%s needs a path", p.flag)
		}
		if *p.path, err = filepath.Abs(*p.path); err != nil {
			return level, err
		}
	}
	return level, nil
}

func run(f flags) error {
	level, err := f.check()
	if err != nil {
		return err
	}
	if os.Getuid() != 0 {
		return errors.New("must be run by root: it mounts a file system and makes network namespaces")
	}
	log := newLogger(level)
	slog.SetDefault(log)
	binary, err := nodeProgram()
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)

	d, err := emud.New(emud.Options{
		Mount: f.mount, State: f.state, Runtime: f.runtime, Version: emud.Version, Hosts: hostNames(), Group: group(log), Log: log,
		Network: emud.NewNetwork(netns.New(f.prefix)),
		Nodes: emud.NewNodes(node.Options{
			RuntimeDir: f.runtime, Binary: binary, Prefix: f.prefix, Spawn: f.spawn,
			Log: func(format string, args ...any) { log.Info(fmt.Sprintf(format, args...)) },
		}),
		Builtin:    firmware.Router,
		CheckImage: func(_ string, image []byte) error { return rom.Check(image) },
	})
	if err != nil {
		return err
	}
	t, err := tree.Mount(f.mount, d, log)
	if err != nil {
		d.Release()
		return err
	}
	log.Info("ready", "mount", f.mount, "state", f.state, "prefix", f.prefix)
	notify(log, daemon.SdNotifyReady+"\nSTATUS=Tree at "+f.mount)
	go watchdog()
	go d.Run()

	leave := false
	select {
	case s := <-signals:
		if leave, err = restarting(); err != nil {
			log.Warn("cannot ask the service manager whether this is a restart; the routers are stopped", "err", err)
		}
		log.Info("ending", "signal", s.String(), "routers keep running", leave)
	case <-d.Detached():
		leave = true
		log.Info("ending, routers keep running")
	}
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

// nodeProgram finds dynemu-node: beside this program, or on the path.
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
	path, err := exec.LookPath("dynemu-node")
	if err != nil {
		return "", fmt.Errorf("dynemu-node is neither beside %s nor on the path", self)
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
func hostNames() []string {
	var names []string
	if h, err := os.Hostname(); err == nil {
		names = append(names, h)
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return names
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			names = append(names, n.IP.String())
		}
	}
	return names
}

func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("cannot tell the service manager", "state", state, "err", err)
	}
}

// watchdog tells the service manager at half its interval that this process
// lives.
func watchdog() {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return
	}
	for range time.Tick(interval / 2) {
		daemon.SdNotify(false, daemon.SdNotifyWatchdog)
	}
}
