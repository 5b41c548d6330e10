// Package hwprobe compares the hardware that a guest sees on Debian's dynamips
// with what it sees on dynemu, line by line. One guest program (src) looks at
// everything that the reference documents mention; what it looks at is in the
// tables of this file, from which a C header is made, and from which the tests
// take their configurations: board × slot × card.
//
// Sources: the c7200 and the adapters-7200 reference; "A 9.2" in a comment is a
// section of the latter, "C 8.1" of the former.
package hwprobe

// register is a register of a block: a name for the printed line, and the byte
// offset.
type register struct {
	name string
	off  uint32
}

// block is a range of registers at a fixed physical address.
type block struct {
	name string
	base uint32
	regs []register
}

// path is where a slot's bus hangs: which configuration port, and the device
// numbers of the bridges from the root down (C 5.5).
type path struct {
	root    int
	bridges []int
	first   int // first device number of the slot's card
}

// board is a network processing engine.
type board struct {
	name    string
	cpu     [2]uint16 // first words of its EEPROM (C 8.7)
	pem     uint16    // first word of the PEM's EEPROM, 0 for none (C 8.9)
	ports   int       // PCI configuration ports
	second  bool      // a second system controller
	sram    uint32    // size of each packet SRAM bank in bytes
	hidden  bool      // the PCMCIA controller is behind the hidden bridge (C 5.4)
	slots   [7]path
	ioCards []string // besides C7200-IO-FE
}

var (
	oneRoot = [7]path{
		{0, nil, 6}, {0, []int{2, 1}, 0}, {0, []int{4, 1}, 0}, {0, []int{2, 2}, 0},
		{0, []int{4, 2}, 0}, {0, []int{2, 3}, 0}, {0, []int{4, 3}, 0},
	}
	twoRoots = [7]path{
		{0, []int{1}, 0}, {0, []int{7}, 0}, {1, []int{7}, 0}, {0, []int{8}, 0},
		{1, []int{8}, 0}, {0, []int{9}, 0}, {1, []int{9}, 0},
	}
	twoHeads = [7]path{
		{0, []int{1}, 0}, {0, []int{2, 1}, 0}, {1, []int{1, 1}, 0}, {0, []int{2, 2}, 0},
		{1, []int{1, 2}, 0}, {0, []int{2, 3}, 0}, {1, []int{1, 3}, 0},
	}
	gigabitIO = []string{"C7200-IO-2FE", "C7200-IO-GE-E"}
)

// boards are the NPEs (C 1.1, 2.2, 2.3, 5.5).
var boards = []board{
	{name: "npe-100", cpu: [2]uint16{0x0135, 0x0203}, ports: 1, slots: oneRoot},
	{name: "npe-150", cpu: [2]uint16{0x0115, 0x0203}, ports: 1, sram: 512 << 10, slots: oneRoot},
	{name: "npe-175", cpu: [2]uint16{0x01C2, 0x0203}, pem: 0x01C3, ports: 2, hidden: true, slots: twoRoots, ioCards: gigabitIO},
	{name: "npe-200", cpu: [2]uint16{0x0169, 0x0200}, ports: 1, sram: 2 << 20, slots: oneRoot},
	{name: "npe-225", cpu: [2]uint16{0x01C2, 0x0203}, pem: 0x01D5, ports: 2, hidden: true, slots: twoRoots, ioCards: gigabitIO},
	{name: "npe-300", cpu: [2]uint16{0x01AE, 0x0402}, ports: 2, second: true, hidden: true, slots: twoHeads, ioCards: gigabitIO},
	{name: "npe-400", cpu: [2]uint16{0x04FF, 0x4001}, ports: 2, hidden: true, slots: twoRoots, ioCards: gigabitIO},
}

// socket is a serial EEPROM on the pins of a register. keep is ORed into what
// is written (C 7.4, 8.1).
type socket struct {
	name               string
	reg                uint32
	cs, clk, din, dout int
	keep               uint32
}

const (
	remoteBase = 0x16000000
	mpBase     = 0x1E800000
	ioBase     = 0x1E840000
	gtBase     = 0x14000000
)

func bay(name string, reg uint32, first int, keep uint32) socket {
	return socket{name, mpBase + reg, first + 1, first + 3, first + 4, first + 6, keep}
}

