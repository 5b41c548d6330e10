package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"dynemu/emud/lab"
)

// The configuration mode: Dynagen's (lab-files-and-console reference, 13), as
// edits of the lab file. Each line is an edit that is applied at once, or refused
// with the daemon's messages.

// level is a place in the lab file whose options and sections are changed.
type level struct {
	lab  string
	path []string // of the section; none: the top of the file
}

var (
	models      = []string{"2691", "3620", "3640", "3660", "3725", "3745", "7200"}
	switchTypes = []string{"atmbr", "atmsw", "ethsw", "frsw"}
	// routerOptions are what a line of a router or of defaults often begins with.
	routerOptions = []string{"aux", "cnfg", "confreg", "console", "disk0", "disk1", "exec_area", "ghostios", "idlemax", "idlepc", "idlesleep",
		"image", "iomem", "jit", "mac", "midplane", "mmap", "model", "npe", "nvram", "ram", "slot0", "slot1", "slot2", "slot3", "slot4",
		"slot5", "slot6", "sparsemem"}
)

// prompt is what the next line is asked for with.
func (s *shell) prompt() string {
	if len(s.levels) == 0 {
		return "=> "
	}
	path := slices.Clone(s.levels[len(s.levels)-1].path)
	if len(path) == 2 {
		path[1] = sectionTitle(path[1])
	}
	if len(path) > 0 {
		if !strings.Contains(path[0], ":") {
			path[0] += ":7200"
		}
		return "=>(config-" + strings.Join(path, "-") + ") "
	}
	return "=>(config) "
}

// sectionTitle is the name of a device's section with its type in small letters.
func sectionTitle(name string) string {
	typ, device, ok := strings.Cut(name, " ")
	if !ok {
		return name
	}
	return strings.ToLower(typ) + " " + strings.TrimSpace(device)
}

// enter begins the configuration mode for the lab that is meant.
func (s *shell) enter(args []string) {
	name := s.a.tree.Lab
	if name == "" {
		labs, err := s.a.tree.Labs()
		switch {
		case err != nil:
			s.fail(Failed, err)
			return
		case len(args) == 1 && slices.Contains(labs, args[0]):
			name, args = args[0], nil
		case len(labs) == 1:
			name = labs[0]
		case len(labs) == 0:
			s.fail(Failed, errors.New("there is no lab; load one with \"up FILE.net\""))
			return
		default:
			s.fail(Usage, fmt.Errorf("there are several labs: write conf and one of %s", strings.Join(labs, ", ")))
			return
		}
	}
	if len(args) > 1 {
		s.fail(Usage, fmt.Errorf("conf takes HOST[:PORT] or nothing, found %q", strings.Join(args, " ")))
		return
	}
	s.levels = []level{{lab: name}}
	if len(args) == 1 {
		s.server(args[0])
	}
}

// servers completes the argument of conf.
func (s *shell) servers() []string {
	if s.a.tree.Lab == "" {
		labs, _ := s.a.tree.Labs()
		return labs
	}
	text, err := s.a.tree.LabText(s.a.tree.Lab)
	if err != nil {
		return nil
	}
	return lab.NewEditor(text).Sections()
}

// open returns an editor of the lab's file.
func (l level) open(s *shell) (*lab.Editor, error) {
	text, err := s.a.tree.LabText(l.lab)
	if err != nil {
		return nil, err
	}
	return lab.NewEditor(text), nil
}

