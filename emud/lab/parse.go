package lab

import (
	"cmp"
	"encoding/base64"
	"net"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Parse reads a lab file. name is the file's name (simple1.net), which is also
// the lab's; local names and addresses of this machine, besides localhost and
// the loopback addresses, that server sections may use. All messages come in
// the order of the file; the Lab is nil when one of them is an Error.
func Parse(name string, text []byte, local ...string) (*Lab, []Message) {
	file := path.Base(name)
	if !strings.HasSuffix(file, ".net") {
		file += ".net"
	}
	b := &builder{
		parser:  parser{file: file},
		lab:     &Lab{Name: strings.TrimSuffix(file, ".net")},
		local:   local,
		devices: map[string]*device{},
	}
	if !validName(b.lab.Name) {
		b.errorf(1, 1, "the file's name is the lab's name: it takes letters, digits, _ - and . only")
	}
	lines := b.decode(text)
	if !b.failed || lines != nil {
		if root, complete := b.parseSyntax(lines); complete {
			b.file(root)
		}
	}
	if b.failed {
		return nil, sorted(b.messages)
	}
	return b.lab, sorted(b.messages)
}

// sorted puts messages in the order of the file.
func sorted(messages []Message) []Message {
	slices.SortStableFunc(messages, func(x, y Message) int {
		return cmp.Or(x.Line-y.Line, x.Column-y.Column)
	})
	return messages
}

// builder turns the tree of sections into a Lab.
type builder struct {
	parser
	lab   *Lab
	local []string
	top   settings
	// topModel is the model option of the top level, even one that is not known.
	topModel string
	devices  map[string]*device
	order    []*device // the routers and switches, in file order
	conns    []*connection
	left     []portKey // targets of connections that are not made
	lans     map[string]bool
	ports    map[portKey]int // index in lab.Links of the link on a port
	claims   map[string]Link // what the NIO of a link has for itself
	// One notice a file about options of servers that mean nothing here.
	servers                   int
	portNotice, workdirNotice bool
}

// device is what a name on the right side of a connection can mean.
type device struct {
	name string
	at   pos
	// router or vswitch is set; neither in a device of another emulator or machine.
	router  *Router
	vswitch *vswitch
	model   *model // nil when the model is not known
	values  settings
	section int                  // number of the server section
	wanted  map[int][]*reference // by slot
	written map[iface]int        // line of each connection in the section
}

// file walks the tree, then connects what it found.
func (b *builder) file(root *section) {
	b.top = settings{}
	for _, o := range root.options {
		if strings.EqualFold(o.key, "model") && o.value != "None" {
			b.topModel = o.value
		}
		b.check(o, inTop, nil, b.top, b.optionWarning)
	}
	for _, s := range root.sections {
		switch {
		case s.window:
		case s.name == "": // lost its header; already reported
			b.server(s)
		case len(fields(s.name)) > 1 && !strings.Contains(s.name, ":") || b.isForeign(s.name):
			b.oddServer(s)
		case b.isRemote(s):
			b.leaveOut(s)
		default:
			b.server(s)
		}
	}
	b.connect()
	b.allocatePorts()
}

func (b *builder) optionWarning(o *option, format string, args ...any) {
	b.warnf(o.at.line, o.at.column, format+"; it is ignored", args...)
}

func (b *builder) optionError(o *option, format string, args ...any) {
	b.errorf(o.at.line, o.at.column, format, args...)
}

var foreignEmulators = []string{"qemu", "pemu", "vbox", "virtualbox"}

// isForeign reports whether a server section belongs to another emulator:
// [qemu localhost:10525].
func (b *builder) isForeign(name string) bool {
	f := fields(name)
	return len(f) > 1 && slices.Contains(foreignEmulators, strings.ToLower(f[0].text))
}

// oddServer handles server sections whose name is more than a host.
func (b *builder) oddServer(s *section) {
	if b.isForeign(s.name) {
		b.warnf(s.at.line, s.at.column, "[%s] is for another emulator: its devices, and links to them, are left out", short(s.name))
		b.leaveOut(s)
		return
	}
	if typ, _, _ := splitDevice(s.name); isDeviceType(typ) {
		b.errorf(s.at.line, s.at.column, "a device section takes two brackets: [[%s]]", short(s.name))
	} else {
		b.errorf(s.at.line, s.nameAt.column, "bad server name %q: expected [localhost] or [localhost:7200]", short(s.name))
	}
	b.server(s)
}

// leaveOut notes the devices of a section that is not part of this lab, so that
// no complaints follow from their absence.
func (b *builder) leaveOut(s *section) {
	for _, d := range s.sections {
		if _, name, ok := splitDevice(d.name); ok && b.devices[name] == nil {
			b.devices[name] = &device{name: name, at: d.at}
		}
		for _, o := range d.options {
			b.outside(o.value)
		}
	}
}

// isRemote checks the name of a server section and reports whether it is one
// of another machine, which it refuses.
func (b *builder) isRemote(s *section) bool {
	host, port := s.name, ""
	if i := strings.LastIndexByte(s.name, ':'); i >= 0 && !b.isLocal(s.name) {
		host, port = strings.TrimSpace(s.name[:i]), strings.TrimSpace(s.name[i+1:])
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			b.errorf(s.at.line, s.nameAt.column, "bad server name %q: the port is a number from 1 to 65535", short(s.name))
			return false
		}
	}
	if isDeviceType(host) || modelTable[host] != nil {
		b.errorf(s.at.line, s.at.column, "[%s] is no server; device and defaults sections take two brackets", short(s.name))
		return false
	}
	if !b.isLocal(host) {
		b.errorf(s.at.line, s.nameAt.column, "other machines are not supported: %q is not a name of this machine; write localhost, and connect to a router there with NIO_udp", short(host))
		return true
	}
	b.servers++
	if b.servers == 2 || port != "" && port != "7200" {
		b.noticePort(s.at)
	}
	return false
}

