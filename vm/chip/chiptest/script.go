package chiptest

import "encoding/binary"

// maxSteps bounds the time that one input of a fuzzer takes.
const maxSteps = 100

// Play reads a fuzzer's input as the steps of a guest that knows nothing: an
// operation, a byte and a longword each. rest is the input behind the step.
func Play(script []byte, step func(op, x byte, v uint32, rest []byte)) {
	const size = 6
	for n := 0; len(script) >= size && n < maxSteps; n++ {
		op, x, v := script[0], script[1], binary.BigEndian.Uint32(script[2:])
		script = script[size:]
		step(op, x, v, script)
	}
}
