package lab

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// models lists what the model option accepts, in the order that messages show.
// 7206 is another word for 7200.
var models = []string{"2691", "3620", "3640", "3660", "3725", "3745", "7200"}

// modelNamed returns the model that a word means.
func modelNamed(word string) (*model, bool) {
	if word == "7206" {
		word = "7200"
	}
	m, ok := modelTable[word]
	return m, ok
}

// unknownModel is the text of the error about a model that there is not.
func unknownModel(word string) string {
	return fmt.Sprintf("unknown model %q%s; the models are %s", word, didYouMean(word, models), strings.Join(models, " "))
}

// model describes a router model as lab files see it.
type model struct {
	name string
	// slots is the number of slots, numbered from 0.
	slots int
	// built is the adapter that is part of the motherboard, in slot 0; empty
	// when there is none.
	built string
	// slot0 and others are the adapters that slot 0 and the other slots take.
	slot0, others []string
	// auto0 and auto are the adapters that a connection puts into an empty slot
	// 0 or other slot, by the letter of its interface.
	auto0, auto map[string]string
	wicSlots    int // on the motherboard
	// Defaults of the options, sizes in the options' own units.
	ram, nvram, disk0 int
}

var (
	moduleAdapters = []string{"NM-1FE-TX", "NM-1E", "NM-4E", "NM-4T", "NM-16ESW"}
	autoModules    = map[string]string{"f": "NM-1FE-TX", "e": "NM-4E", "s": "NM-4T"}
	adapters3700   = []string{"NM-1FE-TX", "NM-4T", "NM-16ESW", "NM-CIDS", "NM-NAM"}
	autoModules37  = map[string]string{"f": "NM-1FE-TX", "s": "NM-4T", "i": "NM-CIDS", "an": "NM-NAM"}
)

// modelTable holds the seven models (lab-files-and-console reference, 3.3, 6.1
// and 6.3).
var modelTable = map[string]*model{
	"7200": {
		name: "7200", slots: 7, ram: 256, nvram: 128, disk0: 64,
		slot0:  []string{"C7200-IO-FE", "C7200-IO-2FE", "C7200-IO-GE-E", "C7200-JC-PA"},
		others: []string{"PA-FE-TX", "PA-2FE-TX", "PA-GE", "PA-4E", "PA-8E", "PA-4T+", "PA-8T", "PA-A1", "PA-POS-OC3", "PA-4B", "PA-MC-8TE1"},
		auto0:  map[string]string{"f": "C7200-IO-FE", "g": "C7200-IO-GE-E"},
		auto:   map[string]string{"f": "PA-FE-TX", "e": "PA-8E", "s": "PA-8T", "a": "PA-A1", "p": "PA-POS-OC3", "g": "PA-GE"},
	},
	"3620": {name: "3620", slots: 2, ram: 128, nvram: 128, slot0: moduleAdapters, others: moduleAdapters, auto0: autoModules, auto: autoModules},
	"3640": {name: "3640", slots: 4, ram: 128, nvram: 128, slot0: moduleAdapters, others: moduleAdapters, auto0: autoModules, auto: autoModules},
	"3660": {name: "3660", slots: 7, ram: 128, nvram: 128, built: "Leopard-2FE", slot0: []string{"Leopard-2FE"}, others: moduleAdapters, auto: autoModules},
	"2691": {name: "2691", slots: 2, ram: 128, nvram: 55, disk0: 16, built: "GT96100-FE", slot0: []string{"GT96100-FE"}, others: adapters3700, auto: autoModules37, wicSlots: 3},
	"3725": {name: "3725", slots: 3, ram: 128, nvram: 55, disk0: 16, built: "GT96100-FE", slot0: []string{"GT96100-FE"}, others: adapters3700, auto: autoModules37, wicSlots: 3},
	"3745": {name: "3745", slots: 5, ram: 128, nvram: 151, disk0: 16, built: "GT96100-FE", slot0: []string{"GT96100-FE"}, others: adapters3700, auto: autoModules37, wicSlots: 3},
}

// jacket is the adapter that gives a 7200 with npe-g2 its slot 7. No engine that
// is emulated has a bus for it (c7200 reference, 15.2).
const jacket = "C7200-JC-PA"

// adapter describes the ports of an adapter.
type adapter struct {
	ports  int
	letter string
}

