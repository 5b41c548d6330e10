package netns

import (
	"errors"
	"os"
)

// OpenCable plugs a cable into the Ethernet port whose other end is a descriptor:
// a TAP beside the port's own, joined to it as the end of a veth pair would be.
// What the port sends is read from it, what is written to it the port receives.
// It takes the place of another cable in the port. The port has no carrier until
// PlugCable gives it. The cable is there until RemoveCable, held or not.
func (m *Manager) OpenCable(port Endpoint) (*os.File, error) { return nil, errors.ErrUnsupported }

// PlugCable gives or takes the carrier of the port and of its cable.
func (m *Manager) PlugCable(port Endpoint, up bool) error { return errors.ErrUnsupported }

// RemoveCable pulls the cable of OpenCable out, if there is one, and takes the
// port's carrier.
func (m *Manager) RemoveCable(port Endpoint) error { return errors.ErrUnsupported }