// slotSockets are the EEPROMs of the cards, by slot.
var slotSockets = []socket{
	bay("slot0", 0x60, 0, 0), bay("slot1", 0x60, 8, 0), bay("slot2", 0x68, 8, 3), bay("slot3", 0x60, 24, 0),
	bay("slot4", 0x60, 16, 0), bay("slot5", 0x68, 24, 3), bay("slot6", 0x68, 16, 3),
}

// boardSockets are the others.
var boardSockets = []socket{
	{"cpu", ioBase + 0x21C, 2, 1, 0, 6, 0},
	{"midplane", ioBase + 0x21C, 5, 4, 3, 7, 0},
	{"pem", ioBase + 0x388, 1, 0, 2, 3, 0},
	{"slot7", ioBase + 0x2E4, 25, 27, 28, 30, 0},
}

// card is what a slot may hold.
type card struct {
	name   string
	eeprom [2]uint16 // words 0 and 1, or 1 and 2 of format 4: they tell cards apart (A 7.3)
	ports  int
	chips  []string // by PCI device number
}

// portAdapters go into slots 1 to 6, ioCards into slot 0 (A 1, 20).
var (
	portAdapters = []card{
		{"PA-FE-TX", [2]uint16{0x0111, 0x0102}, 1, []string{"dec21140"}},
		{"PA-2FE-TX", [2]uint16{0x4002, 0x2441}, 2, []string{"i82543", "i82543"}},
		{"PA-GE", [2]uint16{0x0198, 0x0100}, 1, []string{"i82543"}},
		{"PA-4E", [2]uint16{0x0102, 0x010E}, 4, repeat("am79c970", 4)},
		{"PA-8E", [2]uint16{0x0101, 0x010E}, 8, repeat("am79c970", 8)},
		{"PA-4T+", [2]uint16{0x010C, 0x010F}, 4, []string{"mueslix"}},
		{"PA-8T", [2]uint16{0x010E, 0x010F}, 8, []string{"mueslix", "mueslix"}},
		{"PA-A1", [2]uint16{0x0117, 0x010F}, 1, []string{"tneta1570", "plx9060es"}},
		{"PA-POS-OC3", [2]uint16{0x0196, 0x0202}, 1, []string{"plx9060", "plx9060", "plx9060", "pos"}},
		{"PA-4B", [2]uint16{0x013D, 0x0202}, 1, []string{"pa4b"}},
		{"PA-MC-8TE1", [2]uint16{0x4003, 0x4E41}, 1, []string{"pm7380", "plx9054"}},
	}
	ioCards = []card{
		{"C7200-IO-FE", [2]uint16{0x0183, 0x010E}, 1, []string{"dec21140"}},
		{"C7200-IO-2FE", [2]uint16{0x4002, 0x1541}, 2, []string{"i82543", "i82543"}},
		{"C7200-IO-GE-E", [2]uint16{0x4002, 0x1641}, 2, []string{"i82543", "i82543"}},
	}
)

func repeat(s string, n int) []string {
	var all []string
	for range n {
		all = append(all, s)
	}
	return all
}

// pciChip is a PCI function by its ID. bar is the configuration register of its
// memory window, 0 for none; size is the window's, or 1 MiB where it is less
// (A 3.2).
type pciChip struct {
	name string
	id   uint32
	bar  uint8
	size uint32
	regs []register
}

const mib = 1 << 20

var chips = []pciChip{
	{"gt64010", 0x014611AB, 0, 0, nil},
	{"gt64120", 0x462011AB, 0, 0, nil},
	{"dec21050", 0x00011011, 0, 0, nil},
	{"dec21150", 0x00231011, 0, 0, nil},
	{"pd6729", 0x11001013, 0, 0, nil},
	{"sram", 0x00051137, 0, 0, nil},
	{"dec21140", 0x00091011, 0x14, mib, numbered("csr", 0, 8, 16)},
	{"am79c970", 0x20001022, 0x14, mib, numbered("r", 0, 4, 8)},
	{"i82543", 0x10018086, 0x10, mib, registers82543},
	{"mueslix", 0x00011137, 0x10, mib, registersMueslix},
	{"tneta1570", 0xA001104C, 0x10, 2 * mib, registersTNETA1570},
	{"plx9060es", 0x906E10B5, 0, 0, nil},
	{"plx9060", 0x906010B5, 0x10, mib, registersPLX},
	{"plx9054", 0x905410B5, 0x10, mib, append(registersPLX, register{"range1", 0xF0})},
	{"pa4b", 0x401310EE, 0x10, 8 * mib, registersPA4B},
	{"pm7380", 0x738011F8, 0, 0, nil},
	{"pos", 0x00000000, 0x10, mib, nil},
}

