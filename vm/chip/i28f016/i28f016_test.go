package i28f016

import (
	"bytes"
	"testing"
)

type memory []byte

func (m memory) ReadAt(p []byte, off int64) (int, error)  { return copy(p, m[off:]), nil }
func (m memory) WriteAt(p []byte, off int64) (int, error) { return copy(m[off:], p), nil }
func (m memory) Size() int64                              { return int64(len(m)) }
func (m memory) Sync() error                              { return nil }

func all(b byte) uint64 { return uint64(b) * 0x01010101 }

func TestCommands(t *testing.T) {
	content := make(memory, Size)
	s := New(content, nil, t.Logf)
	word := func(what string, off, want uint64) {
		t.Helper()
		if got := s.Read(off, 4); got != want {
			t.Errorf("%s: 0x%x reads %08x, want %08x", what, off, got, want)
		}
	}
	command := func(off uint64, c ...byte) {
		for _, b := range c {
			s.Write(off, 4, all(b))
		}
	}
	command(0x100, CmdReadIdentifier)
	word("manufacturer", 0, all(Manufacturer))
	word("device", 4, all(Device))
	word("behind the identifier", 8, 0)
	command(0, CmdReadArray)
	word("new content", 0, 0)

	const block = BlockSize * Chips
	command(block+0x400, CmdErase, CmdConfirm)
	word("status", 0, all(StatusReady))
	command(0, CmdReadArray)
	word("block before", block-4, 0)
	word("first of the block", block, 0xFFFFFFFF)
	word("last of the block", 2*block-4, 0xFFFFFFFF)
	word("block after", 2*block, 0)

	command(0, CmdProgram)
	s.Write(block, 4, 0x12345678)
	command(0, CmdProgramAlt)
	s.Write(block, 4, 0xFF00FFFF)
	word("status", 0, all(StatusReady))
	command(0, CmdReadArray)
	word("programmed twice", block, 0x12005678)

	command(0, CmdReadStatus)
	word("status", 0, all(StatusReady))
	word("status again", 0, all(StatusReady))
	command(0, CmdClearStatus)
	word("array again", block, 0x12005678)

	// One chip alone.
	s.Write(block+6, 1, CmdProgram)
	s.Write(block+6, 1, 0xA5)
	word("one chip's status", block+4, 0xFFFF80FF)
	s.Write(block+6, 1, CmdReadArray)
	word("one chip's byte", block+4, 0xFFFFA5FF)
	s.Write(3, 1, CmdErase)
	s.Write(block+3, 1, CmdConfirm)
	s.Write(3, 1, CmdReadArray)
	word("one chip erased", block, 0x120056FF)
	if !bytes.Equal(content[block:block+8], []byte{0x12, 0, 0x56, 0xFF, 0xFF, 0xFF, 0xA5, 0xFF}) {
		t.Errorf("stored % x", content[block:block+8])
	}
}

func TestWriteToBuffer(t *testing.T) {
	s := New(make(memory, Size), nil, t.Logf)
	s.Write(0, 4, all(CmdErase))
	s.Write(0, 4, all(CmdConfirm))
	s.Write(0x40, 4, all(CmdWriteToBuffer))
	if got := s.Read(0x40, 4); got != all(StatusReady) {
		t.Errorf("buffer's status %08x", got)
	}
	s.Write(0x40, 4, all(2))
	for i := range uint64(3) {
		s.Write(0x40+4*i, 4, 0x01020304*(i+1))
	}
	s.Write(0x40, 4, all(CmdConfirm))
	for i, want := range []uint64{0x01020304, 0x02040608, 0x0306090C, 0xFFFFFFFF} {
		if got := s.Read(0x40+4*uint64(i), 4); got != want {
			t.Errorf("word %d: %08x, want %08x", i, got, want)
		}
	}
	s.Write(0x40, 4, all(CmdWriteToBuffer))
	s.Write(0x40, 4, all(0))
	s.Write(0x40, 4, 0)
	s.Write(0x40, 4, all(CmdReadArray)) // not confirmed
	if got := s.Read(0x40, 4); got != 0x01020304 {
		t.Errorf("an abandoned write left %08x", got)
	}
}

// FuzzAccess writes at random: nothing may fail or leave the content.
func FuzzAccess(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0x20, 0, 0, 0, 0xD0, 0x7F, 0xFF, 0xFF, 0xE8, 0x7F, 0xFF, 0xFF, 0x1F})
	content := make(memory, Size)
	f.Fuzz(func(t *testing.T, ops []byte) {
		s := New(content, nil, nil)
		for ; len(ops) >= 4; ops = ops[4:] {
			off := uint64(ops[0])<<16 | uint64(ops[1])<<8 | uint64(ops[2])
			size := 1 << (ops[0] & 3)
			s.Write(off, size, all(ops[3]))
			s.Read(off, size)
		}
	})
}
