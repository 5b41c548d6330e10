package lab

import (
	"encoding/base64"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Options of every kind of section: names, types, ranges and the models that
// have them.
//
// Source: lab-files-and-console reference, section 3; the quirks are those of
// the cpu reference, section 0.

// scope tells where an option may stand.
type scope int

const (
	inTop scope = 1 << iota
	inServer
	inDefaults
	inRouter
	inSwitch
	inDevice = inDefaults | inRouter
	inWindow = inDevice | inSwitch // what graphical programs keep
)

// value is a checked option.
type value struct {
	opt  *option
	text string // as written, quotes aside
	n    int    // of numbers; 0 or 1 of booleans
}

// spec describes an option.
type spec struct {
	where  scope
	models []string // nil: all
	// check returns the number that the text stands for, if any, or an error
	// that says what would be accepted.
	check func(text string) (int, error)
}

func number(low, high int) func(string) (int, error) {
	return func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < low || n > high {
			return 0, fmt.Errorf("a whole number from %d to %d", low, high)
		}
		return n, nil
	}
}

func boolean(text string) (int, error) {
	switch strings.ToLower(text) {
	case "true", "on", "yes", "1":
		return 1, nil
	case "false", "off", "no", "0":
		return 0, nil
	}
	return 0, fmt.Errorf("true or false")
}

func choice(words ...string) func(string) (int, error) {
	return func(text string) (int, error) {
		if i := slices.Index(words, text); i >= 0 {
			return i, nil
		}
		return 0, fmt.Errorf("%s%s", strings.Join(words, " "), didYouMean(text, words))
	}
}

// jitCheck is the value of jit = check.
const jitCheck = 2

func checkJIT(text string) (int, error) {
	if text == "check" {
		return jitCheck, nil
	}
	n, err := boolean(text)
	if err != nil {
		err = fmt.Errorf("true, false or check")
	}
	return n, err
}

func anyText(string) (int, error) { return 0, nil }

// Sizes have no limit in the dialect, and a router with less room for memory
// reduces it (c7200 reference, 1.1). These keep a slip of the keyboard from
// asking for terabytes.
const (
	maxRAM   = 1 << 20 // MiB
	minNVRAM = 4       // KiB: room for the file system of the configurations
	maxNVRAM = 4096    // KiB
	maxDisk  = 4096    // MiB, the largest FAT16 file system
	maxInt   = 1<<31 - 1
)

var quirkNames = []string{"unaligned", "dirty", "refill180", "overflow", "nop", "timer250", "nofpu"}

// windowWords are the options that graphical programs keep in device sections.
var windowWords = []string{"x", "y", "z", "hx", "hy", "symbol", "key", "version", "chassis"}

