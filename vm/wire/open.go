package wire

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Opened are the descriptors of a NIO, for a process that may not open one
// itself: it makes the wire of them with FromFiles.
type Opened struct {
	// Kind is what FromFiles is told. To others it is a word, which may be
	// followed by a colon and something: tap, pipe, udp, unix:REMOTE-PATH, vde, tcp,
	// packet or null.
	Kind string
	// File carries the frames; nil with null.
	File *os.File
	// Keep is the connection to a VDE switch that the port lives as long as; nil
	// with other kinds.
	Keep *os.File
	// LocalPort is the port that udp and udp_auto receive at, and tcp_ser listens
	// at.
	LocalPort int
}

// Close closes the descriptors.
func (o Opened) Close() error {
	var errs []error
	for _, f := range []*os.File{o.File, o.Keep} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// Kinds are the first words of the kinds that FromFiles takes.
func Kinds() []string {
	return []string{"tap", "pipe", "udp", "unix", "vde", "tcp", "packet", "null"}
}

// FromFiles returns the wire of descriptors that were opened, maybe by another
// process; kind, file and keep are as in Opened. It takes the descriptors over,
// also when it fails. Of system calls it needs none that opens anything, and for
// a TAP one ioctl(2), TUNGETIFF.
func FromFiles(kind string, file, keep *os.File) (Wire, error) {
	word, rest, _ := strings.Cut(kind, ":")
	fail := func(format string, args ...any) (Wire, error) {
		Opened{File: file, Keep: keep}.Close()
		return nil, fmt.Errorf("wire of kind %q: %s", kind, fmt.Sprintf(format, args...))
	}
	switch {
	case word == "null":
		Opened{File: file, Keep: keep}.Close()
		return NewNull(), nil
	case file == nil:
		return fail("its descriptor is missing")
	case word == "vde" && keep == nil:
		return fail("the descriptor of its control connection is missing")
	case word == "vde":
		return opened(NewVDE(file, keep))
	}
	if keep != nil {
		keep.Close()
	}
	switch word {
	case "tap":
		return opened(NewTAP(file))
	case "pipe":
		return opened(NewPipe(file))
	case "udp":
		return opened(newDatagram(file, "udp"))
	case "unix":
		return opened(newUnix(file, rest))
	case "tcp":
		return opened(NewStream(file))
	case "packet":
		return opened(NewPacket(file))
	}
	keep = nil
	return fail("unknown; wanted: %s", strings.Join(Kinds(), ", "))
}

// OpenFiles opens what n describes, in the network namespace of the current
// thread, and returns its descriptors. It may take some seconds where another
// machine has to answer.
func (n NIO) OpenFiles() (Opened, error) {
	switch n.Type {
	case "null":
		return Opened{Kind: "null"}, nil
	case "udp":
		conn, err := dialUDP(n.LocalPort, n.RemoteHost, n.RemotePort)
		if err != nil {
			return Opened{}, err
		}
		f, err := fileOf(conn)
		return Opened{Kind: "udp", File: f, LocalPort: n.LocalPort}, err
	case "unix":
		conn, err := listenUnix(n.Local, n.Remote)
		if err != nil {
			return Opened{}, err
		}
		f, err := fileOf(conn)
		return Opened{Kind: "unix:" + n.Remote, File: f}, err
	case "tap":
		f, err := tapFile(n.Interface)
		return Opened{Kind: "tap", File: f}, err
	}
	return Opened{}, fmt.Errorf("NIO type %q is unknown; wanted: %s", n.Type, types())
}

// Remove removes what n leaves in the file system once its wire was closed.
func (n NIO) Remove() error {
	switch n.Type {
	case "unix", "vde":
		if err := os.Remove(n.Local); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// fileOf returns a descriptor of its own for conn, which it closes.
func fileOf(conn interface {
	File() (*os.File, error)
	Close() error
}) (*os.File, error) {
	f, err := conn.File()
	if cerr := conn.Close(); err == nil && cerr != nil {
		f.Close()
		return nil, cerr
	}
	return f, err
}

// types lists the types of NIOs.
func types() string {
	all := make([]string, len(forms))
	for i, f := range forms {
		all[i] = f.kind
	}
	return strings.Join(all, ", ")
}
