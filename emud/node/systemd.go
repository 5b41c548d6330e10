package node

import (
	"context"
	"errors"
	"fmt"
	"math"
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

// connectSystemd connects to process 1, over its own socket where there is no bus.
func connectSystemd(ctx context.Context) (*systemd.Conn, error) {
	conn, err := systemd.NewSystemdConnectionContext(ctx)
	if err != nil {
		if conn, err = systemd.NewSystemConnectionContext(ctx); err != nil {
			return nil, fmt.Errorf("connect to systemd: %w", err)
		}
	}
	return conn, nil
}

func property(name string, value any) systemd.Property {
	return systemd.Property{Name: name, Value: dbus.MakeVariant(value)}
}

// isNoUnit reports whether an error of systemd says that there is no such unit.
func isNoUnit(err error) bool {
	var e dbus.Error
	return errors.As(err, &e) && e.Name == "org.freedesktop.systemd1.NoSuchUnit"
}

// Units reports whether nodes are started as units of systemd.
func (opt Options) Units() bool {
	if opt.Spawner != nil {
		return opt.Spawner.Units()
	}
	return opt.Spawn == SpawnSystemd || (opt.Spawn == SpawnAuto || opt.Spawn == "") && hasSystemd()
}

// Limits bound what a node may use of the host; zero is no limit.
type Limits struct {
	CPU    int    `json:"cpu,omitempty"`    // percent of one processor
	Memory uint64 `json:"memory,omitempty"` // bytes
}

// properties are the limits as those of a unit.
func (l Limits) properties() []systemd.Property {
	const perPercent = 10000 // µs of a second
	cpu, memory := uint64(math.MaxUint64), uint64(math.MaxUint64)
	if l.CPU > 0 {
		cpu = uint64(l.CPU) * perPercent
	}
	if l.Memory > 0 {
		memory = l.Memory
	}
	return []systemd.Property{property("CPUQuotaPerSecUSec", cpu), property("MemoryMax", memory)}
}

// Limit changes what the node may use. It must run in a unit of systemd.
func (n *Node) Limit(l Limits) error {
	if !n.opt.Units() {
		return errors.New("it is no unit of systemd")
	}
	spec := n.Spec()
	limit := n.opt.limit
	if n.opt.Spawner != nil {
		limit = n.opt.Spawner.Limit
	}
	if err := limit(spec.Lab, spec.Device, l); err != nil {
		return err
	}
	n.change(func(s *Spec) { s.Limits = l })
	n.remember()
	return nil
}

// limit changes what the unit of a device may use.
func (opt Options) limit(lab, device string, l Limits) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	conn, err := connectSystemd(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	name := UnitName(opt.Prefix, lab, device)
	if err := conn.SetUnitPropertiesContext(ctx, name, true, l.properties()...); err != nil {
		return fmt.Errorf("unit %s: %w", name, err)
	}
	return nil
}

// spawnUnit starts the node as a transient service. It is bound to no other
// unit, so it outlives the daemon (platform reference 9.2).
func (opt Options) spawnUnit(spec Spec, args []string, listener, log *os.File) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := connectSystemd(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	in, err := Descriptor(listener)
	if err != nil {
		return err
	}
	out, err := Descriptor(log)
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
		// The node logs to its file, and to the journal through standard output.
		property("StandardOutput", "journal"),
		property("StandardErrorFileDescriptor", dbus.UnixFD(out)),
		property("LogExtraFields", [][]byte{[]byte("LAB=" + spec.Lab), []byte("DEVICE=" + spec.Device)}),
		// When the machine goes down, the daemon stops its nodes in order: they go
		// after it.
		property("Before", []string{opt.Prefix + ".service"}),
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
	properties = append(properties, spec.Limits.properties()...)
	result := make(chan string, 1)
	_, err = conn.StartTransientUnitContext(ctx, name, "fail", properties, result)
	var exists dbus.Error
	if errors.As(err, &exists) && exists.Name == "org.freedesktop.systemd1.UnitExists" {
		// One that failed and was not unloaded yet: no node answers at its socket.
		if conn.ResetFailedUnitContext(ctx, name) == nil {
			_, err = conn.StartTransientUnitContext(ctx, name, "fail", properties, result)
		}
	}
	if err != nil {
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