// numbered returns n registers, step bytes apart.
func numbered(name string, from, step, n uint32) []register {
	var r []register
	for i := range n {
		r = append(r, register{name + decimal(i), from + i*step})
	}
	return r
}

func decimal(n uint32) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return decimal(n/10) + decimal(n%10)
}

// registers82543: A 12.1 and 12.5.
var registers82543 = []register{
	{"ctrl", 0x0000}, {"status", 0x0008}, {"eecd", 0x0010}, {"ctrl-ext", 0x0018}, {"mdic", 0x0020}, {"fcal", 0x0028},
	{"fcah", 0x002C}, {"fct", 0x0030}, {"vet", 0x0038}, {"icr", 0x00C0}, {"itr", 0x00C4}, {"ics", 0x00C8}, {"ims", 0x00D0},
	{"imc", 0x00D8}, {"rctl", 0x0100}, {"rdtr-old", 0x0108}, {"rdbal-old", 0x0110}, {"rdbah-old", 0x0114},
	{"rdlen-old", 0x0118}, {"rdh-old", 0x0120}, {"rdt-old", 0x0128}, {"fcttv", 0x0170}, {"txcw", 0x0178}, {"rxcw", 0x0180},
	{"tctl", 0x0400}, {"tipg", 0x0410}, {"tdbal-old", 0x0420}, {"tdbah-old", 0x0424}, {"tdlen-old", 0x0428},
	{"tdh-old", 0x0430}, {"tdt-old", 0x0438}, {"ait", 0x0458}, {"ledctl", 0x0E00}, {"pba", 0x1000}, {"fcrtl", 0x2160},
	{"fcrth", 0x2168}, {"rdbal", 0x2800}, {"rdbah", 0x2804}, {"rdlen", 0x2808}, {"rdh", 0x2810}, {"rdt", 0x2818},
	{"rdtr", 0x2820}, {"rxdctl", 0x2828}, {"radv", 0x282C}, {"tdbal", 0x3800}, {"tdbah", 0x3804}, {"tdlen", 0x3808},
	{"tdh", 0x3810}, {"tdt", 0x3818}, {"tidv", 0x3820}, {"txdctl", 0x3828}, {"gprc", 0x4074}, {"gptc", 0x4080},
	{"rxcsum", 0x5000}, {"mta0", 0x5200}, {"ral0", 0x5400}, {"rah0", 0x5404}, {"vfta0", 0x5600},
}

// registersMueslix: A 11.1 and 11.2.
var registersMueslix = func() []register {
	r := []register{
		{"status", 0x0000}, {"mask", 0x0010}, {"enable", 0x0014}, {"r18", 0x0018}, {"r48", 0x0048}, {"r7c", 0x007C},
	}
	for ch := range uint32(4) {
		for _, x := range []register{
			{"crc", 0x00}, {"shift", 0x40}, {"divider", 0x44}, {"modem", 0x60}, {"cable", 0x64}, {"tx-start", 0x80},
			{"tx-end", 0x84}, {"rx-start", 0x88}, {"rx-end", 0x8C}, {"r90", 0x90},
		} {
			r = append(r, register{decimal(ch) + "-" + x.name, 0x100*(ch+1) + x.off})
		}
	}
	return append(r, []register{
		{"microcode0", 0x2000}, {"microcode1", 0x2004}, {"microcode-last", 0x27FC}, {"x0", 0x2A00}, {"x-last", 0x2AFC},
		{"y0", 0x2B00}, {"y-last", 0x2BFC}, {"options", 0x2C00}, {"response", 0x2C2C},
	}...)
}()

// registersTNETA1570: A 14.1 and 14.2. Register E, the software reset, acts
// when it is read.
var registersTNETA1570 = append(append(numbered("r", 0x3200, 4, 14), numbered("ring", 0x3400, 4, 4)...), []register{
	{"schedule", 0x0000}, {"free-rings", 0x3800}, {"vpi", 0x4000}, {"tx-dma", 0x8000}, {"rx-dma", 0x10000},
	{"memory-last", 0xFFFFC}, {"beyond", 0x100000}, {"board", 0x18000C},
}...)

