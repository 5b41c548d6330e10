package wire

import (
	"errors"
	"os"
)

// Packet is a wire into an interface of the host, beside the host's own use of
// it.
type Packet struct{ *descriptor }

// NewPacket returns the wire of a packet socket that is bound to an interface and
// has PACKET_AUXDATA and PACKET_VNET_HDR set. It takes f over, also when it
// fails.
func NewPacket(f *os.File) (*Packet, error) {
	f.Close()
	return nil, errors.New("not yet")
}

// Receive implements Wire.
func (p *Packet) Receive(buf []byte) (int, error) { return 0, errClosed }
