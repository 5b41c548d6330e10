package mips

// maxSampleSteps bounds how far SamplePC lets the guest go on, in instructions.
const maxSampleSteps = 256

// SamplePC returns where the guest is, for statistics that show its idle loop: where
// its next branch or jump leads, since Dynamips' statistics know such places only, and
// so do the idle PCs that are known of images (cpu reference, 6.1). The guest executes
// the instructions up to there. ok is false where an idle PC would have no effect:
// interrupts are off, or an exception is being dealt with. It must be called between
// two calls of Run.
func (c *CPU) SamplePC() (pc uint64, ok bool) {
	for range maxSampleSteps {
		if c.irq || c.stop || c.s.Waiting {
			break
		}
		w, found := c.Core().Word(c.s.PC)
		if !found || !c.step() || isBranch(w) {
			break
		}
	}
	return c.s.PC, c.s.CP0.Status&(StatusIE|StatusEXL|StatusERL) == StatusIE
}
