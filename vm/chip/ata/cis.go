package ata

// Tuple codes of the card information structure (PC Card metaformat
// specification).
const (
	tupleDevice       = 0x01
	tupleDeviceOC     = 0x1C // under other conditions: 3.3 V
	tupleJEDEC        = 0x18
	tupleManufacturer = 0x20
	tupleVersion      = 0x15
	tupleFunction     = 0x21
	tupleFunctionExt  = 0x22
	tupleConfig       = 0x1A
	tupleEntry        = 0x1B
	tupleNoLink       = 0x14
	tupleEnd          = 0xFF
)

// cis is the card information structure, a byte a cell. Its values are those
// of c7200 reference 11.2; the names in it are this project's.
var cis = tuples(
	tuple{tupleDevice, "\xD9\x01\xFF"},
	tuple{tupleDeviceOC, "\x03\xD9\x01\xFF"},
	tuple{tupleJEDEC, "\xDF\x01"},
	tuple{tupleManufacturer, "\x34\x12\x00\x02"},
	tuple{tupleVersion, "\x04\x01" + "dynemu ATA Flash Card    \x00" + "DYNE0  \x00" + "DYNE0\x00\xFF"},
	tuple{tupleFunction, "\x04\x01"}, // a fixed disk, to be set up at power-on
	tuple{tupleFunctionExt, "\x01\x01"},
	tuple{tupleFunctionExt, "\x02\x04\x5F"},
	tuple{tupleConfig, "\x01\x03\x00\x02\x0F"}, // last entry 3, registers at 0x200
	// The ways to configure the card: memory, any I/O address, and the two
	// addresses of an AT disk; each with 5 V and then with 3.3 V.
	tuple{tupleEntry, "\xC0\x40\xA1\x27\x55\x4D\x5D\x75\x08\x00\x21"},
	tuple{tupleEntry, "\x00\x01\x21\xB5\x1E\x4D"},
	tuple{tupleEntry, "\xC1\x41\x99\x27\x55\x4D\x5D\x75\x64\xF0\xFF\xFF\x21"},
	tuple{tupleEntry, "\x01\x01\x21\xB5\x1E\x4D"},
	tuple{tupleEntry, "\xC2\x41\x99\x27\x55\x4D\x5D\x75\xEA\x61\xF0\x01\x07\xF6\x03\x01\xEE\x21"},
	tuple{tupleEntry, "\x02\x01\x21\xB5\x1E\x4D"},
	tuple{tupleEntry, "\xC3\x41\x99\x27\x55\x4D\x5D\x75\xEA\x61\x70\x01\x07\x76\x03\x01\xEE\x21"},
	tuple{tupleEntry, "\x03\x01\x21\xB5\x1E\x4D"},
	tuple{tupleNoLink, ""},
)

type tuple struct {
	code byte
	body string
}

func tuples(list ...tuple) (b []byte) {
	for _, t := range list {
		b = append(b, t.code, byte(len(t.body)))
		b = append(b, t.body...)
	}
	return append(b, tupleEnd)
}
