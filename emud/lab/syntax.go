package lab

import "strings"

// The lexical layer: lines to sections and options with their places. It knows
// the dialect's brackets, quotes and comments and nothing of routers.
//
// Source: lab-files-and-console reference, section 1.

// pos is a place in the file, counted from 1.
type pos struct{ line, column int }

// option is a line "key = value".
type option struct {
	key   string
	value string
	at    pos // of the key
	// valueAt is the place of the value's first character, behind its quote.
	valueAt pos
	// raw is where the value stands with its quotes: from its first character up to
	// that behind its last, which may be on a later line.
	raw, rawEnd pos
}

// word returns the place of the value's character with index i (in bytes).
func (o *option) word(i int) pos {
	before := o.value[:i]
	if n := strings.Count(before, "\n"); n > 0 { // between triple quotes
		return pos{o.valueAt.line + n, len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1}
	}
	return pos{o.valueAt.line, o.valueAt.column + len([]rune(before))}
}

// section is a bracketed section; the file itself is the section of depth 0.
type section struct {
	name     string
	depth    int
	at       pos // of the first bracket
	nameAt   pos
	options  []*option
	sections []*section
	byKey    map[string]*option
	byName   map[string]*section
	// window marks [GNS3-DATA] and what is in it: it belongs to a graphical
	// program and is kept, not checked.
	window bool
}

func newSection(name string, depth int, at, nameAt pos) *section {
	return &section{name: name, depth: depth, at: at, nameAt: nameAt,
		byKey: map[string]*option{}, byName: map[string]*section{}}
}

// parseSyntax builds the tree of sections. complete is false when the end of
// the text could not be understood (an unclosed triple quote), so that
// complaints about what is missing would mislead.
func (p *parser) parseSyntax(lines []textLine) (root *section, complete bool) {
	root = newSection("", 0, pos{1, 1}, pos{1, 1})
	stack := []*section{root} // stack[d] is the open section of depth d
	for i := 0; i < len(lines); i++ {
		l := lines[i]
		start := skipBlanks(l, 0)
		if start == len(l) || l[start] == '#' {
			continue
		}
		if l[start] == '[' {
			if s := p.sectionLine(l, i+1, start); s != nil {
				stack = p.open(stack, s)
			} else {
				stack = lose(stack, i+1, start+1)
			}
			continue
		}
		in := stack[len(stack)-1]
		o, next, ok := p.optionLine(lines, i, start, in.window)
		if next < 0 {
			return root, false
		}
		i = next
		if !ok {
			continue
		}
		if first := in.byKey[o.key]; first != nil {
			if !in.window {
				p.errorf(o.at.line, o.at.column, "duplicate option %q (first on line %d)", o.key, first.at.line)
			}
			continue
		}
		in.byKey[o.key] = o
		in.options = append(in.options, o)
	}
	return root, true
}

// open puts a section into its parent and returns the new stack.
func (p *parser) open(stack []*section, s *section) []*section {
	if s.depth > len(stack) {
		if s.depth == 2 {
			p.errorf(s.at.line, s.at.column, "section too nested: [[%s]] stands in no server section; write [localhost] before it", s.name)
			return p.open(lose(stack, s.at.line, s.at.column), s)
		}
		p.errorf(s.at.line, s.at.column, "section too nested: %d brackets below a section of %d", s.depth, len(stack)-1)
		return append(stack[:len(stack):len(stack)], s) // its options go nowhere
	}
	parent := stack[s.depth-1]
	s.window = parent.window || s.depth == 1 && strings.EqualFold(s.name, "GNS3-DATA")
	if first := parent.byName[s.name]; first != nil {
		// Devices have a better message, which also sees other spellings.
		if _, _, device := splitDevice(s.name); !device && !s.window {
			p.errorf(s.at.line, s.at.column, "duplicate section %s (first on line %d)", s.title(), first.at.line)
		}
		if s.window {
			return append(stack[:s.depth:s.depth], s)
		}
	} else {
		parent.byName[s.name] = s
	}
	parent.sections = append(parent.sections, s)
	return append(stack[:s.depth:s.depth], s)
}

