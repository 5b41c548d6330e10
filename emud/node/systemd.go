package node

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/coreos/go-systemd/v22/util"
	"github.com/godbus/dbus/v5"
)

// hasSystemd reports whether systemd runs this machine and this process may ask
// it for units.
func hasSystemd() bool { return util.IsRunningSystemd() && os.Geteuid() == 0 }

// UnitName is the name of the transient service of a device:
// PREFIX-LAB-DEVICE.service, with bytes that unit names do not take escaped.
func UnitName(prefix, lab, device string) string {
	var b strings.Builder
	for _, c := range []byte(prefix + "-" + lab + "-" + device) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte(":_.-", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return b.String() + ".service"
}

// spawnUnit starts the node as a transient service. It is bound to no other
// unit, so it outlives the daemon (platform reference 9.2).
func (opt Options) spawnUnit(spec Spec, args []string, listener, log *os.File) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := systemd.NewSystemdConnectionContext(ctx)
	if err != nil {
		if conn, err = systemd.NewSystemConnectionContext(ctx); err != nil {
			return fmt.Errorf("connect to systemd: %w", err)
		}
	}
	defer conn.Close()
	property := func(name string, value any) systemd.Property {
		return systemd.Property{Name: name, Value: dbus.MakeVariant(value)}
	}
	in, err := descriptor(listener)
	if err != nil {
		return err
	}
	out, err := descriptor(log)
	if err != nil {
		return err
	}
	name := UnitName(opt.Prefix, spec.Lab, spec.Device)
	properties := []systemd.Property{
		systemd.PropDescription(fmt.Sprintf("%s %s of lab %s", spec.kind(), spec.Device, spec.Lab)),
		systemd.PropSlice(opt.Prefix + ".slice"),
		systemd.PropExecStart(args, false),
		systemd.PropType("exec"),
		property("StandardInputFileDescriptor", dbus.UnixFD(in)),
		property("StandardOutputFileDescriptor", dbus.UnixFD(out)),
		property("StandardErrorFileDescriptor", dbus.UnixFD(out)),
		property("Environment", []string{"GOTRACEBACK=single"}),
		property("WorkingDirectory", "/"),
		property("PrivateNetwork", true),
		property("PrivateIPC", true),
		property("CPUAccounting", true),
		property("MemoryAccounting", true),
		property("TasksAccounting", true),
		property("TimeoutStopUSec", uint64(15*time.Second/time.Microsecond)),
		// A unit that failed is unloaded, so that its name is free again.
		property("CollectMode", "inactive-or-failed"),
	}
	result := make(chan string, 1)
	if _, err := conn.StartTransientUnitContext(ctx, name, "fail", properties, result); err != nil {
		return fmt.Errorf("start unit %s: %w", name, err)
	}
	select {
	case r := <-result:
		if r != "done" {
			return fmt.Errorf("start unit %s: %s", name, r)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("start unit %s: %w", name, ctx.Err())
	}
}
