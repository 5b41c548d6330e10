package main

import (
	"slices"
	"strings"
	"testing"

	"dynemu/vm/wire"
)

func TestParse(t *testing.T) {
	o, err := parse(strings.Fields("-P 7200 -t npe-300 -M std -r 192 -n 64 -p 1:PA-8T -p 2:0:PA-FE-TX " +
		"-s 1:0:udp:10001:127.0.0.1:10002 -s 0:0:tap:tap7 -i 3 -l my.log -j -X -T 2005 -A 2105 -c 0x2142 " +
		"-m aa:bb:cc:dd:ee:ff -I 123456 --idle-pc 0x60680a04 -q unaligned,nop --startup-config r.cfg --noctrl image.bin"))
	if err != nil {
		t.Fatal(err)
	}
	c := o.config
	if c.Platform != "c7200" || c.NPE != "npe-300" || c.Midplane != "std" || c.RAM != 192 || c.NVRAM != 64 ||
		!c.NoJIT || c.Instance != 3 || c.ConfReg != 0x2142 || c.MAC != "aa:bb:cc:dd:ee:ff" || c.SystemID != "123456" || c.IdlePC != 0x60680a04 {
		t.Errorf("configuration is %+v", c)
	}
	if want := []string{"", "PA-8T", "PA-FE-TX", "", "", "", ""}; !slices.Equal(c.Slots, want) {
		t.Errorf("slots are %q", c.Slots)
	}
	if want := []string{"unaligned", "nop"}; !slices.Equal(c.Quirks, want) {
		t.Errorf("quirks are %q", c.Quirks)
	}
	if o.image != "image.bin" || o.log != "my.log" || o.console != 2005 || o.aux != 2105 || o.startup != "r.cfg" || !o.noEscape {
		t.Errorf("options are %+v", o)
	}
	want := []wireOption{
		{"1:0:udp:10001:127.0.0.1:10002", 1, 0, wire.NIO{Type: "udp", LocalPort: 10001, RemoteHost: "127.0.0.1", RemotePort: 10002}},
		{"0:0:tap:tap7", 0, 0, wire.NIO{Type: "tap", Interface: "tap7"}},
	}
	if !slices.Equal(o.wires, want) {
		t.Errorf("wires are %+v", o.wires)
	}
}

func TestTranslatorOptions(t *testing.T) {
	o, err := parse([]string{"--check-jit", "--perf-map", "image"})
	if err != nil {
		t.Fatal(err)
	}
	if c := o.config; c.NoJIT || !c.CheckJIT || !c.PerfMap {
		t.Errorf("configuration is %+v", c)
	}
	if _, err := parse([]string{"-j", "--check-jit", "image"}); err == nil || !strings.Contains(err.Error(), "--check-jit") {
		t.Errorf("-j with --check-jit: %v", err)
	}
}

func TestDefaults(t *testing.T) {
	o, err := parse([]string{"image"})
	if err != nil {
		t.Fatal(err)
	}
	c := o.config
	if c.Platform != "c7200" || c.NPE != "npe-400" || c.Midplane != "vxr" || c.RAM != 256 || c.NVRAM != 128 || c.ConfReg != 0x2102 {
		t.Errorf("defaults are %+v", c)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", "image"},
		{"a b", "image"},
		{"-P 3600 a", "not supported yet"},
		{"-P 9999 a", "7200"},
		{"-o 8 a", "4 MiB"},
		{"-c lots a", "0xffff"},
		{"-c 0x12345 a", "0xffff"},
		{"--idle-pc here a", "0x60680a04"},
		{"-T 70000 a", "65535"},
		{"-I 12345678901234 a", "13 characters"},
		{"-p PA-8T a", "SLOT:CARD"},
		{"-p 9:PA-8T a", "slots 0 to 6"},
		{"-p 1:PA-8T -p 1:PA-4T+ a", "already exists in slot 1"},
		{"-s 1:udp:1:h:2 a", "SLOT:PORT:NIO"},
		{"-s 1:0:vde:/tmp/a a", "-s 1:0:vde:/tmp/a: NIO \"vde:/tmp/a\": parameters are missing; wanted: vde:CONTROL-PATH:LOCAL-PATH"},
		{"-s 1:0:eth:eth0 a", "wanted: udp:LOCAL-PORT"},
		{"--bogus a", "bogus"},
		{"-r much a", "much"},
	} {
		if _, err := parse(strings.Fields(c.args)); err == nil {
			t.Errorf("dynamips %s: accepted", c.args)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("dynamips %s: %q does not mention %q", c.args, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("-P 7200 -p 1:PA-8T -s 1:0:udp:1:h:2 -c 0x2102 image")
	f.Fuzz(func(t *testing.T, line string) {
		o, err := parse(strings.Fields(line))
		if (o == nil) == (err == nil) {
			t.Errorf("%q: options %v, error %v", line, o, err)
		}
	})
}