// lose opens a section for what follows a header that made no sense. At the
// top it stands for a server, so that the devices in it are known and no
// second complaint follows from the first.
func lose(stack []*section, line, column int) []*section {
	lost := newSection("", len(stack), pos{line, column}, pos{line, column})
	if len(stack) == 1 {
		stack[0].sections = append(stack[0].sections, lost)
	}
	return append(stack[:len(stack):len(stack)], lost)
}

func (s *section) title() string {
	return strings.Repeat("[", s.depth) + s.name + strings.Repeat("]", s.depth)
}

// sectionLine reads a line of brackets; nil after an error.
func (p *parser) sectionLine(l textLine, line, start int) *section {
	i, depth := start, 0
	for i < len(l) && (l[i] == '[' || isBlank(l[i])) {
		if l[i] == '[' {
			depth++
		}
		i++
	}
	nameStart := i
	// The name ends at the first run of closing brackets that nothing but a
	// comment follows; in a quoted name, behind the closing quote.
	search := nameStart
	if q := quoteAt(l, nameStart); q != 0 {
		if end := indexRune(l, nameStart+1, q); end >= 0 {
			if c := skipBlanks(l, end+1); c < len(l) && l[c] == ']' {
				search = end + 1
			}
		}
	}
	for i = search; i < len(l); i++ {
		if l[i] != ']' {
			continue
		}
		end, closers := i, 0
		for end < len(l) && (l[end] == ']' || isBlank(l[end])) {
			if l[end] == ']' {
				closers++
			}
			end++
		}
		if end < len(l) && l[end] != '#' {
			continue
		}
		name := strings.TrimSpace(string(trimRunes(l[nameStart:i])))
		if n := len(name); n >= 2 && (name[0] == '"' || name[0] == '\'') && name[n-1] == name[0] {
			name = strings.TrimSpace(name[1 : n-1])
		}
		switch {
		case closers != depth:
			p.errorf(line, i+1, "cannot compute the section depth: %d opening and %d closing brackets", depth, closers)
			return nil
		case name == "":
			p.errorf(line, start+1, "a section needs a name between its brackets")
			return nil
		}
		return newSection(name, depth, pos{line, start + 1}, pos{line, nameStart + 1})
	}
	p.errorf(line, start+1, "the section's brackets are not closed")
	return nil
}

// optionLine reads the option that starts on lines[i] at start. It returns the
// index of the option's last line, or -1 when a triple quote is never closed.
// In a window section nothing is complained about.
func (p *parser) optionLine(lines []textLine, i, start int, window bool) (o *option, last int, ok bool) {
	l := lines[i]
	fail := func(column int, format string, args ...any) (*option, int, bool) {
		if !window {
			p.errorf(i+1, column+1, format, args...)
		}
		return nil, i, false
	}
	eq := indexRune(l, start, '=')
	key := ""
	if q := quoteAt(l, start); q != 0 {
		if end := indexRune(l, start+1, q); end >= 0 {
			if e := skipBlanks(l, end+1); e < len(l) && l[e] == '=' {
				eq, key = e, string(l[start+1:end])
			}
		}
	}
	if hash := indexRune(l, start, '#'); eq < 0 || (hash >= 0 && hash < eq && key == "") {
		return fail(start, "invalid line: expected [section] or option = value")
	}
	if key == "" {
		key = string(trimRunes(l[start:eq]))
	}
	if key == "" {
		return fail(start, "invalid line: no option name before the =")
	}
	v := skipBlanks(l, eq+1)
	o = &option{key: key, at: pos{i + 1, start + 1}, valueAt: pos{i + 1, v + 1}, raw: pos{i + 1, v + 1}}
	if v == len(l) || l[v] == '#' {
		return fail(eq, "empty value of option %q", key)
	}
	q := quoteAt(l, v)
	if q == 0 {
		end := len(l)
		if hash := indexRune(l, v, '#'); hash >= 0 {
			end = hash
			if !isBlank(l[hash-1]) && !window {
				p.warnf(i+1, hash+1, "the # starts a comment: the value is %q; put it in quotes to keep the #", string(trimRunes(l[v:hash])))
			}
		}
		value := trimRunes(l[v:end])
		o.value, o.rawEnd = string(value), pos{i + 1, v + len(value) + 1}
		return o, i, true
	}
	if v+2 < len(l) && l[v+1] == q && l[v+2] == q {
		return p.tripleQuoted(lines, i, v, q, o, window)
	}
	o.valueAt.column++
	end := indexRune(l, v+1, q)
	if end < 0 {
		return fail(v, "the quote of option %q is not closed", key)
	}
	o.value, o.rawEnd = string(l[v+1:end]), pos{i + 1, end + 2}
	if rest := skipBlanks(l, end+1); rest < len(l) && l[rest] != '#' {
		return fail(rest, "text after the closing quote of option %q", key)
	}
	if len(fields(o.value)) == 0 {
		return fail(v, "empty value of option %q", key)
	}
	return o, i, true
}

