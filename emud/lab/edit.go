package lab

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Editor changes the text of a lab file in place: a change touches the lines of
// the option or section that it is about and leaves all else, comments and
// indentation included, as it is. What it makes is not checked: that is Parse's.
//
// A section is named by its path of names: none for the top of the file, then
// the server's, then the device's or model's ("localhost", "ROUTER R1"). Types and
// servers are found in any case, names of devices as they are.
type Editor struct {
	mark  string   // the byte order mark
	wide  int      // 1, 2: the file is in UTF-16, little or big end first
	lines []string // with their ends, without the mark, not in UTF-16
	eol   string
}

// Option is an option of a section as the file has it, quotes aside.
type Option struct{ Key, Value string }

// NewEditor returns an editor of a lab file's text.
func NewEditor(text []byte) *Editor {
	var p parser
	e := &Editor{eol: "\n"}
	switch {
	case bytes.HasPrefix(text, []byte("\ufeff")):
		e.mark, text = string(text[:3]), text[3:]
	case bytes.HasPrefix(text, []byte{0xff, 0xfe}):
		e.mark, e.wide, text = string(text[:2]), 1, p.decodeUTF16(text[2:], 1)
	case bytes.HasPrefix(text, []byte{0xfe, 0xff}):
		e.mark, e.wide, text = string(text[:2]), 2, p.decodeUTF16(text[2:], 0)
	}
	for len(text) > 0 {
		end := bytes.IndexAny(text, "\r\n") + 1
		if end == 0 {
			end = len(text)
		} else if text[end-1] == '\r' && end < len(text) && text[end] == '\n' {
			end++
		}
		e.lines = append(e.lines, string(text[:end]))
		text = text[end:]
	}
	if len(e.lines) > 0 && strings.HasSuffix(e.lines[0], "\r\n") {
		e.eol = "\r\n"
	}
	return e
}

// Text returns the text as it is now, encoded as it was.
func (e *Editor) Text() []byte {
	body := strings.Join(e.lines, "")
	if e.wide == 0 {
		return []byte(e.mark + body)
	}
	text := []byte(e.mark)
	for _, u := range utf16.Encode([]rune(body)) {
		if e.wide == 1 {
			text = binary.LittleEndian.AppendUint16(text, u)
		} else {
			text = binary.BigEndian.AppendUint16(text, u)
		}
	}
	return text
}

func (e *Editor) parse() *section {
	var p parser
	root, _ := p.parseSyntax(p.decode(e.Text()))
	return root
}

// SameServer reports whether two names of server sections mean the same: in any
// case, with blanks around the colon or without, 7200 the usual port.
func SameServer(a, b string) bool {
	normal := func(s string) string {
		host, port, ok := strings.Cut(strings.ToLower(strings.ReplaceAll(s, " ", "")), ":")
		if !ok {
			port = "7200"
		}
		return host + ":" + port
	}
	return normal(a) == normal(b)
}

func sameSection(depth int, a, b string) bool {
	if depth == 1 {
		return SameServer(a, b)
	}
	atyp, aname, aok := splitDevice(a)
	btyp, bname, bok := splitDevice(b)
	if aok && bok {
		return strings.EqualFold(atyp, btyp) && aname == bname
	}
	return strings.EqualFold(a, b)
}

// find returns the first section of a path, or nil.
func (e *Editor) find(path []string) *section {
	s := e.parse()
	for depth, name := range path {
		i := slices.IndexFunc(s.sections, func(sub *section) bool { return sameSection(depth+1, sub.name, name) })
		if i < 0 {
			return nil
		}
		s = s.sections[i]
	}
	return s
}

// Has reports whether the file has the section.
func (e *Editor) Has(path ...string) bool { return e.find(path) != nil }

// Sections returns the names of the sections in a section, in the order of the file.
func (e *Editor) Sections(path ...string) []string {
	var out []string
	if s := e.find(path); s != nil {
		for _, sub := range s.sections {
			out = append(out, sub.name)
		}
	}
	return out
}

// Options returns the options of a section itself, in the order of the file.
func (e *Editor) Options(path ...string) []Option {
	var out []Option
	if s := e.find(path); s != nil {
		for _, o := range s.options {
			out = append(out, Option{o.key, o.value})
		}
	}
	return out
}

// Lines returns the text of a section from its header to its last option, those
// of the sections in it included.
func (e *Editor) Lines(path ...string) string {
	s := e.find(path)
	if s == nil {
		return ""
	}
	return strings.Join(e.lines[s.at.line-1:lastLine(s)], "")
}

// sameKey compares options: f1/0, F1/0 and FastEthernet1/0 are the same port.
func sameKey(a, b string) bool {
	return strings.EqualFold(strings.ReplaceAll(a, " ", ""), strings.ReplaceAll(b, " ", "")) ||
		looksLikeInterface(a) && looksLikeInterface(b) && PortName(a) == PortName(b)
}

func (s *section) option(key string) *option {
	for _, o := range s.options {
		if sameKey(o.key, key) {
			return o
		}
	}
	return nil
}

// lastLine is the number of the option's last line: a value in three quotes
// may have several.
func (o *option) lastLine() int { return o.rawEnd.line }

