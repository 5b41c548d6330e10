package tree

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"dynemu/emud/lab"
)

// Port is the folder of a port. Its facts are empty where it has none.
type Port struct {
	Device Device `json:"-"`
	// Name is the port as lab files write it: f0/0, or 3 of a switch.
	Name      string `json:"port"`
	Interface string `json:"interface,omitempty"`
	Namespace string `json:"netns"`
	Peer      string `json:"peer"`
	Carrier   string `json:"carrier"`
	// Stats are the counters by name, as in the file stats.
	Stats map[string]uint64 `json:"stats"`

	dir string
}

// Path returns a file of the port's folder.
func (p Port) Path(file string) string { return filepath.Join(p.dir, file) }

// portName is the port of a folder of ports.
func portName(folder string) string { return strings.ReplaceAll(folder, "-", "/") }

// portFolders lists the folders of a device's ports in the device's own order.
func (t Tree) portFolders(d Device) ([]string, error) {
	dir, err := os.Open(filepath.Join(t.Dir(d), "ports"))
	if err != nil {
		return nil, t.explain(err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, t.explain(err)
	}
	return names, nil
}

// Ports returns a device's ports with their facts.
func (t Tree) Ports(d Device) ([]Port, error) {
	folders, err := t.portFolders(d)
	if err != nil {
		return nil, err
	}
	var out []Port
	for _, f := range folders {
		p := t.port(d, f)
		p.Interface, p.Namespace = p.fact("ifname"), p.fact("netns")
		p.Peer, p.Carrier = p.fact("peer"), p.fact("carrier")
		p.Stats = map[string]uint64{}
		for line := range strings.Lines(p.fact("stats")) {
			if w := strings.Fields(line); len(w) == 2 {
				if n, err := strconv.ParseUint(w[1], 10, 64); err == nil {
					p.Stats[w[0]] = n
				}
			}
		}
		out = append(out, p)
	}
	return out, nil
}

func (t Tree) port(d Device, folder string) Port {
	return Port{Device: d, Name: portName(folder), dir: filepath.Join(t.Dir(d), "ports", folder)}
}

// fact is the content of a small file of the port; empty where there is none.
func (p Port) fact(file string) string {
	b, _ := os.ReadFile(p.Path(file))
	return strings.TrimSpace(string(b))
}

// FindPort returns the port that a word means: f0/0, f0-0, F0/0 or
// FastEthernet0/0.
func (t Tree) FindPort(d Device, word string) (Port, error) {
	folders, err := t.portFolders(d)
	if err != nil {
		return Port{}, err
	}
	name := lab.PortName(word)
	var have []string
	for _, f := range folders {
		if f == word || portName(f) == name {
			return t.port(d, f), nil
		}
		have = append(have, portName(f))
	}
	if have == nil {
		return Port{}, fmt.Errorf("%s has no ports", d.ID())
	}
	return Port{}, fmt.Errorf("%s has no port %s; it has %s", d.ID(), word, strings.Join(have, ", "))
}

// Setting is the text of a file that says what is in force at the port.
func (t Tree) Setting(p Port, file string) (string, error) {
	b, err := os.ReadFile(p.Path(file))
	if err != nil {
		return "", t.explain(err)
	}
	return string(b), nil
}

// OpenLive opens the stream of a port's frames, from now on.
func (t Tree) OpenLive(p Port) (io.ReadCloser, error) {
	return t.openStream(p.Path("live.pcap"), syscall.O_RDONLY)
}

// MACTable is the table of stations of an Ethernet switch.
func (t Tree) MACTable(d Device) (string, error) {
	if err := ethernetSwitch(d); err != nil {
		return "", err
	}
	b, err := os.ReadFile(filepath.Join(t.Dir(d), "mac"))
	if err != nil {
		return "", t.Reason(t.Dir(d), err)
	}
	return string(b), nil
}

// ClearMACTable makes an Ethernet switch forget its stations.
func (t Tree) ClearMACTable(d Device) error {
	if err := ethernetSwitch(d); err != nil {
		return err
	}
	return t.Command(t.Dir(d), "clear mac")
}

func ethernetSwitch(d Device) error {
	if d.Type != "ETHSW" {
		return fmt.Errorf("%s is of type %s: only an Ethernet switch (ETHSW) has a table of MAC addresses", d.ID(), d.Type)
	}
	return nil
}
