package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// config is what a user sets for the program.
type config struct {
	// Telnet is the command that console and aux run instead of attaching
	// here: %h, %p and %d in it are the host, the port and the router's name.
	Telnet string `toml:"telnet"`
}

// configFiles are where the settings are looked for; the first that is there
// holds. Dynagen's own come last.
func configFiles() []string {
	var out []string
	if dir, err := os.UserConfigDir(); err == nil {
		out = append(out, filepath.Join(dir, "dynemu", "dynemu.toml"), filepath.Join(dir, "dynemu", "dynagen.ini"))
	}
	return append(out, "/etc/dynemu/console.toml", "/etc/dynagen.ini", "/usr/local/etc/dynagen.ini")
}

func readConfig() (config, error) {
	for _, file := range configFiles() {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return config{}, err
		}
		if strings.HasSuffix(file, ".ini") {
			return dynagenConfig(string(text)), nil
		}
		var c config
		d := toml.NewDecoder(strings.NewReader(string(text))).DisallowUnknownFields()
		if err := d.Decode(&c); err != nil {
			var strict *toml.StrictMissingError
			var broken *toml.DecodeError
			switch {
			case errors.As(err, &strict):
				line, column := strict.Errors[0].Position()
				return config{}, fmt.Errorf("%s:%d:%d: unknown setting %s; accepted: telnet", file, line, column, strings.Join(strict.Errors[0].Key(), "."))
			case errors.As(err, &broken):
				line, column := broken.Position()
				return config{}, fmt.Errorf("%s:%d:%d: %w", file, line, column, err)
			}
			return config{}, fmt.Errorf("%s: %w", file, err)
		}
		return c, nil
	}
	return config{}, nil
}

// dynagenConfig takes what has a meaning here from a dynagen.ini
// (lab-files-and-console reference, 14.1).
func dynagenConfig(text string) (c config) {
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		key, value, ok := strings.Cut(lines.Text(), "=")
		if !ok || !strings.EqualFold(strings.TrimSpace(key), "telnet") {
			continue
		}
		value = strings.TrimSpace(value)
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		c.Telnet = value
	}
	return c
}

// historyFile is where the lines of the console are kept.
func historyFile() (string, error) {
	dir := os.Getenv("XDG_STATE_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "dynemu", "history"), nil
}
