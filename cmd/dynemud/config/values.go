package config

import (
	"log/slog"
	"net/netip"
	"path/filepath"
	"strconv"

	"dynemu/emud"
	"dynemu/emud/lab"
	"dynemu/emud/node"
)

// Prefix begins the names of namespaces and units.
type Prefix string

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Prefix) UnmarshalText(text []byte) error {
	if emud.CheckLabName(string(text)) != nil {
		return refuse(text, "letters, digits, _ - . are")
	}
	*p = Prefix(text)
	return nil
}

func (p Prefix) String() string { return string(p) }

// Hypervisor is the address of the hypervisor protocol, which is not served yet.
type Hypervisor string

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hypervisor) UnmarshalText(text []byte) error {
	if len(text) > 0 {
		return refuse(text, "this version does not serve the hypervisor protocol; only an empty address is")
	}
	*h = ""
	return nil
}

func (h Hypervisor) String() string { return string(h) }

// Socket is the path of a socket, or empty.
type Socket string

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Socket) UnmarshalText(text []byte) error {
	if len(text) > 0 && !filepath.IsAbs(string(text)) {
		return refuse(text, "an absolute path, such as \"/run/dynemu-netd.sock\", or nothing is")
	}
	*s = Socket(text)
	return nil
}

func (s Socket) String() string { return string(s) }

// Spawn is how routers are started.
type Spawn string

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Spawn) UnmarshalText(text []byte) error {
	switch string(text) {
	case node.SpawnAuto, node.SpawnDirect, node.SpawnSystemd:
		*s = Spawn(text)
		return nil
	}
	return refuse(text, "systemd, direct and auto are")
}

func (s Spawn) String() string { return string(s) }

// Level is what is logged.
type Level struct{ slog.Level }

var levels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Level) UnmarshalText(text []byte) error {
	level, ok := levels[string(text)]
	if !ok {
		return refuse(text, "debug, info, warn and error are")
	}
	l.Level = level
	return nil
}

func (l Level) String() string {
	for name, level := range levels {
		if level == l.Level {
			return name
		}
	}
	return l.Level.String()
}

// Consoles is where consoles are: ConsolesTCP, ConsolesTree.
type Consoles string

// Where consoles are: at TCP ports and in the tree, or in the tree alone.
const (
	ConsolesTCP  Consoles = "tcp"
	ConsolesTree Consoles = "tree"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Consoles) UnmarshalText(text []byte) error {
	switch v := Consoles(text); v {
	case ConsolesTCP, ConsolesTree:
		*c = v
		return nil
	}
	return refuse(text, "tcp and tree are")
}

func (c Consoles) String() string { return string(c) }

// Address is an IP address of this machine.
type Address string

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Address) UnmarshalText(text []byte) error {
	ip, err := netip.ParseAddr(string(text))
	if err != nil {
		return refuse(text, "an IP address, such as 127.0.0.1, or 0.0.0.0 for all of this machine, is")
	}
	*a = Address(ip.String())
	return nil
}

func (a Address) String() string { return string(a) }

// CPULimit is a limit as lab.Limits has it.
type CPULimit int

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *CPULimit) UnmarshalText(text []byte) error {
	n, err := lab.ParseCPULimit(string(text))
	if err != nil {
		return refuse(text, err.Error()+", is")
	}
	*c = CPULimit(n)
	return nil
}

func (c CPULimit) String() string {
	if c <= 0 {
		return "none"
	}
	return strconv.Itoa(int(c)) + "%"
}

// MemoryLimit is a limit as lab.Limits has it.
type MemoryLimit int

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *MemoryLimit) UnmarshalText(text []byte) error {
	n, err := lab.ParseMemoryLimit(string(text))
	if err != nil {
		return refuse(text, err.Error()+", is")
	}
	*m = MemoryLimit(n)
	return nil
}

func (m MemoryLimit) String() string {
	if m <= 0 {
		return "none"
	}
	return strconv.Itoa(int(m)) + "M"
}