// words completes a line at the level.
func (l level) words(s *shell, before []string) []string {
	var out []string
	switch len(l.path) {
	case 0:
		out = []string{"autostart", "debug", "ghostios", "hypervisor", "idlepc", "model", "sparsemem", "workingdir"}
	case 1:
		out = slices.Concat(models, switchTypes, []string{"reset", "router", "defaults", "udp", "workingdir"})
	case 2:
		out = slices.Clone(routerOptions)
	}
	e, err := l.open(s)
	if err != nil {
		return nil
	}
	no := len(before) > 0 && before[0] == "no"
	if no {
		before = before[1:]
	}
	for _, o := range e.Options(l.path...) {
		if no || !slices.Contains(out, o.Key) {
			out = append(out, o.Key)
		}
	}
	switch {
	case len(before) == 0 && no:
		return out
	case len(before) == 0:
		return append(out, "end", "exit", "help", "no")
	case len(l.path) == 1 && len(before) == 1:
		var names []string
		for _, section := range e.Sections(l.path...) {
			typ, device, ok := strings.Cut(section, " ")
			if ok && strings.EqualFold(typ, before[0]) {
				names = append(names, device)
			} else if !ok && before[0] == "defaults" {
				names = append(names, section)
			}
		}
		return names
	case before[len(before)-1] == "=":
		names, _ := s.a.deviceNames(false, false)(nil, nil, "")
		return names
	}
	return nil
}

var configHelp = []string{
	`autostart = True|False, OPTION = VALUE   set an option of the whole lab
hypervisor HOST[:PORT]                    go to a server section, made where there is none
no OPTION = VALUE                         take an option away`,
	`MODEL                          go to the defaults of a model (7200, 3660 ...)
router NAME [model MODEL]      go to a router, made where there is none
frsw|atmsw|atmbr|ethsw NAME    go to a switch, made where there is none
OPTION = VALUE                 set an option of the server section
no router NAME, no frsw NAME   take a device and its links away
no defaults MODEL              take the defaults of a model away
reset                          take all devices away`,
	`OPTION = VALUE       set an option: ram = 128, slot1 = PA-8T
f0/0 = R2 f0/0       plug a port in; f0/0 = LAN 1, f0/0 = NIO_tap:tap0, s1/0 = F1 1
1:102 = 2:201        what a line of a switch's section has
no LINE              take that away; the value must be the one that is there`,
}

// configure runs a line of the configuration mode.
func (s *shell) configure(in input, line string) {
	l := s.levels[len(s.levels)-1]
	if in.kind == help {
		fmt.Fprintf(s.a.Out, "%s\nexit, end            go up\n", configHelp[len(l.path)])
		return
	}
	if line == "exit" || line == "end" {
		fmt.Fprintln(s.a.Out, "Exiting...")
		s.levels = s.levels[:len(s.levels)-1]
		return
	}
	line, no := cutNo(line)
	var err error
	switch key, value, isOption := strings.Cut(line, "="); {
	case isOption:
		err = s.option(l, line, strings.TrimSpace(key), unquote(strings.TrimSpace(value)), no)
	case len(l.path) == 0:
		err = s.topLine(in.words, no)
	case len(l.path) == 1:
		err = s.serverLine(l, in.words, no)
	default:
		err = fmt.Errorf("invalid syntax in: %s", line)
	}
	if err != nil {
		s.fail(Failed, err)
	}
}

func cutNo(line string) (rest string, no bool) {
	if first, rest := cutWord(line); first == "no" && rest != "" {
		return rest, true
	}
	return line, false
}

func unquote(value string) string {
	if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		return value[1 : n-1]
	}
	return value
}

// edit changes the lab's file and has it applied.
func (s *shell) edit(l level, change func(*lab.Editor) error) error {
	e, err := l.open(s)
	if err != nil {
		return err
	}
	if err := change(e); err != nil {
		return err
	}
	result, err := s.a.apply(l.lab, e.Text())
	if err != nil {
		return err
	}
	if result != "nothing changed\n" {
		fmt.Fprint(s.a.Out, result)
	}
	return nil
}

// option sets an option of the level, or takes it away.
func (s *shell) option(l level, line, key, value string, no bool) error {
	if key == "" || value == "" {
		return fmt.Errorf("invalid syntax in: %s", line)
	}
	return s.edit(l, func(e *lab.Editor) error {
		if no {
			return removeOption(e, l, line, key, value)
		}
		for _, o := range e.Options(l.path...) {
			if !isPort(key) || !samePort(o.Key, key) {
				continue
			}
			if sameValue(o.Value, value) {
				return fmt.Errorf("semantic error in: %s this connection already exists", line)
			}
			return fmt.Errorf("semantic error in: %s this connection already exists: %s = %s; write no %s = %s first", line, o.Key, o.Value, o.Key, o.Value)
		}
		return e.Set(key, value, l.path...)
	})
}

