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
	a(`mp pa-mgmt `, `(4:|8:0{8})00000000`, `(4:|8:0{8})[06]+00`, "MP FPGA 0x40, PA status"),
	a(`gt2?  \w+ 8:`, `8:0{8}`, ``, "GT 64-bit accesses"),
	a(`eeprom \S+ opcode 0 after \d zeros `, ``, `fffff then ffff$`, "EEPROM, second command without deselecting"),
	a(`dma swapped `, `( 55555555){8}$`, `\+000 44332211 88664422 `, "GT DMA through swapped windows"),
	a(`write gt 80c/`, `reads 00000000$`, `write gt 80c/\d (\w+) reads `, "GT DMA byte counts"),
	a(`calendar year `, ``, `year [0-9]{2}$`, "calendar year"),
	a(`duart (THRA written|flushed): `, `isr 00000010$`, `isr 00000000$`, "DUART TxRDY B"),

	// PCI configuration space.
	a(`pci \S+ reg (04|10|3c) `, `4:00000000 2:0000,0000 1:00,00,00,00$`, `reg (04 4:0000(2002|8002)|10 4:01000000|3c 4:0001(0000|1428|1818|ff00)) `,
		"command, status, latency, I/O base, interrupt"),
	a(`pci \S+ write (04|0c|3c|40) `, `( 00000000){3}$`, `04 reads (02[28]0|0000)01[45][67] (02[28]0|0000)0000 (02[28]0|0000)00[45]2$|`+
		`0c reads 0000ffff 00000000 00005a5a$|3c reads \w{4}0[01]ff \w{4}0[01]00 \w{4}0[01]5a$|40 reads c000ff00 00000000 40005a00$`,
		"command, status, latency, I/O base, interrupt"),
	a(`bar \S+ \w+ sized `, `ffffffff$`, `sized (?:ff[0-9a-f]{4}[08]0|ffffffe0)$`, "base address registers"),

	// Storage.
	a(`flash (command 70|status) at `, ``, `4:80808080 2:8080,8080 `, "flash status"),
	a(`flash overwritten at `, `4:ffffffff `, `4:12345678 `, "flash programming"),
	a(`disk\d cis (19|1[cef]|2.|36|3e) `, ``, ``, "disk's name and volume number"),
	a(`disk\d volume `, ``, ``, "disk's name and volume number"),
	a(`disk\d total `, `000000\w{2}$`, `total 00\w+$`, "disk's total sectors"),

	// DEC 21140.
	a(`\d\.0 csr6 written `, ``, `reads \w+[80]$`, "CSR6 HP, HO, IF"),
	a(`\d\.0 csr9 bit 18 `, ` 00040000$`, ` 000c0000$`, "MII by the plain data-book pattern"),
	a(`\d\.0 mii plain pattern `, ` 00000$`, ` 22000$`, "MII by the plain data-book pattern"),
	a(`\d\.0 srom word `, ` 0000$`, ` ffff$`, "SROM"),
	a(`\d\.0 software reset `, `csr0 00000001 `, `csr0 fff80000 csr6 00000000 csr7 00000000$`, "software reset, CSR0 bit 0"),
	a(`\d\.0 .* csr5 more `, `more 0000 summary [02] rs [03] ts [03] eb 0$`, `more 0[0-3][08][0246] summary [0-3] rs [034] ts [036] eb 0$`,
		"RU, TU, RPS, TPS, GTE, RWT, TJT"),
	a(`\d\.0 cause in the last csr5 events `, `00 top 3f$`, `01 top 3f$`, "transmit interrupt"),
	a(`wire \d\.0 chained with a size, `, ` 96 bytes `, ` 64 bytes `, "TBS2 of a chained descriptor"),
	a(`(\d\.0|wire \d\.0) skip length\b`, `( 00000000 60000047|7[12] bytes .*)$`, `( 80000000 60000047|72 bytes .*|none)$`, "descriptor skip length"),
	a(`(\d\.0|wire \d\.0) late half\b`, ``, `descriptor 0 00000000|80 bytes`, "incomplete frame in the ring"),
	a(`\d\.0 masked in the chip: `, `network 01 lines 0400$`, `network 00 lines 0000$`, "CSR7"),
	a(`\d\.0 filter (perfect|no own|inverse|hash)`, `( 00\w{3}700| 00540[37]00)$`, `( 00540[37]00| 80000000)$`, "multicast"),
	a(`\d\.0 3000 bytes `, ``, `buffer [012] sum (3e412e94|78084f57|d036f404)$|descriptor 1 (08048190|0100fc00 12345804)|descriptor 2 80`,
		"frames above 2048 bytes"),
	a(`\d\.0 (two buffers, two descriptors|four descriptors|first size and bit 10) (descriptor|buffer) `, ``,
		`buffer \d sum (5befa6a1|d94c52df|23c7c778|92d23f95|e20733d9|093155a8|80a4c9d6)$|descriptor (0 0000c300|2 00000000|3 01f80100) `, "RBS2"),
	a(`\d\.0 overrun csr8 `, `00000000 then 00000000$`, `00000002 then 00000000$`, "CSR8"),
	a(`\d\.0 ends in mid-frame descriptor `, ` 00004300 `, ` 0000c300 `, "receive, ring ends in mid-frame"),
	a(`\d\.0 all written csr5 events `, `top 00$`, `top 3f$`, "CSR5, bits 31 to 26"),

	// Am79C971.
	a(`\d\.\d (r4 010|csr0 fresh|csr4 fresh|csr89 fresh) `, ``, `(4:|csr\d+ fresh |8:0{8})0000(0004|0115|0262)\b`, "CSR0, CSR4, CSR89 after reset"),
	a(`\d\.\d csr89 written `, ``, `( 00000262){3}$`, "CSR0, CSR4, CSR89 after reset"),
	a(`\d\.\d csr7[68] fresh `, `fresh 00000000 `, `fresh 0000ffff `, "CSR76, CSR78"),
	a(`\d\.\d csr4 written `, ``, `reads (00000040 csr5 00000000 csr7 00000000|5a5a5810 csr5 5a5a504a csr7 5a5a5050|fffffd55 csr5 fffff56e csr7 fffff555)$`,
		"CSR4, 5, 7 event bits; INIT; SPND"),
	a(`\d\.\d mii phy (1|31) reg `, ` 0000$`, ` ffff$`, "PHY | always up"),
	a(`\d\.\d mii reg 4 written `, ` 01e1$`, ` 1234$`, "PHY | always up"),
	a(`\d\.\d acknowledged csr0 events `, `iena 1$`, `iena 0$`, "IENA"),
	a(`wire \d\.\d padded, `, ` 20 bytes `, ` 60 bytes `, "padding, stripping, loopback, interrupt masks"),
	a(`(\d\.\d|wire \d\.\d) late half\b`, ``, `descriptor 0 0200|80 bytes`, "descriptor without STP; incomplete frame"),
	a(`\d\.\d filter (address|no broadcast) `, ``, `( 0300ff00 12345054| 8000ff00 12345678)$`, "MISS, missed frames, LADRF, DRCVBC, DRCVPA"),
	a(`\d\.\d ends in mid-frame descriptor `, ` 4b00`, ` 4700`, "BUFF is bit 27"),
	a(`\d\.\d overrun csr0 events `, `02 intr 1 iena 0$`, `4a intr 1 iena 0$`, "MISS, missed frames, LADRF, DRCVBC, DRCVPA"),
	a(`\d\.\d overrun csr112 `, `00000000$`, `00000002$`, "MISS, missed frames, LADRF, DRCVBC, DRCVPA"),

	// 82543.
	a(`\d\.\d .* icr again `, `00000080 000000[08]0$`, `00000000 00000000$`, "ICR | RXT0 raised again"),
	a(`\d\.\d (five descriptors|512) icr `, `00000080$`, `00000090$`, "RXDMT0"),
	a(`\d\.\d register (00[34c]|01[67]|04[15]|0e|10|21|28[23]|282|382|5)\w* written `, `( 00000000)+$`,
		`(ffff|0000)ffff 00000000 (5a5a|0000)5a5a$|1 bytes 000000ef$|2 bytes 0000cdef$`, "registers without effect"),
	a(`\d\.\d mdic data `, ` 10000000$`, ` 1821782c$`, "MDIC"),
	a(`\d\.\d half a frame head `, `head 1 `, `head 0 `, "frame without EOP"),
	a(`\d\.\d .* buffer \d beyond: `, `: [123] bytes$`, `: 0 bytes$`, "buffers through unswapped addresses"),
	a(`\d\.\d reset ctrl `, `04000000 `, `00000000 `, "CTRL.RST, PHY_RST"),

	// Every network chip.
	a(`\d\.\d (ch\d )?nowhere `, `( (80|83|e0|0b)\w+)|head 0 tail 1$|status 00000000$`, `( (00|43|0b)\w+)|head 1 tail 1$|status 0000000[1248]$`, "unplugged port"),
	a(`\d\.\d (status|status 008) `, `00000003`, `00000001`, "| link | constant | follows the wire |"),
	a(`\d\.\d bmsr `, ` 1782c$`, ` 17808$`, "| link | constant | follows the wire |"),
	a(`\d\.\d link `, ` 782d$`, ` 7809$`, "PHY | always up"),

	a(`(\d\.\d|wire \d\.\d) loopback\b`, `( 55555555 aaaa0000| 80000000 00000100| 8000ff00 12345678|head 0 tail 4|: 64 bytes .*)$`,
		`( 00000044 00000007| 00440300 00000100| 0300ff00 12345044|head 1 tail 4|: none)$`, "| loopback | ignored |"),

	// PA-4B.
	a(`\d\.\d action 008 8:`, `00000000f{8}$`, `f{16}$`, "64-bit reads"),

	// PA-A1.
	a(`wire \d\.\d last cell, `, ``, ` sum (aaf7a317|3265d4a6|13369651|120a8d4a|51fb1ddf|a1beb406|bfa02b2b|bfc020f8|51bf7280|627b5753)$`, "CRC of AAL5, sent"),
	a(`\d\.\d transparent( without PTI)? notify ring `, `ring( 80000000){4}$`, `ring 00\w+( 80000000){3}$`, "completion of a transparent packet"),
	a(`\d\.\d aal5 with a wrong CRC notify entry`, ``, ` 44000000 | 40000002 `, "receive errors"),
}
