package lab

import (
	"strings"
	"testing"
	"unicode/utf16"
)

const plain = "# Lab\n[localhost]\n\t[[ROUTER R1]]\n  f0/0 = R2 f0/0\n[[router R2]]\nram = lots\n"

// Every encoding and line end gives the same message at the same place.
func TestEncodings(t *testing.T) {
	utf16Bytes := func(s string, hi int) []byte {
		out := []byte{0xff, 0xfe}
		if hi == 0 {
			out = []byte{0xfe, 0xff}
		}
		for _, u := range utf16.Encode([]rune(s)) {
			pair := []byte{byte(u >> 8), byte(u)}
			out = append(out, pair[hi], pair[1-hi])
		}
		return out
	}
	crlf := strings.ReplaceAll(plain, "\n", "\r\n")
	for name, text := range map[string][]byte{
		"UTF-8":                   []byte(plain),
		"UTF-8 with mark":         []byte("\ufeff" + plain),
		"CR LF":                   []byte(crlf),
		"CR":                      []byte(strings.ReplaceAll(plain, "\n", "\r")),
		"UTF-16 little-endian":    utf16Bytes(crlf, 1),
		"UTF-16 big-endian":       utf16Bytes(plain, 0),
		"Windows-1252 in comment": append([]byte("# Caf\xe9 \x80\n"), plain[len("# Lab\n"):]...),
		"comment behind a value":  []byte(strings.Replace(plain, "R2 f0/0\n", "R2 f0/0 # d\xe9j\xe0 vu\n", 1)),
	} {
		_, m := Parse("x.net", text)
		if len(m) != 1 || m[0].Line != 6 || m[0].Column != 7 {
			t.Errorf("%s: messages %v, want one at 6:7", name, m)
		}
	}
}

func TestEncodingErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"UTF-16 without mark", "[\x00l\x00", "x.net:1:2: control character U+0000: this is not a text file in UTF-8, or UTF-16 with a byte order mark"},
		{"binary", "\x7fELF", "x.net:1:1: control character U+007F: this is not a text file in UTF-8, or UTF-16 with a byte order mark"},
		{"half a character", "\xff\xfe#\x00\n\x00#", "x.net:1:2: the file ends within a character of UTF-16"},
		{"too long", "#" + strings.Repeat("x", maxText), "x.net:1:1: the file has 4194305 bytes; a lab file has at most 4194304"},
	} {
		_, m := Parse("x.net", []byte(c.text))
		if len(m) != 1 || m[0].String() != c.want {
			t.Errorf("%s: %v, want %s", c.name, m, c.want)
		}
	}
	l, m := Parse("x.net", []byte("[localhost]\n[[ROUTER R1]]\nimage = /caf\xe9.bin\n"))
	if len(m) != 1 || m[0].String() != "x.net:3:13: warning: not UTF-8: read as Windows-1252" || l.Routers[0].Image != "/café.bin" {
		t.Errorf("Windows-1252 in a value: %v", m)
	}
}

// Values of the image option, as written and as read (reference, 1.2).
// Promises: 18, 22.
func TestValues(t *testing.T) {
	for _, c := range []struct{ written, want, message string }{
		{`/i/my image.bin`, "/i/my image.bin", ""},
		{`"/i/my image.bin"`, "/i/my image.bin", ""},
		{`'/i/my image.bin'  # comment`, "/i/my image.bin", ""},
		{`/i/a.bin # comment`, "/i/a.bin", ""},
		{`/i/a#b.bin`, "/i/a", `3:13: warning: the # starts a comment: the value is "/i/a"; put it in quotes to keep the #`},
		{`"/i/a#b.bin"`, "/i/a#b.bin", ""},
		{`/i/a,b.bin`, "/i/a,b.bin", ""},
		{`a = b`, "a = b", ""},
		{`%(x)s 100%`, "%(x)s 100%", ""},
		{`\Program Files\c7200.bin`, `\Program Files\c7200.bin`, ""},
		{`"""one"""`, "one", ""},
		{"'''one\n  two''' # c", "one\n  two", ""},
		{`"""a "b" c"""`, `a "b" c`, ""},
		{`"a`, "", `3:9: the quote of option "image" is not closed`},
		{`"a" b`, "", `3:13: text after the closing quote of option "image"`},
		{`""`, "", `3:9: empty value of option "image"`},
		{`# c`, "", `3:7: empty value of option "image"`},
		{``, "", `3:7: empty value of option "image"`},
		{`"""a` + "\nb", "", `3:9: the triple quote of option "image" is not closed before the end of the file`},
		{`'''a''' b`, "", `3:17: text after the closing quotes of option "image"`},
		{`None`, "builtin", ""},
		{`none`, "none", ""},
	} {
		l, m := Parse("x.net", []byte("[localhost]\n[[ROUTER R1]]\nimage = "+c.written+"\n"))
		got, message := "", ""
		if l != nil {
			got = l.Routers[0].Image
		}
		for _, m := range m {
			message += strings.TrimPrefix(m.String(), "x.net:")
		}
		if got != c.want || message != c.message {
			t.Errorf("%s: %q, message %q; want %q, %q", c.written, got, message, c.want, c.message)
		}
	}
}

