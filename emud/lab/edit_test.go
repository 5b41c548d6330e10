package lab

import (
	"strings"
	"testing"
)

const edited = `# A lab
autostart = false # by hand

[localhost:7200]

    [[7200]]
    image = "c7200, new.image"   # ours
    ram = 160

    [[router R1]]
    s1/0 = R2 s1/0
    # kept

    [[ROUTER R2]]
`

// Each change touches its own lines.
func TestEditor(t *testing.T) {
	for name, c := range map[string]struct {
		edit      func(e *Editor) any
		old, want string
	}{
		"value":      {func(e *Editor) any { return e.Set("ram", "256", "localhost", "7200") }, "ram = 160", "ram = 256"},
		"comment":    {func(e *Editor) any { return e.Set("autostart", "true") }, "false # by hand", "true # by hand"},
		"quotes":     {func(e *Editor) any { return e.Set("image", "b.image", "localhost", "7200") }, `"c7200, new.image"`, "b.image"},
		"quoted":     {func(e *Editor) any { return e.Set("ram", "a,b", "LOCALHOST", "7200") }, "160", `"a,b"`},
		"new":        {func(e *Editor) any { return e.Set("idlepc", "0x6", "localhost", "ROUTER R1") }, "R2 s1/0\n", "R2 s1/0\n    idlepc = 0x6\n"},
		"first":      {func(e *Editor) any { return e.Set("ram", "128", "localhost", "ROUTER R2") }, "R2]]\n", "R2]]\n    ram = 128\n"},
		"top":        {func(e *Editor) any { return e.Set("debug", "1") }, "by hand\n", "by hand\ndebug = 1\n"},
		"other name": {func(e *Editor) any { return e.Set("Serial1/0", "R2 s1/1", "localhost", "ROUTER R1") }, "R2 s1/0", "R2 s1/1"},
		"remove":     {func(e *Editor) any { return e.Remove("S1/0", "localhost", "Router R1") }, "    s1/0 = R2 s1/0\n", ""},
		"section": {func(e *Editor) any { return e.AddSection("localhost", "FRSW F1") }, "    [[ROUTER R2]]\n",
			"    [[ROUTER R2]]\n\n    [[FRSW F1]]\n"},
		"server":         {func(e *Editor) any { return e.AddSection("other:7201") }, "R2]]\n", "R2]]\n\n[other:7201]\n"},
		"remove section": {func(e *Editor) any { return e.RemoveSection("localhost", "ROUTER R1") }, "\n    [[router R1]]\n    s1/0 = R2 s1/0\n", ""},
	} {
		for _, eol := range []string{"\n", "\r\n"} {
			windows := func(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", eol)) }
			e := NewEditor(windows(edited))
			switch got := c.edit(e).(type) {
			case error:
				t.Errorf("%s: %v", name, got)
			case bool:
				if !got {
					t.Errorf("%s: nothing found", name)
				}
			}
			if strings.Count(edited, c.old) != 1 {
				t.Fatalf("%s: the case is wrong", name)
			}
			if want := windows(strings.Replace(edited, c.old, c.want, 1)); string(e.Text()) != string(want) {
				t.Errorf("%s:\n%q\nwant\n%q", name, e.Text(), want)
			}
		}
	}
	e := NewEditor([]byte(edited))
	if err := e.Set("ram", "1", "localhost", "ROUTER R3"); err == nil {
		t.Error("an option of a section that is not there is set")
	}
	if e.Remove("x", "localhost") || e.RemoveSection("x") || e.RemoveSection() {
		t.Error("what is not there is removed")
	}
	if got := strings.Join(e.Sections("localhost"), ";"); got != "7200;router R1;ROUTER R2" {
		t.Errorf("sections %s", got)
	}
	if got := e.Options("localhost", "7200"); len(got) != 2 || got[0] != (Option{"image", "c7200, new.image"}) {
		t.Errorf("options %v", got)
	}
	if got := e.Lines("localhost", "ROUTER R1"); got != "    [[router R1]]\n    s1/0 = R2 s1/0\n" {
		t.Errorf("lines %q", got)
	}
	end := NewEditor([]byte("[localhost]\n[[ROUTER R1]]\n# of R1\n\n"))
	if end.AddSection("localhost", "FRSW F1") != nil || string(end.Text()) != "[localhost]\n[[ROUTER R1]]\n# of R1\n\n[[FRSW F1]]\n\n" {
		t.Errorf("behind a comment: %q", end.Text())
	}
	empty := NewEditor(nil)
	if empty.AddSection("localhost") != nil || empty.Set("model", "3660") != nil || string(empty.Text()) != "model = 3660\n\n[localhost]\n" {
		t.Errorf("from nothing: %q", empty.Text())
	}
	long := NewEditor([]byte("[localhost]\n[[ROUTER R1]]\nx = '''a\nb'''\nram = 1"))
	if long.Set("x", "c", "localhost", "ROUTER R1") != nil || long.Set("y", "d", "localhost", "ROUTER R1") != nil ||
		string(long.Text()) != "[localhost]\n[[ROUTER R1]]\nx = c\nram = 1\ny = d\n" {
		t.Errorf("several lines: %q", long.Text())
	}
}

// In any file without errors of syntax, a value that was set is read back, and all other
// options stay.
func FuzzEditor(f *testing.F) {
	f.Add([]byte(edited), "ram", "128")
	f.Add([]byte("x = '''a\nb''' # c\r\ny='q'"), "x", "new value")
	f.Add([]byte("\xff\xfea\x00=\x00b\x00"), "a", "# '")
	f.Add([]byte("caf\xe9 = \"\xe9\"# \xe9"), "caf\u00e9", `"`)
	f.Fuzz(func(t *testing.T, text []byte, key, value string) {
		e := NewEditor(text)
		var p parser
		if p.parseSyntax(p.decode(e.Text())); p.failed { // what is read of a broken file can be anything
			return
		}
		before := e.Options()
		if e.Set(key, value) != nil || len(fields(value)) == 0 || !simple(key) || !simple(value) {
			return
		}
		want := append([]Option(nil), before...)
		found := false
		for i := range want {
			if !found && sameKey(want[i].Key, key) {
				want[i].Value, found = value, true
			}
		}
		if !found {
			want = append(want, Option{key, value})
		}
		got := e.Options()
		if len(got) != len(want) {
			t.Fatalf("%q: options %q, want %q", e.Text(), got, want)
		}
		for i := range got {
			if got[i].Key != want[i].Key && found || got[i].Value != want[i].Value {
				t.Fatalf("%q: options %q, want %q", e.Text(), got, want)
			}
		}
	})
}

// simple tells whether a text is one that a user could mean: printable, without
// what ends a name or a value.
func simple(s string) bool {
	for _, r := range s {
		if r < ' ' || r > '~' || strings.ContainsRune(`='"[]`, r) {
			return false
		}
	}
	return s != "" && strings.TrimSpace(s) == s && s[0] != '#' && !strings.Contains(s, "#")
}
