package emud

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"dynemu/emud/lab"
	"dynemu/emud/node/store"
	"dynemu/emud/picture"
	"dynemu/vm/chip/nvram"
)

// drawing is the picture of a lab that was laid out last.
type drawing struct {
	mu       sync.Mutex
	dot, svg []byte
}

// DOT is the picture of the lab in the language of Graphviz.
func (l *Lab) DOT() []byte { return l.graph().DOT() }

// SVG is the picture of the lab, or a text that says why there is none. It is laid out
// when it is asked for, and has changed.
func (l *Lab) SVG() []byte {
	dot := l.DOT()
	l.drawing.mu.Lock()
	defer l.drawing.mu.Unlock()
	if !bytes.Equal(dot, l.drawing.dot) {
		l.drawing.svg = picture.SVG(dot)
		l.drawing.dot = dot
	}
	return l.drawing.svg
}

// graph is the lab as it is now.
func (l *Lab) graph() picture.Graph {
	l.mu.Lock()
	topo := l.topo
	l.mu.Unlock()
	g := picture.Graph{Name: l.name}
	if topo == nil {
		g.Title = []string{l.name + ": no lab file was applied"}
		return g
	}
	all, alive := 0, 0
	addresses := map[string]map[string][]string{}
	for _, dev := range l.Devices() {
		s := dev.wants()
		state, _ := dev.State()
		n := picture.Node{ID: dev.name, Lines: []string{dev.name, s.kind()}, State: string(state)}
		var window map[string]string
		if s.sw != nil {
			n.Shape, window = picture.Switch, s.sw.Window
		} else {
			all++
			if dev.running() != nil {
				alive++
			}
			n.Lines = append(n.Lines, string(state))
			window, addresses[dev.name] = s.router.Window, dev.addresses()
		}
		n.X, n.Y, n.Placed = position(window)
		g.Nodes = append(g.Nodes, n)
	}
	g.Title = []string{fmt.Sprintf("%s: %d of %d routers run", l.name, alive, all)}
	clouds := map[string]bool{}
	cloud := func(id string, lines ...string) {
		if !clouds[id] {
			clouds[id] = true
			g.Nodes = append(g.Nodes, picture.Node{ID: id, Shape: picture.Cloud, Lines: lines})
		}
	}
	for _, lan := range topo.LANs {
		cloud("LAN "+lan.ID, "LAN "+lan.ID)
	}
	count := map[string]int{}
	for _, k := range topo.Links {
		e := picture.Edge{State: l.edgeState(k)}
		count[e.State]++
		for _, end := range []struct {
			lab  lab.End
			draw *picture.End
		}{{k.A, &e.A}, {k.B, &e.B}} {
			switch at := end.lab; {
			case at.LAN != "":
				end.draw.ID = "LAN " + at.LAN
				cloud(end.draw.ID, end.draw.ID)
			case at.NIO.Type != "":
				kind, where, _ := strings.Cut(at.NIO.String(), ":")
				end.draw.ID = linkKey(k)
				cloud(end.draw.ID, kind, where)
			default:
				end.draw.ID, end.draw.Lines = at.Device, []string{at.Port}
				if s := topo.Switch(at.Device); s != nil {
					end.draw.Lines = switchPortLines(s, at.Port)
				}
				end.draw.Lines = append(end.draw.Lines, addresses[at.Device][at.Port]...)
			}
		}
		g.Edges = append(g.Edges, e)
	}
	var links []string
	for _, state := range edgeStates {
		if count[state] > 0 {
			links = append(links, fmt.Sprintf("%d %s", count[state], strings.Replace(state, noLink, "off", 1)))
		}
	}
	if links != nil {
		g.Title = append(g.Title, "links: "+strings.Join(links, ", "))
	}
	return g
}

func switchPortLines(s *lab.Switch, port string) []string {
	lines := []string{port}
	if n, err := strconv.Atoi(port); err == nil {
		if p, ok := s.Port(n); ok && p.Config() != "" {
			lines = append(lines, p.Config())
		}
	}
	return lines
}

// edgeStates are the states of a link: of those of its ends, the last counts.
var edgeStates = []string{linkUp, "down", noLink, "shut", "cut"}

// edgeState is the state of a link as a whole.
func (l *Lab) edgeState(k lab.Link) string {
	worst := 0
	for _, e := range []lab.End{k.A, k.B} {
		if dev := l.Device(e.Device); dev != nil {
			worst = max(worst, slices.Index(edgeStates, dev.LinkState(lab.Port{Name: e.Port})))
		}
	}
	return edgeStates[worst]
}

// position is where a graphical program has put a device, in its window: to the right and
// down.
func position(window map[string]string) (x, y float64, ok bool) {
	x, errX := strconv.ParseFloat(window["x"], 64)
	y, errY := strconv.ParseFloat(window["y"], 64)
	const far = 1e6
	ok = errX == nil && errY == nil && x > -far && x < far && y > -far && y < far
	return x, y, ok
}

// addressBook has the addresses of a router's startup configuration, and what file they
// come from.
type addressBook struct {
	mu        sync.Mutex
	time      time.Time
	addresses map[string][]string // by port
}

// addresses are the IP addresses of the router's ports in its startup configuration, as
// far as that was stored.
func (dev *Device) addresses() map[string][]string {
	b := &dev.book
	b.mu.Lock()
	defer b.mu.Unlock()
	f, err := os.Open(dev.nvramPath())
	if err != nil {
		return nil
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || st.ModTime().Equal(b.time) {
		return b.addresses
	}
	b.time, b.addresses = st.ModTime(), nil
	layout, err := dev.layout()
	if err != nil {
		return nil
	}
	content := make([]byte, dev.asked().NVRAM<<10)
	stored, _, err := store.Load(f)
	if err != nil {
		return nil
	}
	copy(content, stored)
	startup, _, err := nvram.ReadConfigs(content, layout)
	if err != nil && !errors.Is(err, nvram.ErrNoFileSystem) {
		return nil
	}
	b.addresses = configAddresses(string(startup))
	return b.addresses
}

// configAddresses are the addresses that a configuration gives ports, those of their
// subinterfaces included, as ADDRESS/LENGTH.
func configAddresses(config string) map[string][]string {
	addresses := map[string][]string{}
	port := ""
	for line := range strings.Lines(config) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case line[0] != ' ' && line[0] != '\t':
			port = ""
			if strings.EqualFold(words[0], "interface") && len(words) > 1 {
				name, _, _ := strings.Cut(strings.Join(words[1:], ""), ".")
				port = lab.PortName(name)
			}
		case port != "" && len(words) >= 4 && words[0] == "ip" && words[1] == "address":
			address, err := netip.ParseAddr(words[2])
			mask, maskErr := netip.ParseAddr(words[3])
			if err == nil && maskErr == nil && mask.Is4() {
				addresses[port] = append(addresses[port], fmt.Sprintf("%s/%d", address, ones(mask)))
			}
		}
	}
	return addresses
}

// ones is the length of the prefix that an IPv4 mask stands for.
func ones(mask netip.Addr) int {
	n := 0
	for _, b := range mask.As4() {
		for ; b&0x80 != 0; b <<= 1 {
			n++
		}
	}
	return n
}
