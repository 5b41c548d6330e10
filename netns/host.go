package netns

import (
	"errors"
	"os"
)

// LinkHost joins the Ethernet port to an interface hostIf, which it makes, in the
// host's namespace: the one that the process was started in. The interface is
// up, and has the address (ADDRESS/LEN, or "" for none). Port and interface have
// carrier when the port is up as in LinkVeth. An interface hostIf that is there
// and is none of this port is an error that wraps ErrHostInterface.
func (m *Manager) LinkHost(port Endpoint, hostIf, address string, up bool) error {
	return errors.ErrUnsupported
}

// UnlinkHost removes the interface of LinkHost and the port's carrier. It does
// nothing when there is none of this port.
func (m *Manager) UnlinkHost(port Endpoint, hostIf string) error { return errors.ErrUnsupported }

// ErrHostInterface is returned for an interface of the host's namespace that
// exists but was not made for this port.
var ErrHostInterface = errors.New("interface of the host exists and is not this port's")

// OpenHostTAP takes hold of the TAP interface name in the host's namespace. It
// makes one that goes with the descriptor, and brings it up, when there is none.
func (m *Manager) OpenHostTAP(name string) (*os.File, error) { return nil, errors.ErrUnsupported }
