package mips

// MaxTLB is the size of the largest TLB of the family.
const MaxTLB = 64

// State is the architectural state of the processor and nothing else: what a
// snapshot holds, and what an interpreter and a translator share. Between two
// calls of Run, PC is never in a delay slot.
type State struct {
	GPR    [32]uint64 // GPR[0] is always 0
	HI, LO uint64
	PC     uint64 // of the next instruction

	FPR  [32]uint64 // with FR = 0 an even register holds an odd one's word in its upper half
	FCSR uint32     // FCR31

	CP0 CP0
	TLB [MaxTLB]TLBEntry

	LL      bool   // LLbit
	Waiting bool   // WAIT was executed and no interrupt has come since
	Lines   uint32 // asserted interrupt lines IP2..IP7, laid out as Cause.IP (bits 10..15)

	// Count reads as scaled guest time plus CountBase (timer.go).
	CountBase uint64
	// Retired counts executed instructions, those that raised an exception
	// included, up to the last time that Run returned.
	Retired uint64
}

// CP0 holds the system control registers that store something (cpu reference,
// section 3). 64-bit registers are kept whole, 32-bit ones zero-extended.
type CP0 struct {
	Index      uint32
	RandomBase uint64 // Retired at which Random was at its top (tlb.go)
	EntryLo0   uint64
	EntryLo1   uint64
	Context    uint64
	PageMask   uint32
	Wired      uint32
	BadVAddr   uint64
	EntryHi    uint64
	Compare    uint32
	Status     uint32
	Cause      uint32 // without the hardware lines, which are in State.Lines
	EPC        uint64
	LLAddr     uint64
	XContext   uint64
	ErrorEPC   uint64

	Other [32]uint64 // registers that are plain storage, by number
	Set1  [32]uint32 // RM7000: IPLLO 18, IPLHI 19, IntControl 20, DErrAddr 26 and 27
}

// TLBEntry is one entry of the joint TLB, mapping an even and an odd page.
type TLBEntry struct {
	Mask   uint64 // PageMask bits 24:13
	Hi     uint64 // region, VPN2 and ASID, without the bits under Mask
	Lo     [2]uint64
	Global bool
}

// Bits of Status.
const (
	StatusIE  = 1 << 0
	StatusEXL = 1 << 1
	StatusERL = 1 << 2
	StatusKSU = 3 << 3
	StatusUX  = 1 << 5
	StatusSX  = 1 << 6
	StatusKX  = 1 << 7
	StatusIM  = 0xff << 8
	StatusBEV = 1 << 22
	StatusFR  = 1 << 26
	StatusCU0 = 1 << 28
	StatusCU1 = 1 << 29
	StatusCU2 = 1 << 30
	StatusCU3 = 1 << 31
)

// Bits of Cause.
const (
	CauseBD      = 1 << 31
	causeCEShift = 28
	causeIP      = 0xff << 8
	causeSoftIP  = 3 << 8
	causeExcCode = 0x1f << 2
)

// Bits of EntryLo.
const (
	entryLoG    = 1 << 0
	entryLoV    = 1 << 1
	entryLoD    = 1 << 2
	entryLoPFN  = 0x3fffffc0
	entryLoMask = 0x7fffffff
)

const (
	pageMaskBits = 0x01ffe000
	entryHiASID  = 0xff
	entryHiVPN2  = 0xc00000ffffffe000
)