// Headers and option lines (reference, 1.1).
// Promises: 17, 18, 21.
func TestLines(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"blanks in brackets", "[ localhost ]\n [ [ ROUTER   R1 ] ] # c ]\nconsole=2005", "R1 7200 console 2005\n"},
		{"quoted section name", "[\"localhost\"]\n[['ROUTER R1']]", "R1 7200 console 2000\n"},
		{"quoted key", "[localhost]\n[[ROUTER R1]]\n\"console\" = 2005", "R1 7200 console 2005\n"},
		{"semicolon is no comment", "[localhost]\n; c", "2:1: invalid line: expected [section] or option = value\n"},
		{"= in a comment", "[localhost]\nx # a = b", "2:1: invalid line: expected [section] or option = value\n"},
		{"no key", "[localhost]\n = 1", "2:2: invalid line: no option name before the =\n"},
		{"unequal brackets", "[localhost]\n  [[ROUTER R1]", "2:14: cannot compute the section depth: 2 opening and 1 closing brackets\n"},
		{"brackets not closed", "[localhost\n[[ROUTER R1]]", "1:1: the section's brackets are not closed\n"},
		{"text behind brackets", "[localhost] x", "1:1: the section's brackets are not closed\n"},
		{"no name", "[localhost]\n[[ ]]", "2:1: a section needs a name between its brackets\n"},
		{"no server", "[[ROUTER R1]]\nf0/0 = R2 f0/0\n[[ROUTER R2]]", "1:1: section too nested: [[ROUTER R1]] stands in no server section; write [localhost] before it\n"},
		{"router at depth 1", "[ROUTER R1]", "1:1: a device section takes two brackets: [[ROUTER R1]]\n"},
		{"model at depth 1", "[7200]", "1:1: [7200] is no server; device and defaults sections take two brackets\n"},
		{"depth 3", "[localhost]\n[[ROUTER R1]]\n[[[x]]]\ny = 1", "3:1: warning: section [[[x]]] is never looked at\nR1 7200 console 2000\n"},
		{"columns count characters, tabs as one", "[localhost]\n\t[[ROUTER R1]]\n\t\tram = \"é\"", "3:10: ram = \"é\": expected a whole number from 1 to 1048576\n"},
		{"empty file", "", ""},
		{"comments only", "# x\n\n   # y", ""},
		{"all errors are reported, in order", "junk\n[localhost]\n[[ROUTER R1]]\nram = x\ns1/0 = R2 s1/0\n[[7300]]\nfoo",
			"1:1: invalid line: expected [section] or option = value\n4:7: ram = \"x\": expected a whole number from 1 to 1048576\n" +
				"5:8: no device \"R2\" in this file (did you mean R1?)\n" +
				"6:3: unknown model \"7300\" (did you mean 7200?); the models are 2691 3620 3640 3660 3725 3745 7200; a device section is [[ROUTER NAME]]\n" +
				"7:1: invalid line: expected [section] or option = value\n"},
	} {
		if got := outcome(c.text); got != c.want {
			t.Errorf("%s: got\n%swant\n%s", c.name, got, c.want)
		}
	}
}
