package lab

import (
	"strings"
	"testing"
)

func TestParseLimits(t *testing.T) {
	for _, tt := range []struct {
		parse func(string) (int, error)
		text  string
		want  int // 0: refused
	}{
		{ParseCPULimit, "50%", 50}, {ParseCPULimit, "250", 250}, {ParseCPULimit, "none", NoLimit},
		{ParseCPULimit, "0%", 0}, {ParseCPULimit, "half", 0}, {ParseCPULimit, "", 0}, {ParseCPULimit, "100001%", 0}, {ParseCPULimit, "-5%", 0},
		{ParseMemoryLimit, "512", 512}, {ParseMemoryLimit, "512M", 512}, {ParseMemoryLimit, "2G", 2048}, {ParseMemoryLimit, "none", NoLimit},
		{ParseMemoryLimit, "15", 0}, {ParseMemoryLimit, "2T", 0}, {ParseMemoryLimit, "", 0}, {ParseMemoryLimit, "G", 0}, {ParseMemoryLimit, "99999999999G", 0},
	} {
		got, err := tt.parse(tt.text)
		if got != tt.want || (err != nil) != (tt.want == 0) {
			t.Errorf("%q: %d, %v; want %d", tt.text, got, err, tt.want)
		}
	}
}

func TestLimitsOfRouters(t *testing.T) {
	text := "[localhost]\n[[7200]]\ncpu_limit = 50%\nmemory_limit = 1G\n" +
		"[[ROUTER R1]]\n[[ROUTER R2]]\ncpu_limit = none\nmemory_limit = 300\n"
	l, msgs := Parse("t", []byte(text))
	if l == nil {
		t.Fatal(msgs)
	}
	for name, want := range map[string]Limits{"R1": {50, 1024}, "R2": {NoLimit, 300}} {
		if got := l.Router(name).Limits; got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	_, msgs = Parse("t", []byte("[localhost]\n[[ROUTER R1]]\ncpu_limit = lots\n"))
	if len(msgs) != 1 || !strings.Contains(msgs[0].String(), `t.net:3:13: cpu_limit = "lots": expected none or a percentage`) {
		t.Errorf("messages %v", msgs)
	}
	if got := (Limits{CPU: NoLimit}).Or(Limits{CPU: 10, Memory: 20}); got != (Limits{NoLimit, 20}) {
		t.Errorf("with defaults: %+v", got)
	}
}