// removeOption takes an option of the level away, and of a link the line that the
// file has for it, which may be in the section at its other end.
func removeOption(e *lab.Editor, l level, line, key, value string) error {
	for _, o := range e.Options(l.path...) {
		switch {
		case !strings.EqualFold(o.Key, key) && !samePort(o.Key, key):
		case !sameValue(o.Value, value):
			return fmt.Errorf("semantic error in: %s the value is %s", line, o.Value)
		default:
			e.Remove(o.Key, l.path...)
			return nil
		}
	}
	if isPort(key) && len(l.path) == 2 {
		_, device, _ := strings.Cut(l.path[1], " ")
		far, port, _ := strings.Cut(value, " ")
		if section := deviceSection(e, far); section != nil {
			for _, o := range e.Options(section...) {
				if samePort(o.Key, port) && sameValue(o.Value, strings.TrimSpace(device)+" "+key) {
					e.Remove(o.Key, section...)
					return nil
				}
			}
		}
		return fmt.Errorf("semantic error in: %s this connection does not exist", line)
	}
	if strings.HasPrefix(strings.ToLower(key), "slot") {
		return errors.New("This slot is already empty") //lint:ignore ST1005 Dynagen's words
	}
	return fmt.Errorf("semantic error in: %s this option is not set", line)
}

// isPort reports whether the name of an option is a port of a router.
func isPort(key string) bool { return strings.Contains(key, "/") }

func samePort(a, b string) bool {
	return isPort(a) && isPort(b) && lab.PortName(a) == lab.PortName(b)
}

// sameValue compares values word by word; ports may be written in any way.
func sameValue(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	return slices.EqualFunc(x, y, func(v, w string) bool { return v == w || samePort(v, w) })
}

// topLine is a line of the top level that is no option.
func (s *shell) topLine(w []string, no bool) error {
	if no {
		w = w[1:]
	}
	if len(w) != 2 || w[0] != "hypervisor" {
		return fmt.Errorf("invalid syntax in: %s; accepted: OPTION = VALUE, hypervisor HOST[:PORT], no ..., exit", strings.Join(w, " "))
	}
	if no {
		l := s.levels[len(s.levels)-1]
		return s.edit(l, func(e *lab.Editor) error {
			section := serverSection(e, w[1])
			if section == "" {
				return fmt.Errorf("this hypervisor does not exist: %s", w[1])
			}
			if len(e.Sections(section)) > 0 {
				return fmt.Errorf("hypervisor %s has devices; reset takes them away", w[1])
			}
			e.RemoveSection(section)
			return nil
		})
	}
	s.server(w[1])
	return nil
}

func serverSection(e *lab.Editor, name string) string {
	for _, s := range e.Sections() {
		if lab.SameServer(s, name) {
			return s
		}
	}
	return ""
}

// server goes to a server section, made where there is none.
func (s *shell) server(name string) {
	l := s.levels[len(s.levels)-1]
	e, err := l.open(s)
	if err == nil {
		if have := serverSection(e, name); have != "" {
			name = have
		} else {
			err = s.edit(l, func(e *lab.Editor) error { return e.AddSection(name) })
		}
	}
	if err != nil {
		s.fail(Failed, err)
		return
	}
	s.levels = append(s.levels, level{l.lab, []string{name}})
}