func (b *builder) noticePort(at pos) {
	if !b.portNotice {
		b.portNotice = true
		b.noticef(at.line, at.column, "all sections of this machine are this daemon; their ports and udp have no effect")
	}
}

func (b *builder) isLocal(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return true
	}
	return slices.ContainsFunc(b.local, func(l string) bool { return strings.EqualFold(l, host) })
}

var deviceTypes = []string{"ROUTER", "ETHSW", "FRSW", "ATMSW", "ATMBR", "HUB"}

func isDeviceType(word string) bool {
	return slices.Contains(deviceTypes, strings.ToUpper(word))
}

// server reads a server section and what is in it.
func (b *builder) server(s *section) {
	own := settings{}
	for _, o := range s.options {
		b.check(o, inServer, nil, own, b.optionWarning)
	}
	for _, key := range []string{"udp", "port"} {
		if v, ok := own[key]; ok {
			b.noticePort(v.opt.at)
		}
	}
	if v, ok := own["workingdir"]; ok && !b.workdirNotice {
		b.workdirNotice = true
		b.noticef(v.opt.at.line, v.opt.at.column, "workingdir has no effect: a lab's files are kept with the lab")
	}
	index := b.servers
	defaults := map[string]settings{}
	for _, d := range s.sections {
		for _, deep := range d.sections {
			b.warnf(deep.at.line, deep.at.column, "section %s is never looked at", deep.title())
		}
		typ, name, ok := splitDevice(d.name)
		switch {
		case !ok && modelTable[d.name] != nil, d.name == "7206":
			m, _ := modelNamed(d.name)
			b.defaults(d, m, defaults)
		case !ok && isDeviceType(d.name):
			b.errorf(d.at.line, d.at.column, "[[%s]] needs a device name: [[%s NAME]]", d.name, d.name)
		case !ok:
			b.errorf(d.at.line, d.nameAt.column, "%s", unknownModel(short(d.name))+"; a device section is [[ROUTER NAME]]")
		case !isDeviceType(typ):
			b.errorf(d.at.line, d.nameAt.column, "unknown device type %q%s; the types are %s", short(typ), didYouMean(typ, deviceTypes), strings.Join(deviceTypes, " "))
			if b.devices[name] == nil {
				b.devices[name] = &device{name: name, at: d.at}
			}
		default:
			b.device(d, strings.ToUpper(typ), name, own, defaults, index)
		}
	}
}

