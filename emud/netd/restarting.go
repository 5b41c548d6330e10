package netd

import (
	"context"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
)

// Restarting implements System: systemctl restart and an upgrade restart a service,
// systemctl stop stops it. Both send SIGTERM; what tells them apart is the job that the
// manager runs for the unit.
func (Host) Restarting(pid int) (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	conn, err := dbus.NewSystemdConnectionContext(ctx) // its own socket: there may be no bus
	if err != nil {
		return false, err
	}
	defer conn.Close()
	unit, err := conn.GetUnitNameByPID(ctx, uint32(pid))
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
