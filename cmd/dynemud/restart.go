package main

import (
	"os"

	"dynemu/emud/netd"
)

// restarting reports whether the service manager ends this process only to start it
// again, as systemctl restart and an upgrade do. The routers are then left running,
// while systemctl stop stops them.
func restarting(sys netd.System) (bool, error) {
	if os.Getenv("INVOCATION_ID") == "" {
		return false, nil
	}
	return sys.Restarting(os.Getpid())
}