var specs = map[string]spec{
	"autostart":   {inTop | inServer | inDevice, nil, boolean},
	"model":       {inTop | inRouter, nil, checkModel},
	"ghostios":    {inTop | inDevice, nil, boolean},
	"ghostsize":   {inTop | inDevice, nil, number(1, maxRAM)},
	"sparsemem":   {inTop | inDevice, nil, boolean},
	"jit":         {inTop | inDevice, nil, checkJIT},
	"perf_map":    {inTop | inDevice, nil, boolean},
	"jitsharing":  {inTop | inDevice, nil, boolean},
	"oldidle":     {inTop | inDevice, nil, boolean},
	"idlemax":     {inTop | inDevice, nil, number(1, maxInt)},
	"idlesleep":   {inTop | inDevice, nil, number(1, maxInt)},
	"debug":       {inTop, nil, number(0, 9)},
	"version":     {inTop | inWindow, nil, anyText},
	"port":        {inServer, nil, number(1, 65535)},
	"workingdir":  {inServer, nil, anyText},
	"udp":         {inServer, nil, number(1, 65535)},
	"qemupath":    {inServer, nil, anyText},
	"qemuimgpath": {inServer, nil, anyText},
	"console":     {inServer | inDevice, nil, number(1, 65535)},
	"aux":         {inServer | inDevice, nil, number(1, 65535)},
	"image":       {inDevice, nil, anyText},
	"ram":         {inDevice, nil, number(1, maxRAM)},
	"nvram":       {inDevice, nil, number(minNVRAM, maxNVRAM)},
	"disk0":       {inDevice, nil, number(0, maxDisk)},
	"disk1":       {inDevice, nil, number(0, maxDisk)},
	"cnfg":        {inDevice, nil, anyText},
	"configuration": {inDevice, nil, func(text string) (int, error) {
		if _, err := base64.StdEncoding.DecodeString(withoutBlanks(text)); err != nil {
			return 0, fmt.Errorf("a configuration in base64")
		}
		return 0, nil
	}},
	"confreg": {inDevice, nil, func(text string) (int, error) {
		n, err := strconv.ParseUint(text, 0, 16)
		if err != nil {
			return 0, fmt.Errorf("a register value from 0x0 to 0xffff, such as 0x2102")
		}
		return int(n), nil
	}},
	"idlepc": {inDevice, nil, func(text string) (int, error) {
		_, _, err := ParseIdlePC(text)
		return 0, err
	}},
	"exec_area":    {inDevice, nil, number(0, maxRAM)},
	"cpu_limit":    {inDevice, nil, ParseCPULimit},
	"memory_limit": {inDevice, nil, ParseMemoryLimit},
	"clock":        {inDevice, nil, number(1, maxInt)},
	"mmap":         {inDevice, nil, boolean},
	"rom":          {inDevice, nil, number(-maxInt, maxInt)},
	"mac":          {inDevice, nil, checkMAC},
	"npe":          {inDevice, []string{"7200"}, checkNPE},
	"midplane":     {inDevice, []string{"7200"}, choice("std", "vxr")},
	"iomem": {inDevice, []string{"3620", "3640", "3660"}, func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 100 || n%5 != 0 {
			return 0, fmt.Errorf("a percentage that is a multiple of 5")
		}
		return n, nil
	}},
	"quirks": {inDevice, nil, func(text string) (int, error) {
		for _, q := range splitQuirks(text) {
			if !slices.Contains(quirkNames, q) {
				return 0, fmt.Errorf("a list of %s%s", strings.Join(quirkNames, " "), didYouMean(q, quirkNames))
			}
		}
		return 0, nil
	}},
	"x": {inWindow, nil, anyText}, "y": {inWindow, nil, anyText}, "z": {inWindow, nil, anyText},
	"hx": {inWindow, nil, anyText}, "hy": {inWindow, nil, anyText},
	"symbol": {inWindow, nil, anyText}, "key": {inWindow, nil, anyText}, "chassis": {inWindow, nil, anyText},
}

func checkModel(text string) (int, error) {
	if _, ok := modelNamed(text); !ok {
		return 0, fmt.Errorf("%s%s", strings.Join(models, " "), didYouMean(text, models))
	}
	return 0, nil
}

var macForm = regexp.MustCompile(`^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$`)

func checkMAC(text string) (int, error) {
	if mac, err := net.ParseMAC(text); err != nil || !macForm.MatchString(text) || mac[0]&1 != 0 {
		return 0, fmt.Errorf("a unicast address such as 00:11:22:33:44:55")
	}
	return 0, nil
}

// splitQuirks splits the list of quirks = at commas and blanks.
func splitQuirks(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || isBlank(r) })
}

func withoutBlanks(text string) string {
	return strings.Join(strings.Fields(text), "")
}

var (
	slotOption = regexp.MustCompile(`^slot([0-9]{1,3})$`)
	wicOption  = regexp.MustCompile(`^wic([0-9]{1,3})/([0-9]{1,3})$`)
)