// defaults reads a [[model]] section.
func (b *builder) defaults(s *section, m *model, into map[string]settings) {
	v := into[m.name]
	if v == nil {
		v = settings{}
		into[m.name] = v
	}
	for _, o := range s.options {
		b.check(o, inDefaults, m, v, b.optionWarning)
	}
	if a, ok := v["autostart"]; ok {
		b.noticef(a.opt.at.line, a.opt.at.column, "autostart has no effect in a defaults section; write it at the top, in the server section or in a router's")
		delete(v, "autostart")
	}
}

var deviceName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// validName reports whether a name can stand in file names, interface names
// and control files.
func validName(name string) bool {
	return deviceName.MatchString(name) && name != "." && name != ".."
}

// reservedNames are files of a lab's directory, which holds its devices too,
// and the word that is no device on the right side of a connection.
var reservedNames = []string{"status", "ctl", "errors", "result", "topology.dot", "topology.svg", "captures", "files", "live.pcapng"}

// device reads a device section.
func (b *builder) device(s *section, typ, name string, server settings, defaults map[string]settings, index int) {
	nameAt := s.nameAt.column + len([]rune(s.name)) - len([]rune(name))
	switch {
	case !validName(name):
		b.errorf(s.at.line, nameAt, "bad device name %q: it takes letters, digits, _ - and . only", short(name))
	case slices.Contains(reservedNames, name) || strings.EqualFold(name, "LAN"):
		b.errorf(s.at.line, nameAt, "a device cannot be named %q: the word has a meaning of its own", name)
	}
	d := &device{name: name, at: s.at, section: index, wanted: map[int][]*reference{}, written: map[iface]int{}}
	if first := b.devices[name]; first != nil {
		b.errorf(s.at.line, s.at.column, "duplicate device %s (first on line %d)", short(name), first.at.line)
	} else {
		b.devices[name] = d
	}
	b.order = append(b.order, d)
	if typ != "ROUTER" {
		b.virtual(d, s, typ, server)
		return
	}
	b.router(d, s, server, defaults)
}

func (b *builder) router(d *device, s *section, server settings, defaults map[string]settings) {
	r := &Router{Name: d.name, Line: s.at.line, Instance: len(b.lab.Routers)}
	d.router = r
	b.lab.Routers = append(b.lab.Routers, r)

	d.model = modelTable["7200"]
	if b.topModel != "" {
		d.model, _ = modelNamed(b.topModel)
	}
	own := settings{}
	for _, o := range s.options {
		if strings.EqualFold(o.key, "model") && o.value != "None" {
			m, ok := modelNamed(o.value)
			if !ok {
				b.errorf(o.valueAt.line, o.valueAt.column, "%s", unknownModel(short(o.value)))
			}
			d.model = m
		}
	}
	for _, o := range s.options {
		switch {
		case strings.EqualFold(o.key, "model") && d.model == nil: // reported
		case looksLikeInterface(o.key) && !wicOption.MatchString(strings.ToLower(o.key)):
			b.connection(d, o)
		default:
			b.check(o, inRouter, d.model, own, b.optionError)
		}
	}
	if d.model == nil {
		return
	}
	if c, ok := own["chassis"]; ok {
		if m, known := modelNamed(strings.TrimPrefix(strings.ToLower(c.text), "c")); known && m != d.model {
			b.warnf(c.opt.valueAt.line, c.opt.valueAt.column, "chassis %s contradicts model %s; the model holds", c.text, d.model.name)
		}
	}
	d.values = settings{}
	for _, from := range []settings{defaults[d.model.name], own} {
		for k, v := range from {
			d.values[k] = v
		}
	}
	b.apply(d, own, server)
}

