package lab

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf16"
)

// TestSetRouterOption: one line changes, and everything else stays byte for byte.
func TestSetRouterOption(t *testing.T) {
	cases := []struct {
		name, text string
		router     string
		defaults   bool
		want       string
	}{
		{"replaced", "[localhost]\n\t[[ROUTER R1]]\n\t\tIdlePC=0x1   # old\n\t\tram = 128\n", "R1", false,
			"[localhost]\n\t[[ROUTER R1]]\n\t\tIdlePC=0x60719b98   # old\n\t\tram = 128\n"},
		{"replaced in quotes", "[localhost]\n[[ROUTER R1]]\nidlepc = \"0x1\" # old\n", "R1", false,
			"[localhost]\n[[ROUTER R1]]\nidlepc = 0x60719b98 # old\n"},
		{"replaced in three quotes", "[localhost]\n[[ROUTER R1]]\nidlepc = '''0x1''' # old\nram = 64\n", "R1", false,
			"[localhost]\n[[ROUTER R1]]\nidlepc = 0x60719b98 # old\nram = 64\n"},
		{"replaced None", "[localhost]\n[[ROUTER R1]]\nidlepc = None\n", "R1", false,
			"[localhost]\n[[ROUTER R1]]\nidlepc = 0x60719b98\n"},
		{"added behind the last option", "# a lab\n[localhost]\n  [[ROUTER R1]]\n    ram = 64 # M\n\n  # the other\n  [[ROUTER R2]]\n", "R1", false,
			"# a lab\n[localhost]\n  [[ROUTER R1]]\n    ram = 64 # M\n    idlepc = 0x60719b98\n\n  # the other\n  [[ROUTER R2]]\n"},
		{"added to an empty section", "[localhost]\n  [[ROUTER R1]] # first\n  [[ROUTER R2]]\n", "R1", false,
			"[localhost]\n  [[ROUTER R1]] # first\n  idlepc = 0x60719b98\n  [[ROUTER R2]]\n"},
		{"added at an end without line end", "[localhost]\n[[ROUTER R1]]\nram = 64", "R1", false,
			"[localhost]\n[[ROUTER R1]]\nram = 64\nidlepc = 0x60719b98\n"},
		{"line ends of Windows", "[localhost]\r\n[[ROUTER R1]]\r\nram = 64\r\n", "R1", false,
			"[localhost]\r\n[[ROUTER R1]]\r\nram = 64\r\nidlepc = 0x60719b98\r\n"},
		{"Windows-1252", "[localhost]\n[[ROUTER R1]]\nimage = \"caf\xe9\"\nidlepc = 0x1 # caf\xe9\n", "R1", false,
			"[localhost]\n[[ROUTER R1]]\nimage = \"caf\xe9\"\nidlepc = 0x60719b98 # caf\xe9\n"},
		{"defaults", "[localhost]\n[[7200]]\nimage = x # é\n[[ROUTER R1]]\nidlepc = none\n", "R1", true,
			"[localhost]\n[[7200]]\nimage = x # é\nidlepc = 0x60719b98\n[[ROUTER R1]]\nidlepc = none\n"},
		{"defaults of the router's own server", "[localhost:7200]\n[[7200]]\nidlepc = 0x1\n[localhost:7201]\n[[7200]]\nidlepc = 0x2\n[[ROUTER R1]]\n", "R1", true,
			"[localhost:7200]\n[[7200]]\nidlepc = 0x1\n[localhost:7201]\n[[7200]]\nidlepc = 0x60719b98\n[[ROUTER R1]]\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			set := func(text []byte) ([]byte, error) {
				l, msgs := Parse("x.net", text)
				if l == nil {
					t.Fatal(msgs)
				}
				return SetRouterOption(text, l.Router(c.router), c.defaults, "idlepc", "0x60719b98")
			}
			got, err := set([]byte(c.text))
			if err != nil || string(got) != c.want {
				t.Fatalf("%v:\n%q, want\n%q", err, got, c.want)
			}
			if again, err := set(got); err != nil || !bytes.Equal(again, got) {
				t.Errorf("set twice: %v:\n%q", err, again)
			}
		})
	}
}

