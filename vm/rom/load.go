package rom

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// ELF constants (System V ABI, chapters 4 and 5).
const (
	elfHeaderSize     = 52
	elfSectionSize    = 40
	elfClass32        = 1
	elfClass64        = 2
	elfLittleEndian   = 1
	elfBigEndian      = 2
	elfTypeExecutable = 2
	sectionNoBits     = 8 // SHT_NOBITS
	flagAlloc         = 2 // SHF_ALLOC
)

// machines are the values of e_machine that are images for these routers:
// Cisco puts the number of the platform there.
//
// Source: cpu reference, 1.2 and 8.6.
var machines = map[uint16]string{
	8:    "MIPS",
	0x19: "Cisco 7200",
	0x1e: "Cisco 3620/3640",
	0x34: "Cisco 3660",
	0x61: "Cisco 3725",
	0x66: "Cisco 2691",
	0x69: "Cisco 3745",
}

// otherMachines name the processors of files that are handed in by mistake.
var otherMachines = map[uint16]string{
	3: "Intel 80386", 4: "Motorola 68000", 10: "MIPS, little-endian", 20: "PowerPC", 21: "64-bit PowerPC",
	40: "ARM", 43: "SPARC V9", 62: "x86-64", 183: "AArch64", 243: "RISC-V",
}

// NoRoom is the error of a write function for an address without memory; it
// completes the sentence "section .text at 0x80008000 …".
func NoRoom(ramMiB int) error { return fmt.Errorf("does not fit in %d MiB of RAM", ramMiB) }

type section struct {
	name string
	addr uint32
	size uint32
	data []byte // nil when the section is to be zeroed
}

type elf struct {
	machine  uint16
	entry    uint32
	sections []section
}

// Check tells whether image is a router image that Load can load, as far as
// that can be known without the router's RAM.
func Check(image []byte) error {
	_, err := parse(image)
	return err
}

// Entry returns the entry point of an image and the ELF machine number.
func Entry(image []byte) (entry uint32, machine uint16, err error) {
	e, err := parse(image)
	if err != nil {
		return 0, 0, err
	}
	return e.entry, e.machine, nil
}

// Load puts an ELF image into memory: each section that occupies memory is
// written at its virtual address, or zeroed when the file has no bytes for it.
// Program headers play no part. Nothing is written unless the whole file is
// in order. It returns the entry point.
//
// write and zero fail for addresses that have no memory (see NoRoom).
func Load(image []byte, write func(va uint32, p []byte) error, zero func(va uint32, n int) error) (entry uint32, err error) {
	e, err := parse(image)
	if err != nil {
		return 0, err
	}
	for _, s := range e.sections {
		if s.data != nil {
			err = write(s.addr, s.data)
		} else {
			err = zero(s.addr, int(s.size))
		}
		if err != nil {
			return 0, fmt.Errorf("section %s at %#08x (%d bytes) %w", s.name, s.addr, s.size, err)
		}
	}
	return e.entry, nil
}

