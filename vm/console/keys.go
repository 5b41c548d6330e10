package console

// Keys turns what a terminal or a script sends into what a router's console
// expects. The zero value is ready; each source of keys needs its own.
//
//   - Enter is one carriage return, whether it comes as CR, LF, CR LF or CR NUL.
//   - The arrow keys are Ctrl-P, Ctrl-N, Ctrl-F and Ctrl-B.
//   - Other NULs are dropped.
type Keys struct {
	state keyState
}

type keyState uint8

const (
	keyPlain   keyState = iota
	keyCR               // after a carriage return
	keyEscape           // after ESC, which is held back
	keyBracket          // after ESC [, both held back
)

const (
	nul    = 0x00
	lf     = 0x0a
	cr     = 0x0d
	escape = 0x1b
)

// arrows are the final bytes of the arrow keys: up, down, right, left.
var arrows = map[byte]byte{'A': 0x10, 'B': 0x0e, 'C': 0x06, 'D': 0x02}

// Append translates src and appends the result to dst. The beginning of an
// escape sequence at the end of src is held back until the next call.
func (k *Keys) Append(dst, src []byte) []byte {
	for _, b := range src {
		dst = k.appendByte(dst, b)
	}
	return dst
}

func (k *Keys) appendByte(dst []byte, b byte) []byte {
	prev := k.state
	k.state = keyPlain
	switch prev {
	case keyCR:
		if b == lf || b == nul {
			return dst
		}
	case keyEscape:
		if b == '[' {
			k.state = keyBracket
			return dst
		}
		dst = append(dst, escape)
	case keyBracket:
		if c, ok := arrows[b]; ok {
			return append(dst, c)
		}
		dst = append(dst, escape, '[')
	}
	switch b {
	case nul:
		return dst
	case cr, lf:
		if b == cr {
			k.state = keyCR
		}
		return append(dst, cr)
	case escape:
		k.state = keyEscape
		return dst
	}
	return append(dst, b)
}
