package main

import (
	"errors"
	"strings"
	"testing"
)

func TestFlags(t *testing.T) {
	good := flags{mount: "/run/a", state: "b", runtime: "/run/c", prefix: "p", spawn: "auto", level: "info"}
	if _, err := good.check(); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(good.state, "/") || !strings.HasSuffix(good.state, "/b") {
		t.Errorf("state directory %q, want an absolute path", good.state)
	}
	for _, tt := range []struct {
		change func(*flags)
		says   string
	}{
		{func(f *flags) { f.spawn = "docker" }, "systemd, direct and auto are accepted"},
		{func(f *flags) { f.level = "loud" }, "debug, info, warn and error are accepted"},
		{func(f *flags) { f.hypervisor = "127.0.0.1:7200" }, "leave it empty"},
		{func(f *flags) { f.prefix = "a/b" }, "letters, digits, _ - . are accepted"},
		{func(f *flags) { f.mount = "" }, "--mount needs a path"},
	} {
		f := good
		tt.change(&f)
		_, err := f.check()
		var usage usageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%+v: %v, want %q", f, err, tt.says)
		}
	}
}

func TestFieldName(t *testing.T) {
	for key, want := range map[string]string{"lab": "DYNEMU_LAB", "routers keep running": "DYNEMU_ROUTERS_KEEP_RUNNING", "x9.é": "DYNEMU_X9__"} {
		if got := fieldName(key); got != want {
			t.Errorf("fieldName(%q) = %q, want %q", key, got, want)
		}
	}
}
