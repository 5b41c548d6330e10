package main

import (
	"context"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
)

// restarting reports whether the service manager ends this process only to
// start it again, as systemctl restart and an upgrade do. The routers are then
// left running, while systemctl stop stops them. Both send SIGTERM; what tells
// them apart is the job that the manager runs for the unit.
func restarting() (bool, error) {
	if os.Getenv("INVOCATION_ID") == "" {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	conn, err := dbus.NewSystemdConnectionContext(ctx) // its own socket: there may be no bus
	if err != nil {
		return false, err
	}
	defer conn.Close()
	unit, err := conn.GetUnitNameByPID(ctx, uint32(os.Getpid()))
	if err != nil {
		return false, err
	}
	jobs, err := conn.ListJobsContext(ctx)
	if err != nil {
		return false, err
	}
	for _, j := range jobs {
		if j.Unit == unit {
			return j.JobType == "restart" || j.JobType == "try-restart", nil
		}
	}
	return false, nil
}
