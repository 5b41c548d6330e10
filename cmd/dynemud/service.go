package main

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"dynemu/cmd/dynemud/config"
	"dynemu/emud"
	"dynemu/emud/lab"
)

func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("cannot tell the service manager", "state", state, "err", err)
	}
}

// watch keeps the service manager's line of status true and its watchdog quiet, which
// it does only while the work on every lab comes on.
func watch(d *emud.Daemon, log *slog.Logger, ending <-chan struct{}) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("cannot read the watchdog's interval", "err", err)
	}
	const tick = time.Second
	status, complaint := "", ""
	var fed time.Time
	for {
		select {
		case <-ending:
			ending = nil // the line of status belongs to the end, the watchdog goes on
		case <-time.After(tick):
		}
		if text := d.Summary(); ending != nil && text != status {
			status = text
			notify(log, "STATUS="+text)
		}
		if interval == 0 || time.Since(fed) < interval/4 {
			continue
		}
		if err := d.Check(interval); err != nil {
			if err.Error() != complaint {
				complaint = err.Error()
				log.Error("the watchdog is not told that all is well", "reason", err)
			}
			continue
		}
		fed = time.Now()
		notify(log, daemon.SdNotifyWatchdog)
	}
}

// settings are what the configuration says of what can change.
func settings(c config.Config) emud.Settings {
	return emud.Settings{
		TreeConsoles: c.Consoles == config.ConsolesTree, ConsoleAddress: string(c.ConsoleAddress),
		Limits: lab.Limits{CPU: int(c.CPULimit), Memory: int(c.MemoryLimit)},
	}
}

// reload reads the configuration anew and returns it: what can change does, the
// rest waits for the next start. A file with a mistake changes nothing.
func reload(now config.Config, resolve func() (config.Config, error), d *emud.Daemon, level *slog.LevelVar, log *slog.Logger) config.Config {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err == nil {
		notify(log, fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, t.Nano()/1000))
	}
	defer notify(log, daemon.SdNotifyReady)
	next, err := resolve()
	if err != nil {
		log.Error("the configuration is refused, nothing changes", "reason", err)
		return now
	}
	live, later := next.Changed(now)
	level.Set(next.LogLevel.Level)
	if err := d.Configure(settings(next)); err != nil {
		log.Error("a change of the configuration did not reach all", "err", err)
	}
	log.Info("configuration read", "changed", strings.Join(live, " "))
	if len(later) > 0 {
		log.Warn("changes of the configuration that wait for the next start", "options", strings.Join(later, " "))
	}
	// What waits is told again at the next reload.
	applied := now
	for i, o := range applied.Options() {
		if o.Live {
			// A value that was accepted once is accepted again.
			o.Value.UnmarshalText([]byte(next.Options()[i].Value.String()))
		}
	}
	return applied
}
