// Command dynemu-node runs one device of a lab, a router or a virtual switch.
// dynemud starts it, with the node's listening socket as standard input, and tells
// it over that socket what to run; it is of no use by itself.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"dynemu/emud/node/runner"
	"dynemu/vm"
)

func main() {
	opt := runner.Options{New: func(cfg vm.Config, host vm.Host) (runner.Machine, error) {
		m, err := vm.New(cfg, host)
		if err != nil {
			return nil, err // and not a nil *vm.Machine in an interface
		}
		return m, nil
	}}
	status := 0
	cmd := &cobra.Command{
		Use:           "dynemu-node",
		Short:         "run one device of a lab (started by dynemud)",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		Run:           func(*cobra.Command, []string) { status = runner.Run(opt) },
	}
	cmd.Flags().IntVar(&opt.UID, "uid", 65534, "user number to run as when started by root")
	cmd.Flags().IntVar(&opt.GID, "gid", 65534, "group number to run as when started by root")
	cmd.Flags().String("lab", "", "name of the lab, for lists of processes")
	cmd.Flags().String("device", "", "name of the device, for lists of processes")
	if err := cmd.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "dynemu-node:", err)
		status = 2
	}
	os.Exit(status)
}
