package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"dynemu/cmd/dynemud/config"
)

// parse reads a command line and, with it, the configuration.
func parse(args ...string) (config.Config, error) {
	fl := pflag.NewFlagSet("dynemud", pflag.ContinueOnError)
	f := newFlags(fl)
	if err := fl.Parse(args); err != nil {
		return config.Config{}, err
	}
	return f.resolve()
}

func TestFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.toml")
	if err := os.WriteFile(file, []byte("prefix = \"p\"\nlog_level = \"debug\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := parse("--config", file, "--state", "b", "--log-level", "warn", "--cpu-limit", "50%")
	if err != nil {
		t.Fatal(err)
	}
	if !filepath.IsAbs(string(c.State)) || filepath.Base(string(c.State)) != "b" {
		t.Errorf("state directory %q, want an absolute path", c.State)
	}
	if c.Prefix != "p" || c.LogLevel.String() != "warn" || c.CPULimit != 50 || c.Mount != "/run/dynemu" {
		t.Errorf("%+v: want the file's prefix and the flags' level and limit", c)
	}
	for _, tt := range []struct{ flag, value, says string }{
		{"--spawn", "docker", "systemd, direct and auto are accepted"},
		{"--log-level", "loud", "debug, info, warn and error are accepted"},
		{"--hypervisor", "127.0.0.1:7200", "only an empty address is accepted"},
		{"--prefix", "a/b", "letters, digits, _ - . are accepted"},
		{"--mount", "", "an absolute path"},
	} {
		if _, err := parse("--config", file, tt.flag, tt.value); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s %q: %v, want %q", tt.flag, tt.value, err, tt.says)
		}
	}
	if err := os.WriteFile(file, []byte("\nlevel = 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = parse("--config", file)
	var wrong configError
	if !errors.As(err, &wrong) || !strings.HasPrefix(err.Error(), file+":2:1: unknown option \"level\"") {
		t.Errorf("a wrong file: %v", err)
	}
}

func TestFieldName(t *testing.T) {
	for key, want := range map[string]string{"lab": "LAB", "device": "DEVICE", "port": "PORT",
		"routers keep running": "DYNEMU_ROUTERS_KEEP_RUNNING", "x9.é": "DYNEMU_X9__"} {
		if got := fieldName(key); got != want {
			t.Errorf("fieldName(%q) = %q, want %q", key, got, want)
		}
	}
}
