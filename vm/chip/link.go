package chip

// Link is the link bit of a transceiver, which a loss clears until it is read
// (IEEE 802.3, 22.2.4.2). It is a field of its chip's State.
type Link struct {
	Up   bool // as last seen
	Lost bool // since the last read
}

// See takes note of whether there is a link, and reports whether that is new.
func (l *Link) See(up bool) (changed bool) {
	changed = up != l.Up
	l.Up = up
	l.Lost = l.Lost || changed && !up
	return changed
}

// Read returns the link bit of the status register.
func (l *Link) Read() bool {
	up := l.Up && !l.Lost
	l.Lost = false
	return up
}

// controlOff are the bits of a transceiver's control register that take it off
// the wire: power down and isolate (IEEE 802.3, 22.2.4.1).
const controlOff = 1<<11 | 1<<10

// TransceiverOff reports whether a control register, register 0, takes the
// transceiver off the wire.
func TransceiverOff(control uint16) bool { return control&controlOff != 0 }

// TransceiversOff is TransceiverOff for a management interface at which every
// address answers, of which a guest may use any: it reports whether all of those
// are off to whose control register something was written. The registers are by
// address and number.
func TransceiversOff(register *[32][32]uint16) bool {
	off := false
	for i := range register {
		control := register[i][0]
		if control != 0 && !TransceiverOff(control) {
			return false
		}
		off = off || control != 0
	}
	return off
}