// apply sets the router's fields from its model, the top level, the server
// section, the defaults section and its own, in that order of precedence.
func (b *builder) apply(d *device, own, server settings) {
	r, m := d.router, d.model
	num := func(key string, absent int) int {
		for _, s := range []settings{d.values, b.top} {
			if v, ok := s[key]; ok {
				return v.n
			}
		}
		return absent
	}
	text := func(key, absent string) string {
		if v, ok := d.values[key]; ok {
			return v.text
		}
		return absent
	}
	r.Model = m.name
	if m.name == "7200" {
		r.NPE = text("npe", "npe-400")
		r.Midplane = text("midplane", "vxr")
	}
	r.Image = text("image", "builtin")
	r.RAM, r.NVRAM = num("ram", m.ram), num("nvram", m.nvram)
	if n, ok := npeTable[r.NPE]; ok && r.RAM > n.maxRAM {
		at := d.values["ram"].opt.valueAt
		b.errorf(at.line, at.column, "ram = %q: %s takes 1 to %d MiB (%s)", d.values["ram"].text, r.NPE, n.maxRAM, r.Name)
	}
	r.Disk0, r.Disk1 = num("disk0", m.disk0), num("disk1", 0)
	r.ConfReg = uint16(num("confreg", 0x2102))
	r.MAC = strings.ToLower(text("mac", ""))
	r.IdlePC = text("idlepc", "")
	r.IdleMax, r.IdleSleep, r.ExecArea = num("idlemax", 0), num("idlesleep", 0), num("exec_area", 0)
	r.Quirks = splitQuirks(text("quirks", ""))
	r.NoJIT, r.CheckJIT = num("jit", 1) == 0, num("jit", 1) == jitCheck
	r.PerfMap = num("perf_map", 0) == 1
	r.Limits = Limits{CPU: num("cpu_limit", 0), Memory: num("memory_limit", 0)}
	r.Config = text("cnfg", "")
	if c, err := base64.StdEncoding.DecodeString(withoutBlanks(text("configuration", ""))); err == nil {
		r.Configuration = string(c)
	}
	r.AutoStart = autoStart(b.top, server, own)
	r.Window = window(d.values)
	r.consoleBase = 2000
	if v, ok := server["console"]; ok {
		r.consoleBase = v.n
	}
	if v, ok := server["aux"]; ok {
		r.auxBase = v.n
	}
	if v, ok := d.values["console"]; ok {
		r.Console, r.consoleSet = v.n, true
	}
	if v, ok := d.values["aux"]; ok {
		r.AUX, r.auxSet = v.n, true
	}
}

// autoStart is the last autostart of the settings, weakest first.
func autoStart(from ...settings) bool {
	on := true
	for _, s := range from {
		if v, ok := s["autostart"]; ok {
			on = v.n == 1
		}
	}
	return on
}

// window picks what a graphical program keeps; nil when there is nothing.
func window(from settings) map[string]string {
	var out map[string]string
	for _, w := range windowWords {
		if v, ok := from[w]; ok {
			if out == nil {
				out = map[string]string{}
			}
			out[w] = v.text
		}
	}
	return out
}

// References returns what the cnfg options of a lab file name, each once, in
// the order of the file, whether the file is right or not. It is for programs
// that bring these files along with the lab.
func References(text []byte) []string {
	var p parser
	root, _ := p.parseSyntax(p.decode(text))
	var out []string
	var walk func(s *section)
	walk = func(s *section) {
		for _, o := range s.options {
			if strings.EqualFold(o.key, "cnfg") && o.value != "None" && !slices.Contains(out, o.value) {
				out = append(out, o.value)
			}
		}
		for _, sub := range s.sections {
			walk(sub)
		}
	}
	walk(root)
	return out
}