// registersPLX: A 15.
var registersPLX = []register{{"range0", 0x00}, {"r04", 0x04}, {"to-local", 0x60}, {"to-pci", 0x64}}

// registersPA4B: A 17.
var registersPA4B = []register{
	{"action", 0x08}, {"r40000", 0x40000}, {"r40008", 0x40008}, {"r40020", 0x40020}, {"r40021", 0x40021},
	{"r40023", 0x40023}, {"r40030", 0x40030}, {"r40040", 0x40040}, {"r40044", 0x40044}, {"sid", 0x40050},
}

// blocks are the fixed registers of the board (C 4.2, 4.3, 6.1, 7.1, 13.1).
// Left out: those that act when they are read, which have steps of their own
// (0x34 of the remote-control device stops the router).
var blocks = []block{
	{"remote", remoteBase, []register{
		{"id", 0x00}, {"cpu", 0x04}, {"r08", 0x08}, {"r0c", 0x0C}, {"ram", 0x14}, {"rom", 0x18}, {"nvram", 0x1C},
		{"iomem", 0x20}, {"confreg", 0x24}, {"entry", 0x28}, {"machine", 0x2C}, {"restart", 0x30}, {"log", 0x38},
		{"log-char", 0x3C}, {"console", 0x40}, {"nvram-base", 0x44}, {"smart-init", 0x48}, {"cookie-index", 0x4C},
		{"cookie", 0x50}, {"var-status", 0x58}, {"r60", 0x60}, {"r100", 0x100},
	}},
	{"mp", mpBase, []register{
		{"r00", 0x00}, {"net-status-a", 0x10}, {"r14", 0x14}, {"net-status-b", 0x18}, {"net-mask-a", 0x20},
		{"net-mask-b", 0x28}, {"r30", 0x30}, {"tdm", 0x38}, {"pa-mgmt", 0x40}, {"r48", 0x48}, {"pa-status", 0x50},
		{"pa-control", 0x58}, {"eeprom-a", 0x60}, {"eeprom-b", 0x68}, {"err-stat", 0x70}, {"err-enable", 0x78}, {"r80", 0x80},
	}},
	{"io", ioBase, []register{
		{"r200", 0x200}, {"control", 0x204}, {"temp-control", 0x20C}, {"temp-out", 0x214}, {"eeprom", 0x21C},
		{"temp-in", 0x22C}, {"watchdog", 0x234}, {"flash-id", 0x23C}, {"leds", 0x244}, {"voltages", 0x254},
		{"net-status-c", 0x294}, {"net-mask-c", 0x2A4}, {"pa-status2", 0x2D4}, {"pa-control2", 0x2DC}, {"eeprom7", 0x2E4},
		{"oir2", 0x2F4}, {"r338", 0x338}, {"pem", 0x388}, {"presence", 0x390}, {"g2-status", 0x3C0}, {"g2-index", 0x3C4},
		{"g2-data", 0x3C8}, {"g2-select", 0x3CC}, {"pcmcia", 0x3D4},
		{"mra", 0x404}, {"sra", 0x40C}, {"cra", 0x414}, {"acr", 0x424}, {"isr", 0x42C}, {"ctu", 0x434}, {"ctl", 0x43C},
		{"mrb", 0x444}, {"srb", 0x44C}, {"crb", 0x454}, {"rhrb", 0x45C}, {"r464", 0x464}, {"opcr", 0x46C}, {"start", 0x474},
		{"stop", 0x47C}, {"r480", 0x480},
	}},
}

// gtRegisters are those of the system controllers (C 4.2, 4.3).
var gtRegisters = []uint32{
	0x000, 0x008, 0x010, 0x018, 0x020, 0x028, 0x030, 0x038, 0x040, 0x048, 0x058, 0x080, 0x100, 0x108, 0x400, 0x404, 0x408,
	0x40C, 0x410, 0x414, 0x418, 0x41C, 0x44C, 0x800, 0x80C, 0x810, 0x814, 0x818, 0x81C, 0x820, 0x824, 0x828, 0x82C, 0x830,
	0x834, 0x838, 0x83C, 0x840, 0x844, 0x848, 0x84C, 0x850, 0x85C, 0x860, 0x864, 0x870, 0x87C, 0xC00, 0xC04, 0xC08, 0xC0C,
	0xC18, 0xC1C, 0xC24, 0xC28, 0xC30, 0xC34, 0xC98, 0xC9C, 0xCF0, 0xCF8,
}