// namesIn lists the options of a scope for messages, in order.
func namesIn(where scope) []string {
	var out []string
	for name, s := range specs {
		if s.where&where != 0 && len(name) > 2 {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// settings are the checked options of a section, by lower-case name.
type settings map[string]value

// check checks one option that is not an interface line. Where the option does
// not belong, report decides how grave that is.
func (p *parser) check(o *option, where scope, m *model, into settings, report func(o *option, format string, args ...any)) {
	key := strings.ToLower(o.key)
	if first, ok := into[key]; ok {
		p.errorf(o.at.line, o.at.column, "duplicate option %q (first on line %d)", o.key, first.opt.at.line)
		return
	}
	if o.value == "None" { // written by programs for "not set"
		if _, known := specs[key]; known || slotOption.MatchString(key) || wicOption.MatchString(key) {
			return
		}
	}
	v := value{opt: o, text: o.value}
	if where&inDevice != 0 {
		if s := slotOption.FindStringSubmatch(key); s != nil {
			n, _ := strconv.Atoi(s[1])
			if v.text = adapterNamed(o.value); p.checkSlot(o, n, v.text, m) {
				into["slot"+strconv.Itoa(n)] = v
			}
			return
		}
		if s := wicOption.FindStringSubmatch(key); s != nil {
			n, _ := strconv.Atoi(s[1])
			w, _ := strconv.Atoi(s[2])
			if p.checkWIC(o, n, w, m, report) {
				into[fmt.Sprintf("wic0/%d", w)] = v
			}
			return
		}
	}
	s, known := specs[key]
	if !known || s.where&where == 0 {
		names := namesIn(where)
		switch {
		case known && s.where&inRouter != 0 && where&inRouter == 0:
			report(o, "option %q belongs in a router section", o.key)
		case known && s.where&inServer != 0 && where&inServer == 0:
			report(o, "option %q belongs in a server section", o.key)
		case known:
			report(o, "option %q belongs at the top of the file", o.key)
		default:
			report(o, "unknown option %q%s", o.key, didYouMean(o.key, names))
		}
		return
	}
	if s.models != nil && m != nil && !slices.Contains(s.models, m.name) {
		report(o, "option %q does not apply to model %s", o.key, m.name)
		return
	}
	n, err := s.check(o.value)
	if err != nil {
		p.errorf(o.valueAt.line, o.valueAt.column, "%s = %q: expected %v", o.key, short(o.value), err)
		return
	}
	v.n = n
	into[key] = v
}

// checkSlot checks an adapter against model and slot. What depends on other
// options is checked when all is known (builder.adapters).
func (p *parser) checkSlot(o *option, slot int, name string, m *model) bool {
	if m == nil {
		return false
	}
	accepted := m.accepts(slot)
	if accepted == nil && m.name == "7200" && slot == 7 {
		p.errorf(o.at.line, o.at.column, "invalid slot 7: it needs npe-g2, which is not emulated; a 7200 has slots 0 to %d", m.slots-1)
		return false
	}
	if accepted == nil {
		p.errorf(o.at.line, o.at.column, "invalid slot %d: a %s has slots 0 to %d", slot, m.name, m.slots-1)
		return false
	}
	if slices.Contains(accepted, name) {
		return true
	}
	if _, known := adapterTable[name]; known {
		p.errorf(o.valueAt.line, o.valueAt.column, "%s is not supported in slot %d of a %s; it takes %s",
			o.value, slot, m.name, strings.Join(accepted, " "))
	} else {
		p.errorf(o.valueAt.line, o.valueAt.column, "unknown adapter %q%s; slot %d of a %s takes %s",
			short(o.value), didYouMean(name, accepted), slot, m.name, strings.Join(accepted, " "))
	}
	return false
}

func (p *parser) checkWIC(o *option, slot, wic int, m *model, report func(o *option, format string, args ...any)) bool {
	switch {
	case m == nil:
	case m.wicSlots == 0:
		report(o, "option %q does not apply to model %s: it has no WIC slots", o.key, m.name)
	case slot != 0 || wic >= m.wicSlots:
		p.errorf(o.at.line, o.at.column, "invalid WIC slot %s: a %s has wic0/0 to wic0/%d", o.key, m.name, m.wicSlots-1)
	case !slices.Contains(wics, o.value):
		p.errorf(o.valueAt.line, o.valueAt.column, "unknown WIC %q%s; a %s takes %s",
			short(o.value), didYouMean(o.value, wics), m.name, strings.Join(wics, " "))
	default:
		return true
	}
	return false
}

// short cuts a long value for a message.
func short(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