// tripleQuoted reads a value in three quotes, which may span lines.
func (p *parser) tripleQuoted(lines []textLine, i, v int, q rune, o *option, window bool) (*option, int, bool) {
	o.valueAt.column += 3
	var text strings.Builder
	from := v + 3
	for n := i; n < len(lines); n++ {
		l := lines[n]
		for end := indexRune(l, from, q); end >= 0; end = indexRune(l, end+1, q) {
			if end+2 >= len(l) || l[end+1] != q || l[end+2] != q {
				continue
			}
			text.WriteString(string(l[from:end]))
			o.value, o.rawEnd = text.String(), pos{n + 1, end + 4}
			if rest := skipBlanks(l, end+3); rest < len(l) && l[rest] != '#' && !window {
				p.errorf(n+1, rest+1, "text after the closing quotes of option %q", o.key)
				return nil, n, false
			}
			if len(fields(o.value)) == 0 && !window {
				p.errorf(i+1, v+1, "empty value of option %q", o.key)
				return nil, n, false
			}
			return o, n, true
		}
		text.WriteString(string(l[from:]))
		text.WriteByte('\n')
		from = 0
	}
	p.errorf(i+1, v+1, "the triple quote of option %q is not closed before the end of the file", o.key)
	return nil, -1, false
}

// quoteAt returns the quote character at index i, or 0.
func quoteAt(l textLine, i int) rune {
	if i < len(l) && (l[i] == '"' || l[i] == '\'') {
		return l[i]
	}
	return 0
}

func skipBlanks(l textLine, i int) int {
	for i < len(l) && isBlank(l[i]) {
		i++
	}
	return i
}

func trimRunes(l textLine) textLine {
	l = l[skipBlanks(l, 0):]
	for len(l) > 0 && isBlank(l[len(l)-1]) {
		l = l[:len(l)-1]
	}
	return l
}

// indexRune returns the index of the first r at or behind from, or -1.
func indexRune(l textLine, from int, r rune) int {
	for i := from; i < len(l); i++ {
		if l[i] == r {
			return i
		}
	}
	return -1
}

// field is a word of a value and its index in bytes.
type field struct {
	text  string
	index int
}

// fields splits a value at blanks and line ends, keeping the places of the words.
func fields(s string) []field {
	var out []field
	start := -1
	for i, r := range s {
		switch {
		case isBlank(r) || r == '\n':
			if start >= 0 {
				out = append(out, field{s[start:i], start})
				start = -1
			}
		case start < 0:
			start = i
		}
	}
	if start >= 0 {
		out = append(out, field{s[start:], start})
	}
	return out
}

// splitDevice splits a device section's name into its type and the rest.
func splitDevice(name string) (typ, rest string, ok bool) {
	f := fields(name)
	if len(f) < 2 {
		return "", "", false
	}
	return f[0].text, name[f[1].index:], true
}
