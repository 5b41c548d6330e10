// Package firmware holds the bundled router image: a small router of this
// project's own, in C and MIPS assembly (directory src), that boots on the
// emulated boards as a vendor's image would. It finds its hardware through the
// ROM services, the EEPROMs and PCI, routes IPv4 over Ethernet, Cisco HDLC, PPP,
// Frame Relay and ATM, and keeps its configuration in NVRAM in the format of
// c7200 reference 9.4. It also runs unchanged on Dynamips.
//
// The built image is committed, so that no cross compiler is needed; the
// package's test builds it again where Debian's gcc-mips-linux-gnu is present
// and compares.
package firmware

import (
	"bytes"
	"debug/elf"
	_ "embed"
	"fmt"
	"slices"
	"sync"
)

// Version is the version that the image prints ("show version").
const Version = "1.0"

//go:embed router.elf
var router []byte

// Router returns a copy of the image: a big-endian ELF32 executable for MIPS
// III, linked at 0x80008000.
func Router() []byte { return slices.Clone(router) }

var idlePC = sync.OnceValues(func() (uint64, error) {
	f, err := elf.NewFile(bytes.NewReader(router))
	if err != nil {
		return 0, err
	}
	syms, err := f.Symbols()
	if err != nil {
		return 0, err
	}
	for _, s := range syms {
		if s.Name == "dynemu_idle" {
			// Addresses of this CPU are 32-bit, sign-extended.
			return uint64(int64(int32(s.Value))), nil
		}
	}
	return 0, fmt.Errorf("no symbol dynemu_idle")
})

// IdlePC returns the image's idle-PC, sign-extended to 64 bits: the address of
// the instruction that its scheduler runs once per turn of the idle loop (cpu
// reference, 6).
func IdlePC() uint64 {
	pc, err := idlePC()
	if err != nil {
		panic("firmware: router.elf: " + err.Error()) // the image is embedded: a broken build
	}
	return pc
}