// serverLine is a line of a server section that is no option.
func (s *shell) serverLine(l level, w []string, no bool) error {
	if no {
		return s.removeFrom(l, w[1:])
	}
	word := strings.ToLower(w[0])
	switch {
	case word == "reset" && len(w) == 1:
		return s.edit(l, func(e *lab.Editor) error {
			for _, section := range e.Sections(l.path...) {
				if _, device, ok := strings.Cut(section, " "); ok {
					unplug(e, strings.TrimSpace(device))
					e.RemoveSection(l.path[0], section)
				}
			}
			return nil
		})
	case slices.Contains(models, word) && len(w) == 1:
		return s.section(l, word, nil)
	case word == "router" && len(w) == 2:
		return s.section(l, "ROUTER "+w[1], nil)
	case word == "router" && len(w) == 4 && w[2] == "model":
		if !slices.Contains(models, w[3]) {
			return fmt.Errorf("Bad model: %s; accepted: %s", w[3], strings.Join(models, ", ")) //lint:ignore ST1005 Dynagen's words
		}
		return s.section(l, "ROUTER "+w[1], []string{"model", w[3]})
	case slices.Contains(switchTypes, word) && len(w) == 2:
		return s.section(l, strings.ToUpper(word)+" "+w[1], nil)
	}
	return fmt.Errorf("Bad syntax: %s", strings.Join(w, " ")) //lint:ignore ST1005 Dynagen's words
}

// section goes to a section of a server, made where there is none, with an option
// then.
func (s *shell) section(l level, name string, option []string) error {
	e, err := l.open(s)
	if err != nil {
		return err
	}
	typ, device, isDevice := strings.Cut(name, " ")
	if isDevice {
		if at := deviceSection(e, device); at != nil {
			have, _, _ := strings.Cut(at[1], " ")
			switch {
			case !lab.SameServer(at[0], l.path[0]):
				return fmt.Errorf("this device is on different hypervisor: %s", at[0])
			case !strings.EqualFold(have, typ):
				return fmt.Errorf("%s is not a %s switch but a %s", device, typ, strings.ToUpper(have))
			case option != nil:
				return fmt.Errorf("%s router already exists", device)
			}
			s.levels = append(s.levels, level{l.lab, at})
			return nil
		}
	}
	path := []string{l.path[0], name}
	if !e.Has(path...) {
		err := s.edit(l, func(e *lab.Editor) error {
			if err := e.AddSection(path...); err != nil || option == nil || option[1] == "7200" {
				return err
			}
			return e.Set(option[0], option[1], path...)
		})
		if err != nil {
			return err
		}
	}
	s.levels = append(s.levels, level{l.lab, path})
	return nil
}

// removeFrom is "no TYPE NAME" in a server section.
func (s *shell) removeFrom(l level, w []string) error {
	if len(w) != 2 {
		return fmt.Errorf("Bad syntax: no %s", strings.Join(w, " ")) //lint:ignore ST1005 Dynagen's words
	}
	typ, name := strings.ToLower(w[0]), w[1]
	if typ != "defaults" && typ != "router" && !slices.Contains(switchTypes, typ) {
		return fmt.Errorf("Bad syntax: no %s %s; accepted: no router, no defaults, no %s", typ, name, strings.Join(switchTypes, ", no ")) //lint:ignore ST1005 Dynagen's words
	}
	err := s.edit(l, func(e *lab.Editor) error {
		section := typ + " " + name
		if typ == "defaults" {
			section = name
		}
		if !e.Has(l.path[0], section) {
			return fmt.Errorf("this device does not exist: %s", name)
		}
		if typ != "defaults" {
			unplug(e, name)
		}
		e.RemoveSection(l.path[0], section)
		return nil
	})
	if err == nil && typ == "router" {
		fmt.Fprintf(s.a.Out, "Router %s on %s deleted\n", name, l.path[0])
	}
	return err
}

// unplug takes the links to a device out of the sections of others.
func unplug(e *lab.Editor, device string) {
	for _, server := range e.Sections() {
		for _, section := range e.Sections(server) {
			for _, o := range e.Options(server, section) {
				w := strings.Fields(o.Value)
				switch i := slices.Index(w, device); {
				case i < 0 || i+1 >= len(w) || !isPort(o.Key) && i < 2:
					// no link: an option whose value happens to be such a word
				case i == 0:
					e.Remove(o.Key, server, section)
				default: // "access 1 R1 f1/0" of a switch stays as a port of its VLAN
					_ = e.Set(o.Key, strings.Join(w[:i], " "), server, section)
				}
			}
		}
	}
}
