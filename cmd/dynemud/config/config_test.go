package config

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	c := Default()
	text := "# a comment\nmount = \"/run/a\" # another\nlog_level = 'debug'\nconsoles = \"tree\"\nconsole_address = \"::1\"\n" +
		"cpu_limit = 50\nmemory_limit = \"2G\"\n"
	if err := c.parse("f", []byte(text)); err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Mount, want.Consoles, want.ConsoleAddress, want.CPULimit, want.MemoryLimit = "/run/a", ConsolesTree, "::1", 50, 2048
	want.LogLevel.UnmarshalText([]byte("debug"))
	if c != want {
		t.Errorf("%+v, want %+v", c, want)
	}
}

func TestMistakes(t *testing.T) {
	for _, tt := range []struct{ text, says string }{
		{"\n  moutn = \"/x\"\n", `f:2:3: unknown option "moutn"; accepted are mount, state, `},
		{"mount.a = 3\n", `f:1:1: unknown option "mount.a"; accepted are`},
		{"[a]\nb = 1\n", "f:1:2: section [a]: the options stand without sections"},
		{"[[a]]\nb = 1\n", "f:1:3: section [a]: the options stand without sections"},
		{"mount = \"run\"\n", `f:1:9: mount = "run": an absolute path`},
		{"mount = true\n", "f:1:9: mount: a text in quotes, or a whole number, is accepted, not bool"},
		{"mount = [\"/a\"]\n", "mount: a text in quotes, or a whole number, is accepted, not array"},
		{"cpu_limit = 2.5\n", "f:1:13: cpu_limit: a text in quotes, or a whole number, is accepted, not float"},
		{"mount = \"/a\"\nmount = \"/b\"\n", "f:2:1: key mount is already defined"},
		{"mount = \n", "f:1:9: "},
		{"log_level = \"loud\"", `f:1:13: log_level = "loud": debug, info, warn and error are accepted`},
		{"spawn = \"docker\"", "systemd, direct and auto are accepted"},
		{"prefix = \"a/b\"", "letters, digits, _ - . are accepted"},
		{"hypervisor = \"127.0.0.1:7200\"", "does not serve the hypervisor protocol"},
		{"consoles = \"none\"", "tcp and tree are accepted"},
		{"console_address = \"everywhere\"", "an IP address"},
		{"cpu_limit = \"lots\"", "none or a percentage of one processor"},
		{"memory_limit = \"1K\"", "none or a size of 16M or more"},
	} {
		c := Default()
		err := c.parse("f", []byte(tt.text))
		var mistake *Error
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%q: %v, want %q", tt.text, err, tt.says)
		}
		if c != Default() {
			t.Errorf("%q changed something", tt.text)
		}
	}
}

func TestLoad(t *testing.T) {
	c := Default()
	if err := c.Load(filepath.Join(t.TempDir(), "none.toml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is named and not there: %v", err)
	}
}

// TestInstalledFile: the file that the package installs has every option, as a
// comment, with its default.
func TestInstalledFile(t *testing.T) {
	text, err := os.ReadFile("../../../packaging/dynemu.toml")
	if err != nil {
		t.Fatal(err)
	}
	c := Default()
	if err := c.parse("f", text); err != nil || c != Default() {
		t.Errorf("as it is: %v, %+v", err, c)
	}
	option := regexp.MustCompile(`(?m)^#([a-z_]+ = )`)
	bare := option.ReplaceAll(text, []byte("$1"))
	if err := c.parse("f", bare); err != nil {
		t.Error(err)
	}
	if live, later := c.Changed(Default()); live != nil || later != nil {
		t.Errorf("with its options in force: %v %v", live, later)
	}
	for _, o := range c.Options() {
		mark := ""
		if o.Live {
			mark = `# \* [^\n]*\n(# [^\n]*\n)*`
		}
		if !regexp.MustCompile(`(?m)^` + mark + `#` + o.Name + ` = `).Match(text) {
			t.Errorf("option %s is missing or wrongly marked", o.Name)
		}
	}
}

// TestManual: the manual has every option.
func TestManual(t *testing.T) {
	text, err := os.ReadFile("../../../docs/man/dynemud.8")
	if err != nil {
		t.Fatal(err)
	}
	c := Default()
	for _, o := range c.Options() {
		if flag := strings.ReplaceAll("--"+o.Flag(), "-", `\-`); !strings.Contains(string(text), flag+` "`) {
			t.Errorf("the manual has no %s", flag)
		}
	}
}

func TestChanged(t *testing.T) {
	a, b := Default(), Default()
	b.CPULimit, b.Mount = 50, "/x"
	live, later := b.Changed(a)
	if strings.Join(live, " ") != "cpu_limit" || strings.Join(later, " ") != "mount" {
		t.Errorf("live %v, later %v", live, later)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("mount = \"/a\"\ncpu_limit = 5\n"))
	f.Add([]byte("[a.b]\nx = {y=1}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := Default()
		if err := c.parse("f", text); err != nil && c != Default() {
			t.Error("changed in spite of an error")
		}
	})
}
