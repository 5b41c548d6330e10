package mips

// Model is a processor type.
type Model struct {
	Name    string
	PRId    uint32 // CP0 register 15 (cpu reference, 1.1)
	TLBSize int    // entries, at most MaxTLB
	FPU     bool   // false: every COP1 instruction raises Coprocessor Unusable
}

// The processors of the 7200, 3600, 2691 and 37xx (cpu reference, 1.1).
var (
	R4600  = Model{"R4600", 0x00002012, 48, true}
	R4700  = Model{"R4700", 0x00002112, 48, true}
	R5000  = Model{"R5000", 0x00002312, 48, true}
	RM5271 = Model{"RM5271", 0x00002812, 48, true}
	RM7000 = Model{"RM7000", 0x00002721, 64, true}
)

// Constants that read the same on every model (cpu reference, 1.3 and 1.4).
const (
	configValue  = 0x00c08ff0         // Config: sizes by which guests flush caches
	infoValue    = 0x20000000         // CP0 register 7: 64-entry TLB enabled
	config1Value = 0xfffffffffe000000 // set 1 register 16, sign-extended
	resetPC      = 0xffffffffbfc00000
	resetSP      = 0xffffffff80004000
)
