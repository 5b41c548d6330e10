package hwprobe

import "regexp"

// a makes an allowance: the beginning of the lines, what Dynamips' line matches,
// what dynemu's line matches ("": anything), and the words of docs/fidelity.md.
func a(line, theirs, here, doc string) allowance {
	x := allowance{line: regexp.MustCompile("^" + line), doc: doc}
	if theirs != "" {
		x.theirs = regexp.MustCompile(theirs)
	}
	if here != "" {
		x.here = regexp.MustCompile(here)
	}
	return x
}

// allowed are the differences that docs/fidelity.md gives reasons for.
var allowed = []allowance{
	// Board.
	a(`mp pa-mgmt `, `4:00000000 `, `4:[06]+00 `, "MP FPGA 0x40, PA status"),
	a(`eeprom \S+ opcode 0 after \d zeros `, ``, `fffff then ffff$`, "EEPROM, second command without deselecting"),
	a(`dma swapped `, `( 55555555){8}$`, `\+000 44332211 88664422 `, "GT DMA through swapped windows"),
	a(`write gt 80c/`, `reads 00000000$`, `write gt 80c/\d (\w+) reads `, "GT DMA byte counts"),
	a(`calendar year `, ``, `year [0-9]{2}$`, "calendar year"),
	a(`duart (THRA written|flushed): `, `isr 00000010$`, `isr 00000000$`, "DUART TxRDY B"),

	// PCI configuration space.
	a(`pci \S+ reg (04|10|3c) `, `4:00000000 2:0000,0000 1:00,00,00,00$`, ``, "command, status, latency, I/O base, interrupt"),
	a(`pci \S+ write (04|0c|3c|40) `, `( 00000000){3}$`, ``, "command, status, latency, I/O base, interrupt"),
	a(`bar \S+ \w+ sized `, `ffffffff$`, `(ffffff80|ffffffe0|fffe0000|ffffc000|fffff000|ff800000)$`, "base address registers"),

	// Storage.
	a(`flash (command 70|status) at `, ``, `4:80808080 2:8080,8080 `, "flash status"),
	a(`flash overwritten at `, `4:ffffffff `, `4:12345678 `, "flash programming"),
	a(`disk\d cis (1[9a-f]|[23].) `, ``, ``, "disk's name and volume number"),
	a(`sector 32 by chs`, ``, ``, "disk's name and volume number"),

	// Chips.
	a(`\d\.\d r4 010 `, `4:00000000 `, `4:00000004 `, "CSR0, CSR4, CSR89 after reset"),
}