// TestEditEncodings: the file keeps its encoding and byte order mark.
func TestEditEncodings(t *testing.T) {
	const before, after = "[localhost]\n# é€\n[[ROUTER R1]]\nidlepc = 0x1 # 🙂\n", "[localhost]\n# é€\n[[ROUTER R1]]\nidlepc = 0x2 # 🙂\n"
	wide := func(text string, little bool) []byte {
		var out []byte
		for _, u := range append([]uint16{0xfeff}, utf16.Encode([]rune(text))...) {
			if little {
				out = append(out, byte(u), byte(u>>8))
			} else {
				out = append(out, byte(u>>8), byte(u))
			}
		}
		return out
	}
	for name, c := range map[string][2][]byte{
		"UTF-8":           {[]byte(before), []byte(after)},
		"UTF-8 with mark": {[]byte("\ufeff" + before), []byte("\ufeff" + after)},
		"UTF-16LE":        {wide(before, true), wide(after, true)},
		"UTF-16BE":        {wide(before, false), wide(after, false)},
	} {
		l, msgs := Parse("x.net", c[0])
		if l == nil {
			t.Errorf("%s: %v", name, msgs)
			continue
		}
		if got, err := SetRouterOption(c[0], l.Routers[0], false, "idlepc", "0x2"); err != nil || !bytes.Equal(got, c[1]) {
			t.Errorf("%s: %v: %q", name, err, got)
		}
	}
}

// TestSetRouterOptionRefused: where there is no place for the option, or the text cannot
// be edited, nothing is made up.
func TestSetRouterOptionRefused(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no defaults", "[localhost]\n[[ROUTER R1]]\n", "no section [[7200]] before [[ROUTER R1]]"},
		{"defaults behind it", "[localhost]\n[[ROUTER R1]]\n[[7200]]\n", "no section [[7200]] before [[ROUTER R1]]"},
		{"bad UTF-16", "\xff\xfe[\x00l\x00o\x00c\x00a\x00l\x00h\x00o\x00s\x00t\x00]\x00\n\x00[\x00[\x00R\x00O\x00U\x00T\x00E\x00R\x00 \x00R\x001\x00]\x00]\x00#\x00\x00\xd8\n\x00", "encoding"},
	} {
		l, msgs := Parse("x.net", []byte(c.text))
		if l == nil {
			t.Errorf("%s: %v", c.name, msgs)
			continue
		}
		if _, err := SetRouterOption([]byte(c.text), l.Routers[0], true, "idlepc", "0x2"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// FuzzSetRouterOption: after an edit the lab is what it was but for the option, and the
// edited text is one line longer or as long.
func FuzzSetRouterOption(f *testing.F) {
	f.Add("[localhost]\n[[7200]]\nimage = x\n[[ROUTER R1]]\nidlepc = 0x1 # c\n[[ROUTER R2]]\nmodel = 7200", false)
	f.Add("\ufeffidlemax = 3\r\n[localhost]\r\n[[7200]]\r\n[[ROUTER R1]]\r\nf0/0 = LAN 1 # \xe9\r\n", true)
	f.Add("[localhost]\n[[7206]]\nidlepc = '''0x1'''\n[[ROUTER R1]]\ncnfg = \"\"\"a\nb\"\"\"\n", true)
	f.Fuzz(func(t *testing.T, text string, defaults bool) {
		before, _ := Parse("x.net", []byte(text))
		if before == nil || len(before.Routers) == 0 {
			return
		}
		r := before.Routers[len(before.Routers)-1]
		edited, err := SetRouterOption([]byte(text), r, defaults, "idlepc", "0x60719b98")
		if err != nil {
			return
		}
		after, msgs := Parse("x.net", edited)
		if after == nil {
			t.Fatalf("%q became %q: %v", text, edited, msgs)
		}
		now := after.Router(r.Name)
		if !defaults && now.IdlePC != "0x60719b98" {
			t.Fatalf("%q became %q: idlepc is %q", text, edited, now.IdlePC)
		}
		for _, o := range before.Routers {
			n := after.Router(o.Name)
			if n == nil {
				t.Fatalf("%q became %q: no %s", text, edited, o.Name)
			}
			if c, changed := change(o, n); changed && (len(c.NeedsRestart)+len(c.Moves) > 0 || len(c.Live) != 1 || c.Live[0] != "idlepc") {
				t.Fatalf("%q became %q: %s", text, edited, c)
			}
		}
		if len(after.Links) != len(before.Links) || len(after.Switches) != len(before.Switches) {
			t.Fatalf("%q became %q: links or switches differ", text, edited)
		}
	})
}
