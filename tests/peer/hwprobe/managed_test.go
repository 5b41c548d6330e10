package hwprobe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"dynemu/tests/peer"
	"dynemu/vm"
	"dynemu/vm/console"
)

const (
	managedMAC   = "ca00.6fdb.0000"
	managedNVRAM = 128 // KiB
	managedDisk1 = 8   // MiB
)

// startManaged starts the guest on a Dynamips that takes commands, its console
// on a TCP port. What it returns runs it to its end.
func startManaged(t *testing.T, e peer.Emulator, cfg config, image string) func() ([]string, error) {
	t.Helper()
	m := peer.StartManager(t, e, t.TempDir())
	port := peer.TCPPort(t)
	m.Do("vm create R1 1 c7200")
	m.Do("c7200 set_npe R1 %s", cfg.npe)
	m.Do("c7200 set_midplane R1 %s", cfg.midplane)
	m.Do("c7200 set_mac_addr R1 %s", managedMAC)
	m.Do("vm set_con_tcp_port R1 %d", port)
	m.Do("vm set_ios R1 %s", image)
	m.Do("vm set_ram R1 %d", cfg.ram)
	m.Do("vm set_ram_mmap R1 0")
	m.Do("vm set_nvram R1 %d", managedNVRAM)
	m.Do("vm set_disk1 R1 %d", managedDisk1)
	for slot, name := range cfg.slots {
		if name != "" {
			m.Do("vm slot_add_binding R1 %d 0 %s", slot, name)
		}
	}
	m.Do("vm start R1")
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(runTimeout))
	p := &probe{t: t, e: e, cfg: cfg, keys: conn, move: func(slot int, card string) error {
		if card != "" {
			return errors.Join(m.Try("vm slot_add_binding R1 %d 0 %s", slot, card), m.Try("vm slot_oir_start R1 %d 0", slot))
		}
		return errors.Join(m.Try("vm slot_oir_stop R1 %d 0", slot), m.Try("vm slot_remove_binding R1 %d 0", slot))
	}}
	return func() ([]string, error) {
		defer conn.Close()
		p.read(conn)
		if p.err != nil {
			return nil, fmt.Errorf("%s on %s: %w", cfg.name, e.Name, p.err)
		}
		return p.lines, nil
	}
}

// runInside runs the guest on a machine of dynemu within this process.
func runInside(cfg config, image string) (lines []string, err error) {
	elf, err := os.ReadFile(image)
	if err != nil {
		return nil, err
	}
	host := vm.Host{Image: elf}
	for _, f := range []**os.File{&host.Bootflash, &host.Disk0, &host.Disk1} {
		if *f, err = os.CreateTemp("", "hwprobe"); err != nil {
			return nil, err
		}
		defer (*f).Close()
		if err := os.Remove((*f).Name()); err != nil {
			return nil, err
		}
	}
	line := console.New()
	defer line.Close()
	host.Console = line
	m, err := vm.New(vm.Config{
		Name: "R1", Instance: 1, Platform: "c7200", NPE: cfg.npe, Midplane: cfg.midplane, RAM: cfg.ram, NVRAM: managedNVRAM,
		Disk0: 64, Disk1: managedDisk1, ConfReg: 0x2102, MAC: managedMAC, Slots: cfg.slots[:],
	}, host)
	if err != nil {
		return nil, err
	}
	defer m.Stop()
	out := line.Subscribe(true)
	defer out.Close()
	stop := time.AfterFunc(runTimeout, func() { _ = out.Close() })
	defer stop.Stop()
	p := &probe{e: peer.Emulator{Name: "dynemu"}, cfg: cfg, keys: keyboard{line}, move: func(slot int, card string) error {
		if card != "" {
			return m.Insert(slot, card)
		}
		return m.Remove(slot)
	}}
	if err := m.Start(); err != nil {
		return nil, err
	}
	p.read(out)
	if p.err != nil {
		return nil, fmt.Errorf("%s on %s: %w", cfg.name, p.e.Name, p.err)
	}
	return p.lines, nil
}

// keyboard types on a console.
type keyboard struct{ c *console.Console }

func (k keyboard) Write(p []byte) (int, error) { return k.c.Type(context.Background(), p) }
