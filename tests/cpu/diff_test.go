package cpu

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"dynemu/vm/mips"
)

var (
	instructions = flag.Uint64("instructions", 50_000_000, "random instructions to compare with qemu")
	seed         = flag.Uint64("seed", 0, "first seed; 0 takes one from the clock")
)

// TestRandomInstructions compares random instruction streams with qemu until
// -instructions were executed without a difference.
func TestRandomInstructions(t *testing.T) {
	needQemu(t)
	first := *seed
	if first == 0 {
		first = uint64(time.Now().UnixNano()) % 1_000_000_000
	}
	t.Logf("first seed %d (repeat with -args -seed %d)", first, first)
	var done uint64
	for s := first; done < *instructions; s++ {
		n, err := compareRandom(t, s)
		if err != nil {
			t.Fatalf("seed %d: %v", s, err)
		}
		done += n
	}
	t.Logf("%d instructions, no difference", done)
}

// randomSequences is how many sequences a random program has.
const randomSequences = 200

func compareRandom(t *testing.T, s uint64) (uint64, error) {
	const sequences, passes = randomSequences, 60
	p, starts, code := random(s, sequences, passes)
	path := filepath.Join(t.TempDir(), "random.elf")
	if err := os.WriteFile(path, elf64(p), 0o755); err != nil {
		return 0, err
	}
	want, err := runQemu(path)
	if err != nil {
		return 0, err
	}
	if n := sequences*passes*stateSize + 0x10000; len(want) != n {
		return 0, fmt.Errorf("qemu wrote %d bytes, want %d: the generated program is wrong", len(want), n)
	}
	var total uint64
	for _, engine := range engines {
		n, err := compareOutput(p, starts, code, engine, want)
		if err != nil {
			return n, fmt.Errorf("%s: %w", engine, err)
		}
		total += n
	}
	return total / uint64(len(engines)), nil
}

// compareOutput runs p here and compares what it writes with what qemu wrote.
func compareOutput(p program, starts, code []uint32, engine string, want []byte) (uint64, error) {
	const sequences = randomSequences
	got, n, err := runHere(p, engine)
	if err != nil {
		err = fmt.Errorf("after %d registers states: %w", len(got)/stateSize, err)
	}
	if bytes.Equal(got, want) {
		return n, err
	}
	for i := 0; i+stateSize <= min(len(got), len(want)); i += stateSize {
		if bytes.Equal(got[i:i+stateSize], want[i:i+stateSize]) {
			continue
		}
		k := i / stateSize % sequences
		return n, fmt.Errorf("pass %d, sequence %d (input %d) differs:\n%s%s", i/stateSize/sequences, k, i/stateSize%inputStates,
			differences(got[i:i+stateSize], want[i:i+stateSize]), listing(p, starts, code, k, i/stateSize%inputStates))
	}
	if err != nil {
		return n, err
	}
	return n, fmt.Errorf("registers agree, scratch memory differs (%d and %d bytes written)", len(got), len(want))
}

// differences names the registers of two dumps that differ.
func differences(got, want []byte) string {
	var b bytes.Buffer
	for off := 0; off < stateSize; off += 8 {
		g, w := binary.BigEndian.Uint64(got[off:]), binary.BigEndian.Uint64(want[off:])
		if g == w {
			continue
		}
		name := ""
		switch {
		case off < offHI:
			name = fmt.Sprintf("r%d", off/8)
		case off == offHI:
			name = "hi"
		case off == offLO:
			name = "lo"
		case off == offFCR31:
			name, g, w = "fcr31", g>>32, w>>32
		default:
			name = fmt.Sprintf("f%d", (off-offFPR)/8)
		}
		fmt.Fprintf(&b, "  %-5s here %016x  qemu %016x\n", name, g, w)
	}
	return b.String()
}

// listing shows the random part of a sequence and the inputs that it had.
func listing(p program, starts, code []uint32, k, input int) string {
	var b bytes.Buffer
	in := p.segments[1].data[input*stateSize:]
	for r := 0; r < 32; r++ {
		fmt.Fprintf(&b, "  r%-2d %016x  f%-2d %016x\n", r, binary.BigEndian.Uint64(in[8*r:]), r, binary.BigEndian.Uint64(in[offFPR+8*r:]))
	}
	fmt.Fprintf(&b, "  fcr31 %08x\n", binary.BigEndian.Uint32(in[offFCR31:]))
	end := codeVA + 4*uint32(len(code))
	if k+1 < len(starts) {
		end = starts[k+1]
	}
	for a := starts[k]; a < end; a += 4 {
		w := code[(a-codeVA)/4]
		fmt.Fprintf(&b, "  %08x: %08x  %s\n", a, w, mips.Disassemble(uint64(a), w))
	}
	return b.String()
}