// ownLine is the last line of a section's own options, or of its header; 0 for
// a top without options.
func ownLine(s *section) int {
	if n := len(s.options); n > 0 {
		return s.options[n-1].lastLine()
	}
	if s.depth == 0 {
		return 0
	}
	return s.at.line
}

// lastLine is the last line of a section with the sections in it.
func lastLine(s *section) int {
	if n := len(s.sections); n > 0 {
		return lastLine(s.sections[n-1])
	}
	return ownLine(s)
}

// indent is the white space that a line begins with.
func (e *Editor) indent(line int) string {
	if line < 1 || line > len(e.lines) {
		return ""
	}
	l := e.lines[line-1]
	return l[:len(l)-len(strings.TrimLeft(l, " \t"))]
}

// insert puts lines behind the line of that number.
func (e *Editor) insert(after int, lines ...string) {
	if after > 0 && after == len(e.lines) && !strings.HasSuffix(e.lines[after-1], "\n") && !strings.HasSuffix(e.lines[after-1], "\r") {
		e.lines[after-1] += e.eol
	}
	for i := range lines {
		lines[i] += e.eol
	}
	e.lines = slices.Insert(e.lines, after, lines...)
}

// quote writes a value so that it is read as it is.
func quote(value string) string {
	switch {
	case value != "" && strings.TrimSpace(value) == value && !strings.ContainsAny(value, ",#'\"\n"):
		return value
	case strings.Contains(value, "\n") || strings.ContainsAny(value, "'") && strings.ContainsAny(value, `"`):
		return `'''` + value + `'''`
	case strings.Contains(value, `"`):
		return "'" + value + "'"
	}
	return `"` + value + `"`
}

// Set gives an option of a section a value: in its line, whose comment stays,
// or behind the section's other options. A section that is not there is an
// error.
func (e *Editor) Set(key, value string, path ...string) error {
	s := e.find(path)
	if s == nil {
		return fmt.Errorf("the lab file has no section %s", strings.Join(path, " / "))
	}
	e.set(s, key, value)
	return nil
}

func (e *Editor) set(s *section, key, value string) {
	o := s.option(key)
	if o == nil {
		last := ownLine(s)
		e.insert(last, e.indent(last)+key+" = "+quote(value))
		if last == 0 && len(e.lines) > 1 && strings.TrimSpace(e.lines[1]) != "" {
			e.insert(1, "")
		}
		return
	}
	e.replace(o, value)
}

// replace gives an option another value, in the place of the old one.
func (e *Editor) replace(o *option, value string) {
	first, last := o.raw.line, o.rawEnd.line
	line, end := e.lines[first-1], e.lines[last-1]
	line = line[:byteIndex(line, o.raw.column-1)] + quote(value) + end[byteIndex(end, o.rawEnd.column-1):]
	e.lines = slices.Replace(e.lines, first-1, last, line)
}

// byteIndex is the index in bytes of a character of a line, as decodeLine
// counts characters.
func byteIndex(line string, runes int) int {
	if !utf8.ValidString(strings.TrimRight(line, "\r\n")) {
		return runes
	}
	for i := range line {
		if runes == 0 {
			return i
		}
		runes--
	}
	return len(line)
}

// Remove takes an option out of a section; false when there is none.
func (e *Editor) Remove(key string, path ...string) bool {
	s := e.find(path)
	if s == nil {
		return false
	}
	o := s.option(key)
	if o == nil {
		return false
	}
	e.lines = slices.Delete(e.lines, o.at.line-1, o.lastLine())
	return true
}

// AddSection makes a section, the last one in its parent, which must be there.
func (e *Editor) AddSection(path ...string) error {
	depth := len(path)
	parent := e.find(path[:depth-1])
	if parent == nil {
		return fmt.Errorf("the lab file has no section %s", strings.Join(path[:depth-1], " / "))
	}
	after, indent := lastLine(parent), ""
	if n := len(parent.sections); n > 0 {
		indent = e.indent(parent.sections[n-1].at.line)
	} else if depth > 1 {
		indent = e.indent(parent.at.line) + "    "
	}
	if !slices.ContainsFunc(e.lines[after:], func(l string) bool { return strings.HasPrefix(strings.TrimSpace(l), "[") }) {
		// Comments at the end of the file belong to the section before them.
		for i := len(e.lines); i > after; i-- {
			if strings.TrimSpace(e.lines[i-1]) != "" {
				after = i
			}
		}
	}
	title := strings.Repeat("[", depth) + path[depth-1] + strings.Repeat("]", depth)
	if after == 0 {
		e.insert(after, indent+title)
	} else {
		e.insert(after, "", indent+title)
	}
	return nil
}

// RemoveSection takes a section with all that is in it out of the file; false
// when there is none.
func (e *Editor) RemoveSection(path ...string) bool {
	s := e.find(path)
	if s == nil || s.depth == 0 {
		return false
	}
	first, last := s.at.line-1, lastLine(s)
	if first > 0 && strings.TrimSpace(e.lines[first-1]) == "" {
		first-- // the blank line that parted it from what is before
	}
	e.lines = slices.Delete(e.lines, first, last)
	return true
}
