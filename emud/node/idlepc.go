package node

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"dynemu/vm"
)

// The operations about the idle loop of a router's guest.
const (
	OpIdleness    = "idleness"     // body: vm.Idleness
	OpSampleIdle  = "sample-idle"  // body: SampleRequest; begins it and does not wait
	OpIdleSamples = "idle-samples" // reply: IdleSamples
)

// SampleRequest says how often the guest's program counter is looked at, and after what
// time each.
type SampleRequest struct {
	Samples int           `json:"samples"`
	Every   time.Duration `json:"every_ns"`
}

// maxSamples bounds a request, so that the answer fits into a message.
const maxSamples = 10000

// Check says why the request is refused.
func (q SampleRequest) Check() error {
	if q.Samples < 1 || q.Samples > maxSamples || q.Every < time.Millisecond || q.Every > time.Second {
		return fmt.Errorf("%d samples, one each %v: 1 to %d samples are taken, one each 1 ms to 1 s", q.Samples, q.Every, maxSamples)
	}
	return nil
}

// IdleSamples is what the last sampling saw, or how far the one that is under way has come.
type IdleSamples struct {
	Sampling bool `json:"sampling,omitempty"`
	Done     int  `json:"done,omitempty"` // looks so far, of
	Of       int  `json:"of,omitempty"`
	// Error is why the last sampling failed; Counts then are of the one before.
	Error  string    `json:"error,omitempty"`
	Counts []PCCount `json:"counts,omitempty"`
}

// PCCount is how often the guest was at an address.
type PCCount struct {
	PC    uint64 `json:"pc"`
	Count int    `json:"count"`
}

// SetIdleness changes at once how the router knows that its guest has nothing to do.
func (n *Node) SetIdleness(i vm.Idleness) error {
	if err := n.do(OpIdleness, i, nil); err != nil {
		return err
	}
	n.change(func(s *Spec) { s.Config.SetIdleness(i) })
	n.remember()
	return nil
}

// SampleIdle begins to look where the guest is; IdleSamples then tells more. Where that
// is under way already nothing else begins.
func (n *Node) SampleIdle(samples int, every time.Duration) error {
	return n.do(OpSampleIdle, SampleRequest{Samples: samples, Every: every}, nil)
}

// IdleSamples returns what the sampling has come to.
func (n *Node) IdleSamples() (IdleSamples, error) {
	var s IdleSamples
	r, err := n.call(context.Background(), OpIdleSamples, nil, nil)
	if err != nil {
		return s, err
	}
	defer r.CloseFiles()
	if err := json.Unmarshal(r.Body, &s); err != nil {
		return s, fmt.Errorf("%s: %w", OpIdleSamples, err)
	}
	return s, nil
}
