package chiptest

// WantRoom checks that a chip is ready for n frames that come from its wire, and
// not for one more.
func (r *Rig) WantRoom(n int, ready func() bool, receive func()) {
	r.Helper()
	for i := range n {
		if !ready() {
			r.Fatalf("not ready for frame %d of %d", i+1, n)
		}
		receive()
	}
	if ready() {
		r.Errorf("ready for more than %d frames", n)
	}
}