func parse(image []byte) (*elf, error) {
	be := binary.BigEndian
	switch {
	case len(image) == 0:
		return nil, errors.New("the image is empty")
	case bytes.HasPrefix(image, []byte("PK\x03\x04")):
		return nil, errors.New("the image is a ZIP archive; unpack it and use the file inside")
	case bytes.HasPrefix(image, []byte("\x1f\x8b")):
		return nil, errors.New("the image is compressed with gzip; unpack it first")
	case !bytes.HasPrefix(image, []byte("\x7fELF")):
		return nil, errors.New("not a router image: not an ELF file")
	case len(image) < elfHeaderSize:
		return nil, fmt.Errorf("the image is truncated: %d bytes, an ELF header has %d", len(image), elfHeaderSize)
	case image[4] == elfClass64:
		return nil, errors.New("not a router image: a 64-bit ELF file, router images are 32-bit")
	case image[4] != elfClass32:
		return nil, fmt.Errorf("not a router image: ELF class %d is unknown", image[4])
	case image[5] == elfLittleEndian:
		if n := binary.LittleEndian.Uint16(image[18:]); n != 8 {
			return nil, fmt.Errorf("the image is for another CPU: little-endian, machine %s; wanted: MIPS, big-endian", machineName(n))
		}
		return nil, errors.New("the image is little-endian; router images are big-endian")
	case image[5] != elfBigEndian:
		return nil, fmt.Errorf("not a router image: ELF byte order %d is unknown", image[5])
	}
	e := &elf{machine: be.Uint16(image[18:]), entry: be.Uint32(image[24:])}
	if _, ok := machines[e.machine]; !ok {
		return nil, fmt.Errorf("the image is for another CPU: machine %s; wanted: MIPS (8) or a Cisco number "+
			"(0x19, 0x1e, 0x34, 0x61, 0x66, 0x69)", machineName(e.machine))
	}
	if t := be.Uint16(image[16:]); t != elfTypeExecutable {
		return nil, fmt.Errorf("the image is not an executable: ELF type %d, wanted 2", t)
	}

	shoff := uint64(be.Uint32(image[32:]))
	shentsize := uint64(be.Uint16(image[46:]))
	shnum := uint64(be.Uint16(image[48:]))
	shstrndx := uint64(be.Uint16(image[50:]))
	if shnum == 0 || shoff == 0 {
		return nil, errors.New("the image has no loadable section: its section headers were stripped")
	}
	if shentsize < elfSectionSize {
		return nil, fmt.Errorf("the image is damaged: section headers of %d bytes, %d is the least", shentsize, elfSectionSize)
	}
	if end := shoff + shnum*shentsize; end > uint64(len(image)) {
		return nil, fmt.Errorf("the image is truncated: section headers end at byte %d, the file has %d", end, len(image))
	}
	header := func(i uint64) []byte { return image[shoff+i*shentsize:][:elfSectionSize] }
	// content returns the bytes of the section; ok is false when the file
	// ends before it does.
	content := func(h []byte) (p []byte, ok bool) {
		off, size := uint64(be.Uint32(h[16:])), uint64(be.Uint32(h[20:]))
		if off+size > uint64(len(image)) {
			return nil, false
		}
		return image[off : off+size : off+size], true
	}
	var names []byte
	if shstrndx < shnum {
		names, _ = content(header(shstrndx))
	}
	name := func(i uint64, h []byte) string {
		if s := cString(names, be.Uint32(h)); s != "" {
			return s
		}
		return fmt.Sprint("number ", i)
	}

	for i := range shnum {
		h := header(i)
		kind, flags := be.Uint32(h[4:]), be.Uint32(h[8:])
		s := section{name: name(i, h), addr: be.Uint32(h[12:]), size: be.Uint32(h[20:])}
		if flags&flagAlloc == 0 || s.size == 0 || kind == 0 {
			continue
		}
		if uint64(s.addr)+uint64(s.size) > 1<<32 {
			return nil, fmt.Errorf("the image is damaged: section %s at %#08x (%d bytes) goes beyond the address space",
				s.name, s.addr, s.size)
		}
		if kind != sectionNoBits {
			var ok bool
			if s.data, ok = content(h); !ok {
				return nil, fmt.Errorf("the image is truncated: section %s ends at byte %d, the file has %d", s.name,
					uint64(be.Uint32(h[16:]))+uint64(s.size), len(image))
			}
		}
		e.sections = append(e.sections, s)
	}
	if len(e.sections) == 0 {
		return nil, errors.New("the image has no loadable section")
	}
	if e.entry%4 != 0 {
		return nil, fmt.Errorf("the image is damaged: entry point %#08x is not a multiple of 4", e.entry)
	}
	return e, nil
}

// Machine names the platform that an image of this ELF machine number is for; MIPS is of
// no platform, and runs on all.
func Machine(n uint16) string { return machines[n] }

func machineName(n uint16) string {
	if s, ok := otherMachines[n]; ok {
		return fmt.Sprintf("%s (%d)", s, n)
	}
	return fmt.Sprintf("%#x", n)
}

// cString returns the NUL-terminated string at off, "" when there is none.
func cString(p []byte, off uint32) string {
	if uint64(off) >= uint64(len(p)) {
		return ""
	}
	p = p[off:]
	n := bytes.IndexByte(p, 0)
	if n < 0 {
		return ""
	}
	return string(p[:n])
}
