// Package config reads the configuration file of dynemud, in TOML: every option of
// the command line, by its name with _ for -, and nothing else.
package config

import (
	"encoding"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Path is the file that is read unless another is named.
const Path = "/etc/dynemu/dynemu.toml"

// Config is what the file and the command line say.
type Config struct {
	Mount          Directory
	State          Directory
	Runtime        Directory
	Hypervisor     Hypervisor
	Netd           Socket
	Prefix         Prefix
	Spawn          Spawn
	LogLevel       Level
	Consoles       Consoles
	ConsoleAddress Address
	CPULimit       CPULimit
	MemoryLimit    MemoryLimit
}

// Default is what holds where nothing is said.
func Default() Config {
	return Config{
		Mount: "/run/dynemu", State: "/var/lib/dynemu", Runtime: "/run/dynemud", Prefix: "dynemu", Spawn: "auto",
		Consoles: "tcp", ConsoleAddress: "127.0.0.1",
	}
}

// Value is the value of an option: text that is checked when it is set.
type Value interface {
	encoding.TextUnmarshaler
	fmt.Stringer
}

// Option is an option by its name in the file.
type Option struct {
	Name  string
	Usage string
	Value Value
	// Live: a change of the file holds after a reload.
	Live bool
}

// Flag is the option's name on the command line.
func (o Option) Flag() string { return strings.ReplaceAll(o.Name, "_", "-") }

// Options are all options of c.
func (c *Config) Options() []Option {
	return []Option{
		{"mount", "directory where the tree appears", &c.Mount, false},
		{"state", "directory of what outlives a reboot", &c.State, false},
		{"runtime", "directory of sockets and of what lives until a reboot", &c.Runtime, false},
		{"hypervisor", "address of Dynamips' hypervisor protocol; empty: off", &c.Hypervisor, false},
		{"netd", "socket of dynemu-netd, which does what needs privilege; empty: dynemud does, as root", &c.Netd, false},
		{"prefix", "beginning of the names of namespaces and units", &c.Prefix, false},
		{"spawn", "how routers are started: systemd, direct or auto", &c.Spawn, false},
		{"log_level", "what is logged: debug, info, warn or error", &c.LogLevel, true},
		{"consoles", "where consoles are: tcp, for TCP ports beside the tree, or tree", &c.Consoles, true},
		{"console_address", "IP address of this machine on which consoles listen", &c.ConsoleAddress, true},
		{"cpu_limit", "processor time of a router whose section says nothing: none or percent of one processor", &c.CPULimit, true},
		{"memory_limit", "memory of a router whose section says nothing: none or a size such as 512M", &c.MemoryLimit, true},
	}
}

// Changed are the names of the options that differ from those of other.
func (c *Config) Changed(other Config) (live, later []string) {
	theirs := other.Options()
	for i, o := range c.Options() {
		switch {
		case o.Value.String() == theirs[i].Value.String():
		case o.Live:
			live = append(live, o.Name)
		default:
			later = append(later, o.Name)
		}
	}
	return live, later
}

// Error is a mistake in the file.
type Error struct {
	File         string
	Line, Column int // from 1
	Text         string
}

func (e *Error) Error() string { return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Text) }

// Load reads the file at path into c. Where path is empty, the one at Path is read,
// if there is one.
func (c *Config) Load(path string) error {
	named := path != ""
	if !named {
		path = Path
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return nil
	}
	if err != nil {
		return err
	}
	return c.parse(path, text)
}

// parse sets the options that text names. After an error c is as it was.
func (c *Config) parse(path string, text []byte) error {
	// The whole file must be TOML, without an option twice, before any of it is used.
	var all map[string]any
	var wrong *toml.DecodeError
	if err := toml.Unmarshal(text, &all); errors.As(err, &wrong) {
		line, column := wrong.Position()
		return &Error{path, line, column, strings.TrimPrefix(wrong.Error(), "toml: ")}
	} else if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	next := *c
	options := map[string]Value{}
	var names []string
	for _, o := range next.Options() {
		options[o.Name] = o.Value
		names = append(names, o.Name)
	}
	var p unstable.Parser
	p.Reset(text)
	for p.NextExpression() {
		e := p.Expression()
		var words []string
		at := e.Raw
		for key := e.Key(); key.Next(); {
			if len(words) == 0 {
				at = key.Node().Raw
			}
			words = append(words, string(key.Node().Data))
		}
		mistake := func(format string, args ...any) error {
			start := p.Shape(at).Start
			return &Error{path, start.Line, start.Column, fmt.Sprintf(format, args...)}
		}
		name := strings.Join(words, ".")
		value := options[name]
		switch {
		case e.Kind != unstable.KeyValue:
			return mistake("section [%s]: the options stand without sections; accepted are %s", name, strings.Join(names, ", "))
		case value == nil:
			return mistake("unknown option %q; accepted are %s", name, strings.Join(names, ", "))
		}
		v := e.Value()
		if v.Raw.Length > 0 {
			at = v.Raw
		}
		switch v.Kind {
		case unstable.String, unstable.Integer:
			if err := value.UnmarshalText(v.Data); err != nil {
				return mistake("%s = %v", name, err)
			}
		default:
			return mistake("%s: a text in quotes, or a whole number, is accepted, not %s", name, strings.ToLower(v.Kind.String()))
		}
	}
	if err := p.Error(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	*c = next
	return nil
}

// Directory is a path, absolute in the file.
type Directory string

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Directory) UnmarshalText(text []byte) error {
	if !filepath.IsAbs(string(text)) {
		return refuse(text, "an absolute path, such as \"/run/dynemu\", is")
	}
	*d = Directory(filepath.Clean(string(text)))
	return nil
}

func (d Directory) String() string { return string(d) }

// refuse says what would be accepted.
func refuse(text []byte, accepted string) error {
	return fmt.Errorf("%q: %s accepted", text, accepted)
}
