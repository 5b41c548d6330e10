package runner

import (
	"encoding/json"
	"fmt"
	"os"

	"dynemu/emud/node"
	"dynemu/vm/wire"
	"dynemu/vm/wire/capture"
)

// device is what a node runs: a router or a virtual switch. What is the same for
// both (wires, captures, filters and so on) is the runner's. Its methods are called in
// this order, and build to start once.
type device interface {
	// prepare takes what it needs of the message that starts it, and does what the
	// sandbox forbids.
	prepare(m *node.Received) error
	// build makes the device with the places for the wires of its ports.
	build() error
	// place returns the place for the wire of a port.
	place(p node.PortSpec) (*wire.Port, error)
	// wrap returns the wire as the device plugs it in.
	wrap(w wire.Wire) wire.Wire
	// settle returns once the device knows of what was plugged in or taken out, so that
	// what was asked for holds from the answer on, where that takes no processor's time.
	settle()
	// encapsulation is that of all its serial ports; empty where the guest decides.
	encapsulation() capture.Encapsulation
	// start starts the device, whose wires are plugged in.
	start() error
	// handle carries out a request that is not one for every device. A file that it
	// returns is closed by the caller; files of m that it keeps it takes from m.
	handle(m *node.Received) (body any, content *os.File, err error)
	// status adds what it has to say.
	status(s *node.Status)
	// done is closed when the device has ended by itself; ended then tells how.
	done() <-chan struct{}
	ended() ending
	// stop ends the device with everything saved.
	stop()
}

// newDevice returns the device of a description.
func (r *runner) newDevice(spec *node.Spec) (device, error) {
	if spec.Switch != nil {
		return newSwitch(r, *spec.Switch)
	}
	return newRouter(r, spec), nil
}

// unknown refuses an operation that a device does not have.
func unknown(op, device string) error {
	return fmt.Errorf("unknown operation %q for a %s", op, device)
}

// decode reads the body of a request.
func decode[T any](m *node.Received) (q T, err error) {
	if err = json.Unmarshal(m.Body, &q); err != nil {
		err = fmt.Errorf("%s: %w", m.Op, err)
	}
	return q, err
}

// file takes a file out of a request that has to have it.
func file(m *node.Received, name string) (*os.File, error) {
	if f := m.Take(name); f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("%s: the file %q did not come along", m.Op, name)
}
