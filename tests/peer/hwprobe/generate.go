package hwprobe

import (
	"fmt"
	"strings"
)

// tablesC returns the tables as C; src/probe.h declares them.
func tablesC() string {
	var b strings.Builder
	b.WriteString("/* Made from tables.go. */\n#include \"probe.h\"\n")
	registers := func(name string, regs []register) {
		fmt.Fprintf(&b, "static const struct reg %s[] = {\n", name)
		for _, r := range regs {
			fmt.Fprintf(&b, "\t{ %q, %#x },\n", r.name, r.off)
		}
		if len(regs) == 0 {
			b.WriteString("\t{ 0, 0 },\n")
		}
		b.WriteString("};\n")
	}
	sockets := func(name string, all []socket) {
		fmt.Fprintf(&b, "const struct socket %s[] = {\n", name)
		for _, s := range all {
			fmt.Fprintf(&b, "\t{ %q, %#x, %d, %d, %d, %d, %#x },\n", s.name, s.reg, s.cs, s.clk, s.din, s.dout, s.keep)
		}
		fmt.Fprintf(&b, "};\nconst u32 n%s = %d;\n", name, len(all))
	}

	for i, x := range blocks {
		registers(fmt.Sprintf("block%d", i), x.regs)
	}
	b.WriteString("const struct block blocks[] = {\n")
	for i, x := range blocks {
		fmt.Fprintf(&b, "\t{ %q, %#x, block%d, %d },\n", x.name, x.base, i, len(x.regs))
	}
	fmt.Fprintf(&b, "};\nconst u32 nblocks = %d;\nconst u32 gt_regs[] = {", len(blocks))
	for i, off := range gtRegisters {
		if i%8 == 0 {
			b.WriteString("\n\t")
		}
		fmt.Fprintf(&b, "%#x, ", off)
	}
	fmt.Fprintf(&b, "\n};\nconst u32 ngt_regs = %d;\n", len(gtRegisters))
	sockets("slot_sockets", slotSockets)
	sockets("board_sockets", boardSockets)

	for i, x := range chips {
		registers(fmt.Sprintf("chip%d", i), x.regs)
	}
	b.WriteString("const struct chip chips[] = {\n")
	for i, x := range chips {
		fmt.Fprintf(&b, "\t{ %q, %#x, %#x, %#x, chip%d, %d },\n", x.name, x.id, x.bar, x.size, i, len(x.regs))
	}
	fmt.Fprintf(&b, "};\nconst u32 nchips = %d;\nconst struct card cards[] = {\n", len(chips))
	for _, list := range [][]card{ioCards, portAdapters} {
		for _, x := range list {
			fmt.Fprintf(&b, "\t{ %q, { %#x, %#x }, %d },\n", x.name, x.eeprom[0], x.eeprom[1], x.ports)
		}
	}
	fmt.Fprintf(&b, "};\nconst u32 ncards = %d;\nconst struct board boards[] = {\n", len(ioCards)+len(portAdapters))
	for _, x := range boards {
		fmt.Fprintf(&b, "\t{ %q, { %#x, %#x }, %#x, %d, %d, %d, %#x, {\n", x.name, x.cpu[0], x.cpu[1], x.pem, x.ports,
			truth(x.second), truth(x.hidden), x.sram)
		for _, p := range x.slots {
			dev := [2]int{}
			copy(dev[:], p.bridges)
			fmt.Fprintf(&b, "\t\t{ %d, %d, { %d, %d }, %d },\n", p.root, len(p.bridges), dev[0], dev[1], p.first)
		}
		b.WriteString("\t} },\n")
	}
	fmt.Fprintf(&b, "};\nconst u32 nboards = %d;\n", len(boards))
	return b.String()
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}
