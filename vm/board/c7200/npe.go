package c7200

import (
	"fmt"
	"strings"

	"dynemu/vm/chip/gt64k"
	"dynemu/vm/mips"
	"dynemu/vm/pci"
)

// Sizes.
const (
	mib = 1 << 20
	// maxMainMiB is the most that fits below the system controller.
	maxMainMiB = 256
	// romMiB is the size of the boot ROM's window.
	romMiB = 4
)

// busName names a PCI bus of the board. The two roots come first.
type busName string

const (
	root0 busName = "PCI 0"
	root1 busName = "PCI 1"
	slot0 busName = "slot 0"
	headA busName = "head A" // in front of bays 1, 3, 5
	headB busName = "head B" // in front of bays 2, 4, 6
	none  busName = ""
	// hidden is the bus of the PCMCIA controller behind the bridge that is no
	// PCI function (c7200 reference, 5.4).
	hidden busName = "hidden"
)

// place is a device number on a bus.
type place struct {
	bus    busName
	device int
}

// bridgeAt is a fixed bridge of an NPE.
type bridgeAt struct {
	place
	id     uint32
	behind busName
}

// npe is a network processing engine (c7200 reference, 1.1, 2.2, 2.3, 5.5, 8.7
// and 8.9).
type npe struct {
	name     string
	cpu      mips.Model
	clockHz  uint64 // of the processor; Count runs at half of it
	maxRAM   int    // MiB
	splitRAM bool   // RAM above 256 MiB becomes I/O memory
	ioMemMiB int    // I/O memory that is always there

	controller  gt64k.Model
	controllers int // the second one has no PCI function and no interrupt

	bridges  []bridgeAt
	slot0Bus busName
	slot0Dev int      // first device number of the card in slot 0
	bays     [7]place // bay bridges, index = bay, 0 unused
	pcmcia   place
	sramKiB  int // size of each of the two packet SRAM banks, 0 for none

	eeprom []uint16
	pem    []uint16 // nil: the NPE has no PEM
}

// The three arrangements of buses.
var (
	gt64010Bridges = []bridgeAt{
		{place{root0, 1}, pci.DEC21050, none},
		{place{root0, 2}, pci.DEC21050, headA},
		{place{root0, 3}, pci.DEC21050, none},
		{place{root0, 4}, pci.DEC21050, headB},
	}
	baysBehindHeads = [7]place{1: {headA, 1}, 3: {headA, 2}, 5: {headA, 3}, 2: {headB, 1}, 4: {headB, 2}, 6: {headB, 3}}
	baysOnRoots     = [7]place{1: {root0, 7}, 3: {root0, 8}, 5: {root0, 9}, 2: {root1, 7}, 4: {root1, 8}, 6: {root1, 9}}
)

// npes are the supported NPEs. Clock rates are the processors' rated ones.
var npes = []npe{
	{
		name: "npe-100", cpu: mips.R4600, clockHz: 100e6, maxRAM: 256,
		controller: gt64k.GT64010, controllers: 1,
		bridges: gt64010Bridges, slot0Bus: root0, slot0Dev: 6, bays: baysBehindHeads, pcmcia: place{root0, 5},
		eeprom: []uint16{
			0x0135, 0x0203, 0xFF10, 0x45C5, 0x4906, 0x0004, 0x0000, 0x0000,
			0x6000, 0x0000, 0x9901, 0x0600, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
		},
	},
	{
		name: "npe-150", cpu: mips.R4700, clockHz: 150e6, maxRAM: 256,
		controller: gt64k.GT64010, controllers: 1,
		bridges: gt64010Bridges, slot0Bus: root0, slot0Dev: 6, bays: baysBehindHeads, pcmcia: place{root0, 5},
		sramKiB: 512,
		eeprom: []uint16{
			0x0115, 0x0203, 0xFF10, 0x45C5, 0x4906, 0x0004, 0x0000, 0x0000,
			0x6000, 0x0000, 0x9901, 0x0600, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
		},
	},
	{
		name: "npe-175", cpu: mips.RM5271, clockHz: 200e6, maxRAM: 256,
		controller: gt64k.GT64120, controllers: 1,
		bridges:  []bridgeAt{{place{root0, 1}, pci.DEC21150, slot0}},
		slot0Bus: slot0, bays: baysOnRoots, pcmcia: place{hidden, 16},
		eeprom: []uint16{
			0x01C2, 0x0203, 0xFF10, 0x45C5, 0x4906, 0x0004, 0x0000, 0x0000,
			0x6000, 0x0000, 0x9901, 0x0600, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
		},
		pem: []uint16{
			0x01C3, 0x0100, 0xFFFF, 0xFFFF, 0x490D, 0x8A04, 0x0000, 0x0000,
			0x5000, 0x0000, 0x9906, 0x0400, 0x0000, 0xFFFF, 0xFFFF, 0xFFFF,
		},
	},
	{
		name: "npe-200", cpu: mips.R5000, clockHz: 200e6, maxRAM: 256,
		controller: gt64k.GT64010, controllers: 1,
		bridges: gt64010Bridges, slot0Bus: root0, slot0Dev: 6, bays: baysBehindHeads, pcmcia: place{root0, 5},
		sramKiB: 2048,
		eeprom: []uint16{
			0x0169, 0x0200, 0xFF10, 0x45C5, 0x4909, 0x8902, 0x0000, 0x0000,
			0x6800, 0x0000, 0x9710, 0x2200, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
		},
	},
	{
		name: "npe-225", cpu: mips.RM5271, clockHz: 262e6, maxRAM: 256,
		controller: gt64k.GT64120, controllers: 1,
		bridges:  []bridgeAt{{place{root0, 1}, pci.DEC21150, slot0}},
		slot0Bus: slot0, bays: baysOnRoots, pcmcia: place{hidden, 16},
		eeprom: []uint16{
			0x01C2, 0x0203, 0xFF10, 0x45C5, 0x4906, 0x0004, 0x0000, 0x0000,
			0x6000, 0x0000, 0x9901, 0x0600, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
		},
		pem: []uint16{
			0x01D5, 0x0100, 0xFFFF, 0xFFFF, 0x490D, 0x8A04, 0x0000, 0x0000,
			0x5000, 0x0000, 0x9906, 0x0400, 0x0000, 0xFFFF, 0xFFFF, 0xFFFF,
		},
	},
	{
		name: "npe-300", cpu: mips.RM7000, clockHz: 262e6, maxRAM: 256, ioMemMiB: 32,
		controller: gt64k.GT64120, controllers: 2,
		bridges: []bridgeAt{
			{place{root0, 1}, pci.DEC21150, slot0},
			{place{root0, 2}, pci.DEC21150, headA},
			{place{root1, 1}, pci.DEC21150, headB},
		},
		slot0Bus: slot0, bays: baysBehindHeads, pcmcia: place{hidden, 16},
		eeprom: []uint16{
			0x01AE, 0x0402, 0xFF10, 0x45C5, 0x490D, 0x5108, 0x0000, 0x0000,
			0x5000, 0x0000, 0x0012, 0x1000, 0x0000, 0xFFFF, 0xFFFF, 0xFF00,
		},
	},
	{
		name: "npe-400", cpu: mips.RM7000, clockHz: 350e6, maxRAM: 512, splitRAM: true,
		controller: gt64k.GT64120, controllers: 1,
		bridges:  []bridgeAt{{place{root0, 1}, pci.DEC21050, slot0}},
		slot0Bus: slot0, bays: baysOnRoots, pcmcia: place{hidden, 16},
		eeprom: []uint16{
			0x04FF, 0x4001, 0xF841, 0x0100, 0xC046, 0x0320, 0x001F, 0xC802,
			0x8249, 0x14BC, 0x0242, 0x4230, 0xC18B, 0x3131, 0x3131, 0x3131,
			0x3131, 0x0000, 0x0004, 0x0002, 0x0285, 0x1C0F, 0xF602, 0xCB87,
			0x4E50, 0x452D, 0x3430, 0x3080, 0x0000, 0x0000,
		},
	},
}

