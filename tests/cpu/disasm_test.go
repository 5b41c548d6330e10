package cpu

func disassemble(pc uint64, w uint32) string { return "" }
