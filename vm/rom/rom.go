// Package rom holds the boot ROM and the loader of router images.
//
// The ROM (src/) is code for the emulated processor: it starts the image that
// the loader has put into RAM, answers its monitor calls and takes the
// exceptions that come before the image has handlers of its own. It is the same
// for all MIPS routers, since it learns what it runs on from the remote-control
// device (package remote).
//
// The loader knows nothing of memory maps: the board gives it functions that
// write at virtual addresses.
//
// Source: cpu reference, 8.
package rom

import _ "embed"

//go:embed rom.bin
var image []byte

// Base is the physical address of the ROM; the processor starts there, at
// kseg1 0xbfc00000.
const Base = 0x1fc00000

// Image returns the code of the boot ROM, what the processor sees from Base
// on. The rest of the ROM's window reads zero. The slice must not be changed.
func Image() []byte { return image }
