package lab

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Entry is a line "name = value" of a file without sections.
type Entry struct {
	Name, Value string
	// Line and Column are the place of the value, from 1.
	Line, Column int
}

// Entries reads a file in the dialect of lab files that has no sections. All messages come
// in the order of the file; there are no entries when one of them is an Error.
func Entries(file string, text []byte) ([]Entry, []Message) {
	p := &parser{file: file}
	root, _ := p.parseSyntax(p.decode(text))
	for _, s := range root.sections {
		p.errorf(s.at.line, s.at.column, "%s: this file has no sections; its lines are NAME = VALUE", s.title())
	}
	if p.failed {
		return nil, sorted(p.messages)
	}
	var entries []Entry
	for _, o := range root.options {
		entries = append(entries, Entry{o.key, o.value, o.valueAt.line, o.valueAt.column})
	}
	return entries, sorted(p.messages)
}

// SetEntry returns the text of such a file, which has no error, with an entry set: in its
// line, whose comment stays, or in a new one at the end. Names differ by case. It fails when
// the name or the value cannot be written.
func SetEntry(text []byte, name, value string) ([]byte, error) {
	for _, s := range []string{name, value} {
		if strings.TrimFunc(s, isBlank) == "" || strings.ContainsAny(s, "\r\n") || !utf8.ValidString(s) || controlCharacter(textLine(s)) >= 0 {
			return nil, fmt.Errorf("%q cannot be written into the file", s)
		}
		if strings.Contains(s, `"`) && strings.Contains(s, "'") {
			return nil, fmt.Errorf("%q cannot be written into the file: it has both kinds of quotes", s)
		}
	}
	e, err := exactly(text)
	if err != nil {
		return nil, err
	}
	if o := e.parse().byKey[name]; o != nil {
		e.replace(o, value)
	} else {
		e.insert(len(e.lines), quoteName(name)+" = "+quote(value))
	}
	return e.Text(), nil
}

// exactly returns an editor that can give back every character of the text.
func exactly(text []byte) (*Editor, error) {
	e := NewEditor(text)
	if !bytes.Equal(e.Text(), text) {
		return nil, errors.New("the file has characters that its encoding does not allow, and cannot be edited")
	}
	return e, nil
}

// quoteName is quote for the name of an entry.
func quoteName(name string) string {
	switch {
	case strings.TrimFunc(name, isBlank) == name && !strings.ContainsAny(name, `=[,#'"`):
		return name
	case strings.Contains(name, `"`):
		return "'" + name + "'"
	}
	return `"` + name + `"`
}

// SetRouterOption returns the text of a lab file, which has no error, with an option of
// router r set, which was read from this very text: in the router's section, or, with
// defaults, in the section of its model that stands before it. It fails when there is no
// such section.
func SetRouterOption(text []byte, r *Router, defaults bool, key, value string) ([]byte, error) {
	e, err := exactly(text)
	if err != nil {
		return nil, err
	}
	for _, server := range e.parse().sections {
		i := slices.IndexFunc(server.sections, func(s *section) bool { return s.at.line == r.Line })
		if i < 0 {
			continue
		}
		s := server.sections[i]
		if defaults {
			models := slices.DeleteFunc(slices.Clone(server.sections[:i]), func(s *section) bool {
				m, _ := modelNamed(s.name)
				return m == nil || m.name != r.Model
			})
			if len(models) == 0 {
				return nil, fmt.Errorf("%s has no section [[%s]] before [[%s]] that could hold it; write one, or save it for the router", server.title(), r.Model, s.name)
			}
			s = models[len(models)-1]
			if i := slices.IndexFunc(models, func(s *section) bool { return s.option(key) != nil }); i >= 0 {
				s = models[i]
			}
		}
		e.set(s, key, value)
		return e.Text(), nil
	}
	return nil, errors.New("the file has no section of router " + r.Name)
}