// DefaultNPE and DefaultMidplane are used where none is named.
const (
	DefaultNPE      = "npe-400"
	DefaultMidplane = "vxr"
)

// NPEs returns the names of the supported NPEs.
func NPEs() []string {
	var s []string
	for _, n := range npes {
		s = append(s, n.name)
	}
	return s
}

// MaxRAM returns the most RAM that an NPE takes, in MiB; 0 for one that is not
// supported.
func MaxRAM(name string) int {
	n, err := findNPE(name)
	if err != nil {
		return 0
	}
	return n.maxRAM
}

func findNPE(name string) (*npe, error) {
	if name == "" {
		name = DefaultNPE
	}
	for i := range npes {
		if npes[i].name == name {
			return &npes[i], nil
		}
	}
	accepted := strings.Join(NPEs(), ", ")
	if name == "npe-g1" || name == "npe-g2" {
		return nil, fmt.Errorf("NPE %q is not emulated; accepted are %s", name, accepted)
	}
	return nil, fmt.Errorf("unknown NPE %q; accepted are %s", name, accepted)
}

// midplaneWords is the midplane EEPROM after its first two words, which tell
// the types apart (c7200 reference, 8.8).
var midplaneWords = []uint16{
	0xFF10, 0x45C5, 0x4906, 0x0303, 0xFFFF, 0xFFFF,
	0xFFFF, 0x0400, 0x0000, 0x0000, 0x4C09, 0x10B0, 0xFFFF, 0x00FF,
	0x0000, 0x0000, 0x6335, 0x8B28, 0x631D, 0x0000, 0x608E, 0x6D1C,
	0x62BB, 0x0000, 0x6335, 0x8B28, 0x0000, 0x0000, 0x6335, 0x8B28,
}

// midplaneMAC is the first of the three words with the base MAC address.
const midplaneMAC = 6

// midplane is a type of chassis: the hardware version in its EEPROM, and the
// bridge in front of each bay (c7200 reference, 1.2).
type midplane struct {
	name    string
	version uint16 // second word of the EEPROM
	bridge  uint32
}

var midplanes = []midplane{
	{"std", 0x0101, pci.DEC21050},
	{"vxr", 0x0201, pci.DEC21150},
}

func findMidplane(name string) (*midplane, error) {
	if name == "" {
		name = DefaultMidplane
	}
	for i := range midplanes {
		if midplanes[i].name == name {
			return &midplanes[i], nil
		}
	}
	return nil, fmt.Errorf("unknown midplane %q; known are std, vxr", name)
}

// eeprom returns the midplane's EEPROM for a chassis with that base MAC address.
func (m *midplane) eeprom(mac [6]byte) []uint16 {
	w := append([]uint16{0x0106, m.version}, midplaneWords...)
	setMAC(w, mac)
	return w
}

func setMAC(words []uint16, mac [6]byte) {
	for i := range 3 {
		words[midplaneMAC+i] = uint16(mac[2*i])<<8 | uint16(mac[2*i+1])
	}
}
