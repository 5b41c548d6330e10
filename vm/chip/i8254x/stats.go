package i8254x

// Counters, by the offset of their register (12.5 names the block; the places
// are those of Intel's manual).
const (
	statMPC   = (0x4010 - offStats) / 4 // missed frames
	statPRC64 = (0x405C - offStats) / 4 // received, by size: six counters
	statGPRC  = (0x4074 - offStats) / 4 // good frames received
	statBPRC  = (0x4078 - offStats) / 4 // of these, broadcast
	statMPRC  = (0x407C - offStats) / 4 // and multicast
	statGPTC  = (0x4080 - offStats) / 4 // good frames transmitted
	statGORC  = (0x4088 - offStats) / 4 // good octets received, 64 bits
	statGOTC  = (0x4090 - offStats) / 4
	statRNBC  = (0x40A0 - offStats) / 4 // received without a buffer
	statROC   = (0x40AC - offStats) / 4 // too long
	statTOR   = (0x40C0 - offStats) / 4 // all octets received, 64 bits
	statTOT   = (0x40C8 - offStats) / 4
	statTPR   = (0x40D0 - offStats) / 4 // all frames received
	statTPT   = (0x40D4 - offStats) / 4
	statPTC64 = (0x40D8 - offStats) / 4 // transmitted, by size
	statMPTC  = (0x40F0 - offStats) / 4
	statBPTC  = (0x40F4 - offStats) / 4
	statTSCTC = (0x40F8 - offStats) / 4 // segmented frames
)

// readStat reads a counter, which clears it. Of a 64-bit one the upper half is
// read last and clears both.
func (c *Chip) readStat(n int) uint32 {
	s := &c.State.Stat
	v := s[n]
	switch n {
	case statGORC, statGOTC, statTOR, statTOT:
		return v
	case statGORC + 1, statGOTC + 1, statTOR + 1, statTOT + 1:
		s[n-1] = 0
	}
	s[n] = 0
	return v
}

// count adds one to a counter, which sticks at its maximum.
func (c *Chip) count(n int) {
	if s := &c.State.Stat[n]; *s != ^uint32(0) {
		*s++
	}
}

func (c *Chip) countOctets(n, octets int) {
	s := &c.State.Stat
	v := uint64(s[n]) | uint64(s[n+1])<<32
	v += uint64(octets)
	s[n], s[n+1] = uint32(v), uint32(v>>32)
}

// countSize counts a frame of size bytes, FCS included, in one of six counters.
func (c *Chip) countSize(base, size int) {
	n := 0
	for limit := 64; n < 5 && size > limit; n++ {
		if limit == 64 {
			limit = 127
		} else {
			limit = 2*limit + 1
		}
	}
	c.count(base + n)
}

func (c *Chip) countSent(frame []byte) {
	size := len(frame) + crcSize
	c.count(statTPT)
	c.countOctets(statTOT, size)
	c.count(statGPTC)
	c.countOctets(statGOTC, size)
	c.countSize(statPTC64, size)
	switch {
	case isBroadcast(frame):
		c.count(statBPTC)
	case frame[0]&1 != 0:
		c.count(statMPTC)
	}
}

func (c *Chip) countReceived(frame []byte) {
	size := len(frame) + crcSize
	c.count(statGPRC)
	c.countOctets(statGORC, size)
	c.countSize(statPRC64, size)
	switch {
	case isBroadcast(frame):
		c.count(statBPRC)
	case frame[0]&1 != 0:
		c.count(statMPRC)
	}
}

func isBroadcast(frame []byte) bool {
	return len(frame) >= 6 && [6]byte(frame) == [6]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}
}
