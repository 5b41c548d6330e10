package chip

// Lanes reaches memory with the bytes of each longword reversed: byte a of the
// device is byte a XOR 3 of the bus. That is how the data of a little-endian
// chip cross a bus that keeps longwords as they are (adapters-7200 reference,
// section 4).
type Lanes struct {
	Memory Memory
	// Unswap returns the address at which the n bytes at pa are in natural
	// order, which there is where pa lies in a byte-swapping window. It saves
	// swapping twice. It may be nil.
	Unswap func(pa uint64, n int) (uint64, bool)

	buf [2048]byte
}

func (l *Lanes) behind(pa uint64, n int) (uint64, bool) {
	if l.Unswap == nil {
		return 0, false
	}
	return l.Unswap(pa, n)
}

// ReadAt fills p from device address pa on.
func (l *Lanes) ReadAt(pa uint64, p []byte) {
	if at, ok := l.behind(pa, len(p)); ok {
		l.Memory.ReadAt(at, p)
		return
	}
	for len(p) > 0 {
		skip := int(pa & 3)
		n := min(len(p), len(l.buf)-8)
		b := l.buf[:(skip+n+3)&^3]
		l.Memory.ReadAt(pa&^3, b)
		SwapLanes(b)
		copy(p[:n], b[skip:])
		pa, p = pa+uint64(n), p[n:]
	}
}

// WriteAt stores p from device address pa on. Nothing but the bytes of p is
// written.
func (l *Lanes) WriteAt(pa uint64, p []byte) {
	if at, ok := l.behind(pa, len(p)); ok {
		l.Memory.WriteAt(at, p)
		return
	}
	for len(p) > 0 {
		n := 1
		if pa&3 == 0 && len(p) >= 4 {
			n = min(len(p), len(l.buf)) &^ 3
		}
		b := l.buf[:copy(l.buf[:n], p)]
		if n == 1 {
			l.Memory.WriteAt(pa^3, b)
		} else {
			SwapLanes(b)
			l.Memory.WriteAt(pa, b)
		}
		pa, p = pa+uint64(n), p[n:]
	}
}

// SwapLanes reverses the bytes of each longword of p. A last part that is no
// whole longword stays as it is.
func SwapLanes(p []byte) {
	for ; len(p) >= 4; p = p[4:] {
		p[0], p[1], p[2], p[3] = p[3], p[2], p[1], p[0]
	}
}
