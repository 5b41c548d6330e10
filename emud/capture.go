package emud

import (
	"context"
	"path/filepath"

	"dynemu/emud/lab"
)

// CapturesDir is the plain folder of the lab's capture files.
func (l *Lab) CapturesDir() string { return filepath.Join(l.dir(), "captures") }

// StartCapture writes what passes the port into a file of CapturesDir, until
// StopCapture, over restarts of the device and of the daemon. linkType is a name
// of Dynagen's (HDLC FR PPP ATM) or of libpcap's; empty: the usual one of the port.
func (dev *Device) StartCapture(p lab.Port, name, linkType string) error { return errNotYet }

// StopCapture ends a capture, all of the port's when name is empty. The file
// stays.
func (dev *Device) StopCapture(p lab.Port, name string) error { return errNotYet }

// Captures are the names of the files that the port is captured into.
func (dev *Device) Captures(p lab.Port) []string { return nil }

// PortCapture is the path of the capture that was started by making capture.pcap
// in the port's folder; empty when there is none.
func (dev *Device) PortCapture(p lab.Port) string { return "" }

// StartPortCapture and StopPortCapture begin and end that one. Its file goes with
// its end.
func (dev *Device) StartPortCapture(p lab.Port) error { return errNotYet }

// StopPortCapture: see StartPortCapture.
func (dev *Device) StopPortCapture(p lab.Port) error { return errNotYet }

// Live is a stream of what passes a port (pcap), or all ports of a lab (pcapng
// with named interfaces), from the moment that it is opened, over restarts of
// devices. A reader who is slow misses frames, which are counted.
type Live struct{}

// OpenLive opens a stream of one port.
func (dev *Device) OpenLive(p lab.Port) *Live { return &Live{} }

// OpenLive opens a stream of all ports.
func (l *Lab) OpenLive() *Live { return &Live{} }

// Read waits for something and copies what there is to p. It returns EINTR when
// ctx ends, EAGAIN instead of waiting when wait is false, and 0 when the device
// or lab is gone.
func (v *Live) Read(ctx context.Context, p []byte, wait bool) (int, error) { return 0, errNotYet }

// Close ends the stream.
func (v *Live) Close() {}
