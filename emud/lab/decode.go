package lab

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxText bounds a lab file, in bytes. The largest labs known are a few
// hundred kilobytes, pictures' notes included.
const maxText = 4 << 20

// textLine is one line of the file as characters, so that a column is an index
// plus one, whatever the encoding was.
type textLine []rune

// windows1252 gives the characters of bytes 0x80 to 0x9f, where Windows-1252
// differs from Latin-1; 0 marks the five bytes that it leaves undefined.
var windows1252 = [32]rune{
	'€', 0, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0, 'Ž', 0,
	0, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0, 'ž', 'Ÿ',
}

// decode splits the text into lines. It takes UTF-8 with or without a byte
// order mark and UTF-16 with one; a line that is not UTF-8 is read as
// Windows-1252. Lines end with LF, CR LF or CR.
func (p *parser) decode(text []byte) []textLine {
	if len(text) > maxText {
		p.errorf(1, 1, "the file has %d bytes; a lab file has at most %d", len(text), maxText)
		return nil
	}
	switch {
	case bytes.HasPrefix(text, []byte{0xef, 0xbb, 0xbf}):
		text = text[3:]
	case bytes.HasPrefix(text, []byte{0xff, 0xfe}):
		text = p.decodeUTF16(text[2:], 1)
	case bytes.HasPrefix(text, []byte{0xfe, 0xff}):
		text = p.decodeUTF16(text[2:], 0)
	}
	var lines []textLine
	foreign := false
	for i, raw := range splitLines(text) {
		line, ok := decodeLine(raw)
		if at := controlCharacter(line); at >= 0 {
			p.errorf(i+1, at+1, "control character U+%04X: this is not a text file in UTF-8, or UTF-16 with a byte order mark", line[at])
			return nil
		}
		if !ok && !foreign {
			if at := firstBad(raw); !inComment(line, at) {
				foreign = true
				p.warnf(i+1, at+1, "not UTF-8: read as Windows-1252")
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// decodeUTF16 turns UTF-16 into UTF-8; hi is the index of the high byte in
// each pair.
func (p *parser) decodeUTF16(text []byte, hi int) []byte {
	odd := len(text)%2 != 0
	units := make([]uint16, len(text)/2)
	for i := range units {
		units[i] = uint16(text[2*i+hi])<<8 | uint16(text[2*i+1-hi])
	}
	out := []byte(string(utf16.Decode(units)))
	if odd {
		lines := splitLines(out)
		last := 1
		column := 1
		if len(lines) > 0 {
			last = len(lines)
			column = utf8.RuneCount(lines[last-1]) + 1
		}
		p.errorf(last, column, "the file ends within a character of UTF-16")
	}
	return out
}

// splitLines cuts the text at its line ends. A last line without an end
// counts; nothing follows a last line with one.
func splitLines(text []byte) [][]byte {
	var lines [][]byte
	for len(text) > 0 {
		i := bytes.IndexAny(text, "\r\n")
		if i < 0 {
			lines = append(lines, text)
			break
		}
		lines = append(lines, text[:i])
		if text[i] == '\r' && i+1 < len(text) && text[i+1] == '\n' {
			i++
		}
		text = text[i+1:]
	}
	return lines
}

// decodeLine returns the characters of a line and whether it was UTF-8.
func decodeLine(raw []byte) (textLine, bool) {
	if utf8.Valid(raw) {
		return textLine(string(raw)), true
	}
	line := make(textLine, len(raw))
	for i, b := range raw {
		line[i] = rune(b)
		if b >= 0x80 && b < 0xa0 {
			if line[i] = windows1252[b-0x80]; line[i] == 0 {
				line[i] = utf8.RuneError
			}
		}
	}
	return line, false
}

// firstBad returns the index of the first byte that is not UTF-8.
func firstBad(raw []byte) int {
	for i := 0; i < len(raw); {
		r, n := utf8.DecodeRune(raw[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return 0
}

func inComment(line textLine, at int) bool {
	return strings.ContainsRune(string(line[:min(at, len(line))]), '#')
}

// controlCharacter returns the index of the first character that no text file
// has, or -1.
func controlCharacter(line textLine) int {
	for i, r := range line {
		if (r < ' ' && !isBlank(r)) || r == 0x7f {
			return i
		}
	}
	return -1
}

func isBlank(r rune) bool {
	return r == ' ' || r == '\t' || r == '\v' || r == '\f' || r == 0xa0 || r == 0xfeff
}

// parser collects the messages of one file.
type parser struct {
	file     string
	messages []Message
	failed   bool
}

func (p *parser) add(s Severity, line, column int, format string, args ...any) {
	p.messages = append(p.messages, Message{
		File: p.file, Line: max(line, 1), Column: max(column, 1), Severity: s,
		Text: fmt.Sprintf(format, args...),
	})
	if s == Error {
		p.failed = true
	}
}

func (p *parser) errorf(line, column int, format string, args ...any) {
	p.add(Error, line, column, format, args...)
}

func (p *parser) warnf(line, column int, format string, args ...any) {
	p.add(Warning, line, column, format, args...)
}

func (p *parser) noticef(line, column int, format string, args ...any) {
	p.add(Notice, line, column, format, args...)
}
