package nvram

import (
	"errors"
	"fmt"
)

// The .Z format of compress(1), which routers use for "service
// compress-config": two magic bytes, a byte of flags, then LZW codes of
// growing width, least significant bit first.
const (
	lzcMagic0    = 0x1F
	lzcMagic1    = 0x9D
	lzcBlockMode = 0x80 // code 256 empties the table
	lzcBitsMask  = 0x1F
	lzcMinBits   = 9
	lzcMaxBits   = 16
	lzcClear     = 256
)

// uncompress expands .Z data into at most limit bytes.
func uncompress(p []byte, limit int) ([]byte, error) {
	if len(p) < 3 || p[0] != lzcMagic0 || p[1] != lzcMagic1 {
		return nil, errors.New("it does not start with 1F 9D")
	}
	maxBits := uint(p[2] & lzcBitsMask)
	if maxBits < lzcMinBits || maxBits > lzcMaxBits {
		return nil, fmt.Errorf("codes of up to %d bits; known are %d to %d", maxBits, lzcMinBits, lzcMaxBits)
	}
	block := p[2]&lzcBlockMode != 0
	p = p[3:]

	first := 256
	if block {
		first = 257
	}
	prefix := make([]uint16, 1<<maxBits)
	suffix := make([]byte, 1<<maxBits)
	var out, stack []byte
	var lastByte byte
	next, bits, last := first, uint(lzcMinBits), -1
	pos, group := 0, 0 // bit position, and where the group of eight codes began

	// Codes come in groups of eight; a change of width leaves the rest of the
	// group, padding that the original program wrote, unread.
	align := func() {
		if n := int(bits) * 8; (pos-group)%n != 0 {
			pos += n - (pos-group)%n
		}
		group = pos
	}
	for pos+int(bits) <= len(p)*8 {
		i := pos / 8
		v := uint32(p[i])
		for k := 1; k <= 2 && i+k < len(p); k++ {
			v |= uint32(p[i+k]) << (8 * k)
		}
		code := int(v >> (pos % 8) & (1<<bits - 1))
		pos += int(bits)

		if block && code == lzcClear {
			align()
			next, bits, last = first, lzcMinBits, -1
			continue
		}
		stack = stack[:0]
		c := code
		switch {
		case last < 0 && code > 255:
			return nil, fmt.Errorf("code %d where a literal must be", code)
		case code > next || (code == next && last < 0):
			return nil, fmt.Errorf("code %d is not in the table of %d", code, next)
		case code >= next:
			stack = append(stack, lastByte)
			c = last
		}
		for c > 255 {
			stack = append(stack, suffix[c])
			c = int(prefix[c])
		}
		lastByte = byte(c)
		if len(out)+len(stack)+1 > limit {
			return nil, fmt.Errorf("it expands to more than %d bytes", limit)
		}
		out = append(out, lastByte)
		for k := len(stack) - 1; k >= 0; k-- {
			out = append(out, stack[k])
		}
		if last >= 0 && next < 1<<maxBits {
			prefix[next], suffix[next] = uint16(last), lastByte
			next++
		}
		last = code
		if next == 1<<bits && bits < maxBits {
			align()
			bits++
		}
	}
	return out, nil
}