// adapterTable holds the adapters by driver name (reference, 6.2).
var adapterTable = map[string]adapter{
	"C7200-IO-FE": {1, "f"}, "C7200-IO-2FE": {2, "f"}, "C7200-IO-GE-E": {1, "g"}, jacket: {0, ""},
	"PA-FE-TX": {1, "f"}, "PA-2FE-TX": {2, "f"}, "PA-GE": {1, "g"}, "PA-4E": {4, "e"}, "PA-8E": {8, "e"},
	"PA-4T+": {4, "s"}, "PA-8T": {8, "s"}, "PA-A1": {1, "a"}, "PA-POS-OC3": {1, "p"},
	"PA-4B": {0, ""}, "PA-MC-8TE1": {0, ""}, // they pass no traffic
	"NM-1FE-TX": {1, "f"}, "NM-1E": {1, "e"}, "NM-4E": {4, "e"}, "NM-4T": {4, "s"}, "NM-16ESW": {16, "f"},
	"NM-CIDS": {1, "i"}, "NM-NAM": {1, "an"},
	"Leopard-2FE": {2, "f"}, "GT96100-FE": {2, "f"},
	"WIC-1T": {1, "s"}, "WIC-2T": {2, "s"},
}

// wics lists what the wicN/M options accept.
var wics = []string{"WIC-1T", "WIC-2T"}

// adapterNamed returns the driver name of an adapter as lab files write it.
func adapterNamed(word string) string {
	switch {
	case word == "PA-4T":
		return "PA-4T+"
	case strings.HasPrefix(word, "PA-C7200-"):
		return strings.TrimPrefix(word, "PA-")
	}
	return word
}

// emulated holds the adapters of the 7200 that exist in this release.
var emulated = []string{
	"C7200-IO-FE", "C7200-IO-2FE", "C7200-IO-GE-E", "PA-FE-TX", "PA-2FE-TX", "PA-GE", "PA-4E", "PA-8E", "PA-4T+", "PA-8T", "PA-A1", "PA-POS-OC3", "PA-4B", "PA-MC-8TE1", jacket,
}

// unsupported says why a router cannot run in this release; "" when it can.
func (r *Router) unsupported() string {
	if r.Model != "7200" {
		return r.Model + " is not supported yet"
	}
	var why []string
	for slot, a := range r.Slots {
		if a != "" && !slices.Contains(emulated, a) {
			why = append(why, fmt.Sprintf("%s in slot %d is not supported yet", a, slot))
		}
	}
	return strings.Join(why, "; ")
}

// accepts returns the adapters that a slot of the model takes; nil when there
// is no such slot.
func (m *model) accepts(slot int) []string {
	switch {
	case slot < 0 || slot >= m.slots:
		return nil
	case slot == 0:
		return m.slot0
	}
	return m.others
}

// accepts returns the adapters that a slot of the router takes.
func (d *device) accepts(slot int) []string {
	if n := npeTable[d.router.NPE]; slot == 0 && n.slot0 != nil {
		return n.slot0
	}
	return d.model.accepts(slot)
}

// kind names the router as messages about a slot do.
func (d *device) kind(slot int) string {
	if n := npeTable[d.router.NPE]; slot == 0 && n.slot0 != nil {
		return d.model.name + " with " + d.router.NPE
	}
	return d.model.name
}

// restriction says what the router's engine keeps from a slot, for messages.
func (d *device) restriction(slot int) string {
	if n := npeTable[d.router.NPE]; slot == 0 && n.slot0 != nil {
		return fmt.Sprintf("; with %s it takes %s", d.router.NPE, strings.Join(n.slot0, " "))
	}
	return ""
}

// npe is a network processing engine of the 7200.
type npe struct {
	maxRAM int // MiB
	// slot0 is what slot 0 takes where that is less than the model says. The
	// chips of C7200-IO-2FE and C7200-IO-GE-E have the PCI device numbers of what
	// these engines have on that bus themselves (c7200 reference, 15.2).
	slot0 []string
}

