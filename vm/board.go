package vm

import (
	"fmt"
	"hash/fnv"
	"net"
	"os"
	"slices"

	"dynemu/vm/board/c7200"
	"dynemu/vm/chip"
	"dynemu/vm/mips"
	"dynemu/vm/storage"
)

// Platforms returns the names of the platforms that a Config may have.
func Platforms() []string { return []string{"c7200"} }

// newBoard builds the motherboard that cfg asks for.
func newBoard(cfg Config, host Host, m *Machine) (board, error) {
	if !slices.Contains(Platforms(), cfg.Platform) {
		return nil, fmt.Errorf("platform %q is not supported; %v are", cfg.Platform, Platforms())
	}
	mac, err := baseMAC(cfg)
	if err != nil {
		return nil, err
	}
	quirks, err := mips.ParseQuirks(cfg.Quirks)
	if err != nil {
		return nil, err
	}
	bootflash, disk0, disk1, err := openStorage(cfg, host)
	if err != nil {
		return nil, err
	}
	return c7200.New(c7200.Params{
		NPE: cfg.NPE, Midplane: cfg.Midplane,
		RAMMiB: cfg.RAM, NVRAMKiB: cfg.NVRAM,
		ConfReg: cfg.ConfReg, MAC: mac, SystemID: cfg.SystemID, Slots: cfg.Slots, Quirks: quirks, IdlePC: cfg.IdlePC,
		NVRAM:          host.NVRAM,
		SaveNVRAM:      m.saver.put,
		ROMMONVars:     host.ROMMONVars,
		SaveROMMONVars: host.saveVars(),
		Bootflash:      bootflash,
		Disk0:          disk0,
		Disk1:          disk1,
		Console:        host.Console,
		AUX:            host.AUX,
		Log:            host.Log,
		AllocRAM:       m.alloc,
	}, m.loop, &m.attention)
}

// saveVars returns what the board calls with changed ROM monitor variables.
func (h Host) saveVars() func([]string) {
	return func(lines []string) {
		if h.SaveROMMONVars == nil {
			return
		}
		if err := h.SaveROMMONVars(lines); err != nil {
			h.Log("ROMMON", "the variables cannot be saved: "+err.Error())
		}
	}
}

// baseMAC is the chassis' base MAC address: the one configured, or one made
// from the router's name and instance, so that it stays the same from start to
// start and differs within a lab. The first byte is the one that Dynamips gives
// a 7200 (adapters-7200 reference, section 8).
func baseMAC(cfg Config) (mac [6]byte, err error) {
	if cfg.MAC != "" {
		hw, err := net.ParseMAC(cfg.MAC)
		if err != nil || len(hw) != len(mac) {
			return mac, fmt.Errorf("MAC address %q: the forms aa:bb:cc:dd:ee:ff and aabb.ccdd.eeff are accepted", cfg.MAC)
		}
		return [6]byte(hw), nil
	}
	h := fnv.New32a()
	h.Write([]byte(cfg.Name))
	sum := h.Sum32()
	return [6]byte{0xca, byte(cfg.Instance), byte(sum >> 8), byte(sum), 0, 0}, nil
}

func (h Host) logFound(name string, f *storage.File) {
	for _, line := range f.Found() {
		h.Log(name, line)
	}
}

// openStorage takes the files of bootflash and disks. What has none is nil.
func openStorage(cfg Config, host Host) (bootflash, disk0, disk1 chip.Storage, err error) {
	if host.Bootflash != nil {
		f, err := storage.Open(host.Bootflash, c7200.BootflashSize)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("bootflash: %w", err)
		}
		host.logFound("bootflash", f)
		bootflash = f
	}
	for _, d := range []struct {
		name  string
		mib   int
		file  *os.File
		store *chip.Storage
	}{{"disk0", cfg.Disk0, host.Disk0, &disk0}, {"disk1", cfg.Disk1, host.Disk1, &disk1}} {
		if d.mib == 0 || d.file == nil {
			continue
		}
		f, err := storage.OpenDisk(d.file, d.mib, d.name)
		if err != nil {
			return nil, nil, nil, err
		}
		host.logFound(d.name, f)
		*d.store = f
	}
	return bootflash, disk0, disk1, nil
}