// npes lists the engines that are emulated, in the order that messages show, and
// npeTable what tells them apart (c7200 reference, 1.1).
var (
	npes       = []string{"npe-400", "npe-300", "npe-225", "npe-200", "npe-175", "npe-150", "npe-100"}
	oldIOCards = []string{"C7200-IO-FE", jacket}
	npeTable   = map[string]npe{
		"npe-400": {maxRAM: 512},
		"npe-300": {maxRAM: 256},
		"npe-225": {maxRAM: 256},
		"npe-200": {maxRAM: 256, slot0: oldIOCards},
		"npe-175": {maxRAM: 256},
		"npe-150": {maxRAM: 256, slot0: oldIOCards},
		"npe-100": {maxRAM: 256, slot0: oldIOCards},
	}
)

// checkNPE refuses also the engines that the dialect has and this program does
// not.
func checkNPE(text string) (int, error) {
	if text == "npe-g1" || text == "npe-g2" {
		return 0, fmt.Errorf("%s; npe-g1 and npe-g2 are not emulated", strings.Join(npes, " "))
	}
	return choice(npes...)(text)
}

// Swappable reports whether a card can be moved in a slot while the router runs:
// the 7200 does so for its port adapters (c7200 reference, 15.3).
func (r *Router) Swappable(slot int) bool { return r.Model == "7200" && slot >= 1 && slot <= 6 }

// WithCard returns the router with another adapter, "" for none, in a slot.
func (r *Router) WithCard(slot int, name string) *Router {
	c := *r
	c.Slots = slices.Clone(r.Slots)
	c.Slots[slot] = name
	c.Ports = c.listPorts()
	return &c
}

// iface is an interface as written: letter, slot and port.
type iface struct {
	letter     string // e f g s a p i an
	slot, port int
}

func (i iface) String() string { return i.letter + strconv.Itoa(i.slot) + "/" + strconv.Itoa(i.port) }

func (i iface) kind() Kind { return letterKinds[i.letter] }

var letterKinds = map[string]Kind{
	"e": Ethernet, "f": Ethernet, "g": Ethernet, "i": Ethernet, "an": Ethernet,
	"s": Serial, "a": ATM, "p": POS,
}

// interfaceTypes are the full names of the interface types. Any beginning of
// the first six will do, as on a router's command line.
var interfaceTypes = []struct{ name, letter string }{
	{"ethernet", "e"}, {"fastethernet", "f"}, {"gigabitethernet", "g"},
	{"serial", "s"}, {"atm", "a"}, {"pos", "p"},
	{"ids-sensor", "i"}, {"analysis-module", "an"},
}

// looksLikeInterface reports whether a word has the form of an interface
// (letters, then digits and slashes), whatever its type is.
func looksLikeInterface(word string) bool {
	digits := strings.IndexAny(word, "0123456789")
	return digits > 0 && strings.Contains(word[digits:], "/") &&
		strings.Trim(word[digits:], "0123456789/") == "" &&
		strings.Trim(strings.ToLower(word[:digits]), "abcdefghijklmnopqrstuvwxyz-") == ""
}

// PortName is the name of the port that a user calls word: f0/0 for F0/0 and
// FastEthernet0/0, and word itself where it is no interface of a router.
func PortName(word string) string {
	i, err := parseInterface(word)
	if err != nil {
		return word
	}
	return i.String()
}

// parseInterface reads an interface name, short or long, in any case.
func parseInterface(word string) (iface, error) {
	digits := strings.IndexAny(word, "0123456789")
	if digits <= 0 {
		return iface{}, fmt.Errorf("%q is not an interface; write it as f0/0 or s1/0", word)
	}
	letter := interfaceLetter(strings.ToLower(word[:digits]))
	if letter == "" {
		return iface{}, fmt.Errorf("unknown interface type %q in %q; the types are e f g s a p i an", word[:digits], word)
	}
	slot, port, found := strings.Cut(word[digits:], "/")
	s, serr := strconv.ParseUint(slot, 10, 8)
	n, perr := strconv.ParseUint(port, 10, 8)
	if !found || serr != nil || perr != nil {
		return iface{}, fmt.Errorf("%q is not an interface; write slot and port as %s0/0", word, letter)
	}
	return iface{letter, int(s), int(n)}, nil
}

func interfaceLetter(prefix string) string {
	switch prefix {
	case "i", "id":
		return "i"
	case "an":
		return "an"
	}
	for i, t := range interfaceTypes {
		if prefix == t.name || i < 6 && strings.HasPrefix(t.name, prefix) {
			return t.letter
		}
	}
	return ""
}
