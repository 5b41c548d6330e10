package cli

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"dynemu/cmd/dynemu/internal/tree"
)

// session runs a script at the console.
func session(t *testing.T, mount, script string, args ...string) (code int, out, errs string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "script")
	put(t, script, file)
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var o, e lockedBuffer
	code = Run(append([]string{"--mount", mount}, args...), Streams{in, &o, &e})
	return code, o.String(), e.String()
}

// What each line of the console says; the lab is simple1.
// Promises: 33, 37, 39, 40, 41, 43, 63, 73, 92.
func TestLines(t *testing.T) {
	for _, c := range []struct {
		line        string
		code        int
		out, errors string
	}{
		{"", Done, "", ""},
		{"  # a comment", Done, "", ""},
		{"list", Done, `Name       Type       State      Server          Console Lab
R1         7200       running    localhost       2000    simple1
R2         7200       stopped    localhost       2001    simple1
S1         ETHSW      always on  localhost       n/a     simple1
`, ""},
		{"list R.$ ", Done, `Name       Type       State      Server          Console Lab
R1         7200       running    localhost       2000    simple1
R2         7200       stopped    localhost       2001    simple1
`, ""},
		{"list R9", Failed, "", "*** Error: invalid device: R9; there are simple1/R1, simple1/R2, simple1/S1\n"},
		{"start R2", Done, "100-VM 'R2' started\n", ""},
		{"start R1", Failed, "", "*** Error: router \"R1\" is already running\n"},
		{"start S1", Failed, "", "*** Error: device S1 is always on\n"},
		{"start other/R1", Failed, "", "*** Error: router \"R1\" is suspended and cannot be started. Use Resume.\n"},
		{"stop /all", Done, "100-VM 'R1' stopped\n", ""},
		{"stop R9 R1", Failed, "100-VM 'R1' stopped\n", "*** Error: invalid device: R9; there are simple1/R1, simple1/R2, simple1/S1\n"},
		{"stop R2", Failed, "", "*** Error: router \"R2\" is already stopped\n"},
		{"reload R1", Done, "100-VM 'R1' stopped\n100-VM 'R1' started\n", ""},
		{"reload R2", Failed, "", "*** Error: router \"R2\" is stopped and cannot be reloaded\n"},
		{"suspend R1 R2", Failed, "100-VM 'R1' suspended\n", "*** Error: router \"R2\" is stopped and cannot be suspended\n"},
		{"resume other/R1 R1", Failed, "100-VM 'R1' resumed\n", "*** Error: router \"R1\" is already running\n"},
		{"start", Usage, "start  {/all | [LAB/]DEVICE ... | LAB ...}\n\tStart devices\n\t--json prints JSON.\n", ""},
		{"start ?", Done, "start  {/all | [LAB/]DEVICE ... | LAB ...}\n\tStart devices\n\t--json prints JSON.\n", ""},
		{"start /?", Done, "start  {/all | [LAB/]DEVICE ... | LAB ...}\n\tStart devices\n\t--json prints JSON.\n", ""},
		{"? start", Done, "start  {/all | [LAB/]DEVICE ... | LAB ...}\n\tStart devices\n\t--json prints JSON.\n", ""},
		{"help hist", Done, "hist\n\tShow the lines typed so far\n", ""},
		{"help bogus", Usage, "", "*** Error: no help on bogus: unknown command\n"},
		{"bogus", Usage, "", "*** Error: unknown command\n"},
		{"Start R1", Usage, "", "*** Error: unknown command \"Start\"; did you mean start?\n"},
		{"strat R1", Usage, "", "*** Error: unknown command \"strat\"; did you mean start?\n"},
		{"py print(1)", Failed, "", "*** Error: py is not offered: dynemu runs no Python. Scripts use the files under MOUNT, or commands such as \"dynemu list --json\"\n"},
		{"confreg R1 0x2142", Done, "", ""},
		{"confreg R1 2142", Failed, "", "*** Error: No confreg value specified: the last word is \"2142\", not 0x0 to 0xffff\n"},
		{"confreg S1 0x2142", Failed, "", "*** Error: S1 is a switch and has no configuration\n"},
		{"send localhost vm list", Failed, "", "*** Error: send types at the console of a device; localhost is none. " +
			"Commands of the hypervisor go to the TCP port that dynemud --hypervisor names\n"},
		{"show mac S1", Done, "Internet...\n", ""},
		{"show mac R1", Failed, "", "*** Error: simple1/R1 is of type 7200: only an Ethernet switch (ETHSW) has a table of MAC addresses\n"},
		{"show run R1", Done, "[[ROUTER R1]]\nram = 128\n", ""},
		{"show run R9", Failed, "", "*** Error: invalid device: R9; there are simple1/R1, simple1/R2, simple1/S1\n"},
		{"CON R1", Failed, "", "*** Error: console takes a terminal; in a script, send DEVICE TEXT types a line\n"},
		{"!echo a  b", Done, "a b\n", ""},
		{"shell echo 'a  b'; exit 3", Failed, "a  b\n", ""},
		{"export R1 'x", Usage, "", "*** Error: the quote is not closed: 'x\n"},
		{"exit", Done, "", ""},
		{"end", Done, "", ""},
		{"list --json bogus", Failed, "", "*** Error: invalid device: bogus; there are simple1/R1, simple1/R2, simple1/S1\n"},
		{"list --bogus", Usage, "", "*** Error: unknown flag: --bogus\n"},
		{"capture R1", Usage, "", "*** Error: capture takes a device, a port, a file and perhaps a link type: capture DEVICE PORT FILE [TYPE]\n"},
		{"cpuinfo R1 R2", Done, "R1:\n  cpu-share 1.5\nSkipping stopped device: R2\n", ""},
	} {
		t.Run(c.line, func(t *testing.T) {
			mount := fake(t)
			put(t, "Internet...\n", mount, "labs/simple1/S1/mac")
			put(t, "cpu-share 1.5\n", mount, "labs/simple1/R1/stats")
			put(t, "", mount, "labs/simple1/R2/stats")
			put(t, "[localhost]\n\n[[ROUTER R1]]\nram = 128\nconfiguration = aG9zdG5hbWUgUjE=\n[[ROUTER R2]]\n", mount, "labs/simple1.net")
			t.Setenv("SHELL", "/bin/sh")
			code, out, errs := session(t, mount, c.line+"\n", "--lab", "simple1")
			out, errs = strings.ReplaceAll(out, mount, "MOUNT"), strings.ReplaceAll(errs, mount, "MOUNT")
			// Commands of the host write to descriptors, which a buffer is for here.
			if code != c.code || out != c.out || errs != c.errors {
				t.Errorf("code %d\nout\n%s\nerrors\n%s", code, out, errs)
			}
		})
	}
}

// A script goes on after what fails, and its exit code is the worst; after exit
// nothing is read.
func TestScript(t *testing.T) {
	mount := fake(t)
	code, out, errs := session(t, mount, "stop simple1/R1\n\n# stop R2\nbogus\nstart R2\nhist\nexit\nstart R2\n")
	want := "100-VM 'R1' stopped\n100-VM 'R2' started\n   1  stop simple1/R1\n   2  # stop R2\n   3  bogus\n   4  start R2\n   5  hist\n"
	if code != Usage || out != want || errs != "*** Error: unknown command\n" {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	if code, _, errs := session(t, filepath.Join(mount, "none"), "list\n"); code != Failed || !strings.Contains(errs, "no dynemud serves") {
		t.Errorf("without a daemon: %d %s", code, errs)
	}
}

// The list of commands has all that Dynagen's has, but for what is refused.
// Promises: 37, 92.
func TestHelpList(t *testing.T) {
	_, out, _ := session(t, fake(t), "help\n")
	lines := strings.SplitN(out, "\n", 4)
	if lines[1] != "Documented commands (type help <topic>):" || lines[2] != "========================================" {
		t.Errorf("it begins %q", lines)
	}
	have := strings.Fields(lines[3])
	if !slices.IsSorted(sortedDown(lines[3])) {
		t.Errorf("the columns are not in order:\n%s", out)
	}
	for _, c := range strings.Fields(`clear filter push resume shell stop ver exit help import save show suspend export hist list
		reload send start telnet aux capture conf confreg console copy cpuinfo end no`) {
		if !slices.Contains(have, c) {
			t.Errorf("help does not list %s", c)
		}
		if code, out, errs := session(t, fake(t), c+" ?\n"); code != Done || errs != "" || len(out) < 10 {
			t.Errorf("%s ?: %d %q %q", c, code, out, errs)
		}
	}
	if slices.Contains(have, "py") {
		t.Error("help lists py, which is refused")
	}
	for line := range strings.Lines(out) {
		if len(line) > 80 {
			t.Errorf("a line of %d characters: %q", len(line), line)
		}
	}
}

// sortedDown reads columns from top to bottom, then left to right.
func sortedDown(text string) []string {
	var rows [][]string
	for line := range strings.Lines(strings.TrimSpace(text)) {
		rows = append(rows, strings.Fields(line))
	}
	var out []string
	for c := range rows[0] {
		for _, row := range rows {
			if c < len(row) {
				out = append(out, row[c])
			}
		}
	}
	return out
}

// Promise: 38.
func TestCompletion(t *testing.T) {
	mount := fakeWires(t)
	a := &app{tree: tree.Tree{Mount: mount, Lab: "simple1"}, Streams: Streams{os.Stdin, os.Stdout, os.Stderr}}
	s := &shell{a: a}
	a.shell = s
	dir := t.TempDir()
	put(t, "", dir, "lab.net")
	put(t, "", dir, "notes.txt")
	put(t, "", dir, "labs", "x.net")
	for line, want := range map[string]string{
		"sta":                    "start status",
		"list ":                  "R1 R2 S1",
		"start R1 ":              "/all R1 R2 S1",
		"con R":                  "R1 R2",
		"start ot":               "",
		"help sus":               "suspend ",
		"filter S1 ":             "1 ",
		"no ":                    "capture ",
		"no capture R2 f":        "f0/0 ",
		"show ":                  "clock device mac run start",
		"show mac ":              "R1 R2 S1",
		"copy ":                  "run ",
		"copy run ":              "start ",
		"down ":                  "other simple1",
		"up " + dir + "/":        dir + "/lab.net " + dir + "/labs/",
		"export R1 " + dir + "/": dir + "/lab.net " + dir + "/labs/ " + dir + "/notes.txt",
		"hist ":                  "",
		"conf ":                  "localhost ",
	} {
		_, _, tail := s.complete(line+"rest", len(line))
		if (line == "sta" || strings.HasSuffix(line, " ")) && tail != "rest" {
			t.Errorf("%q: tail %q", line, tail)
		}
		head, got, _ := s.complete(line, len(line))
		if strings.Join(got, " ") != want || head != line[:strings.LastIndexByte(line, ' ')+1] {
			t.Errorf("%q: head %q, %q, want %q", line, head, got, want)
		}
	}
}

// Promise: 92.
func TestConfigurations(t *testing.T) {
	mount, home := fake(t), t.TempDir()
	t.Chdir(home)
	text := "[localhost]\n[[ROUTER R1]] # one\nconfiguration = b2xk\n[[ROUTER R2]]\ncnfg = cfg/R2.cfg\n[[ETHSW S1]]\n"
	put(t, text, mount, "labs/simple1.net")
	put(t, "a result\n", mount, "labs/simple1/result")
	put(t, "hostname R1\r\n!\r\n", mount, "labs/simple1/R1/startup-config")
	put(t, "", mount, "labs/simple1/R2/startup-config")
	put(t, "hostname R2\n", mount, "labs/simple1/files/cfg/R2.cfg")
	check := func(line string, wantCode int, wantOut, wantErrs string) {
		t.Helper()
		code, out, errs := session(t, mount, line+"\n", "--lab", "simple1")
		if code != wantCode || out != wantOut || errs != wantErrs {
			t.Errorf("%s: %d\n%s%s", line, code, out, errs)
		}
	}
	check(`export /all "the configs"`, Done, "Exporting R1 to \"the configs/R1.cfg\"\nNo saved configuration found for device: R2\n", "")
	if got := content(t, home, "the configs/R1.cfg"); got != "hostname R1\n!\n" {
		t.Errorf("exported %q", got)
	}
	check(`export R1 "the configs"`, Failed, "The directory \"the configs\" already exists. Ok to overwrite (Y/N)? ",
		"*** Error: nothing exported: \"the configs\" exists (--force overwrites without a question)\n")
	check(`export --force R1 S1 "the configs"`, Failed, "Exporting R1 to \"the configs/R1.cfg\"\n", "*** Error: S1 is a switch and has no configuration\n")
	check("save R1", Done, "saved configuration from: R1\n", "")
	saved := base64.StdEncoding.EncodeToString([]byte("hostname R1\r\n!\r\n"))
	if got := content(t, mount, "labs/simple1.net"); got != strings.Replace(text, "b2xk", saved, 1) {
		t.Errorf("the lab file is\n%s", got)
	}
	check("save R2", Failed, "", "*** Error: R2: its NVRAM holds no configuration\n")
	check("copy run start", Done, "saved configuration from: R1\n", "")
	put(t, "other", mount, "labs/simple1/R1/startup-config")
	check("push /all", Done, "Pushed config to: R1\nPushed config to: R2\n", "")
	if got := content(t, mount, "labs/simple1/R1/startup-config") + content(t, mount, "labs/simple1/R2/startup-config"); got != "hostname R1\r\n!\r\nhostname R2\n" {
		t.Errorf("pushed %q", got)
	}
	put(t, "hostname new1\n", home, "in/R1.CFG")
	put(t, "hostname new9\n", home, "in/R9.cfg")
	put(t, "hostname", home, "in/R2.txt")
	check("import /all in", Done, "Importing R1 from \"R1.CFG\"\n", "*** Error: Ignoring unknown device: R9\n")
	check("import R2 in", Failed, "", "*** Error: R2: there is no in/R2.cfg\n")
	check("import R1 nowhere", Failed, "", "*** Error: open nowhere: no such file or directory\n")
	if got := content(t, mount, "labs/simple1/R1/startup-config"); got != "hostname new1\n" {
		t.Errorf("imported %q", got)
	}
}

// The user's own file, which the console was started with, is kept the same as
// the lab's.
func TestOwnFile(t *testing.T) {
	mount, home := fake(t), t.TempDir()
	file := filepath.Join(home, "simple1.net")
	text := "[localhost]\n[[ROUTER R1]]\n[[ROUTER R2]]\n"
	put(t, text, mount, "labs/simple1.net")
	put(t, text, file)
	put(t, "simple1.net:2:1: R1 has no image\n", mount, "labs/simple1/result")
	put(t, "none\n", mount, "labs/simple1/R1/idlepc/value")
	put(t, "x", mount, "labs/simple1/R1/startup-config")
	code, out, errs := session(t, mount, "save R1\nexport R1 cfg\nstop R1\n", file)
	if code != Done || out != "saved configuration from: R1\nExporting R1 to \"cfg/R1.cfg\"\n100-VM 'R1' stopped\n" ||
		errs != "Warning: Starting R1 with no idle-pc value\n" {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	want := "[localhost]\n[[ROUTER R1]]\nconfiguration = eA==\n[[ROUTER R2]]\n"
	if own, served := content(t, file), content(t, mount, "labs/simple1.net"); own != want || served != want {
		t.Errorf("own\n%sserved\n%s", own, served)
	}
	if got := content(t, home, "cfg/R1.cfg"); got != "x" {
		t.Errorf("exported beside the lab file: %q", got)
	}
	// A lab that runs already is meant by its name alone.
	if code, out, errs := session(t, mount, "list\n", "simple1.net"); code != Done || strings.Contains(out, "other") || errs != "" {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
}

func TestShowDevice(t *testing.T) {
	info := tree.Facts{{Name: "model", Value: "7200"}, {Name: "npe", Value: "npe-400"}, {Name: "midplane", Value: "vxr"},
		{Name: "since", Value: "2026-11-28T10:00:00Z"}, {Name: "image", Value: "builtin"}, {Name: "ram", Value: "160 MB"},
		{Name: "nvram", Value: "128 KB"}, {Name: "confreg", Value: "0x2102"}, {Name: "idlepc", Value: "0x60123456"},
		{Name: "console", Value: "2000"}, {Name: "aux", Value: "2100"}, {Name: "slot 0", Value: "empty"}, {Name: "slot 1", Value: "PA-8T"}}
	r1 := tree.Device{Name: "R1", Type: "7200", State: "running", Server: "localhost", Lab: "x"}
	all := []tree.Device{r1, {Name: "R2", Type: "7200", Lab: "x"}, {Name: "F1", Type: "FRSW", Lab: "x", State: "always on"}}
	ports := []tree.Port{
		{Name: "s1/0", Peer: "R2 s1/0", Stats: map[string]uint64{"rx-packets": 3, "tx-packets": 2, "rx-bytes": 2048, "tx-bytes": 200}},
		{Name: "s1/1", Peer: "F1 1"}, {Name: "s1/2", Peer: "none"}, {Name: "s1/3", Peer: "NIO_udp:1:h:2"},
	}
	now := time.Date(2026, 11, 29, 12, 5, 0, 0, time.UTC)
	want := `Router R1 is running
  Hardware is dynemu emulated Cisco 7206VXR NPE-400 with 160 MB RAM
  Router is running for 1 day, 2 hours, 5 mins
  Router is on localhost, console on port 2000, aux on port 2100
  Image is builtin with idlepc value 0x60123456
  128 KB NVRAM, configuration register is 0x2102
   slot 0 is empty
   slot 1 hardware is PA-8T with 4 interfaces
      Serial1/0 is connected to router R2 Serial1/0
        3 packets in / 2 packets out (2.00 KB in / 200 bytes out)
      Serial1/1 is connected to frame-relay switch F1 port 1
        0 packets in / 0 packets out (0 bytes in / 0 bytes out)
      Serial1/2 is empty
      Serial1/3 is connected to NIO_udp:1:h:2
        0 packets in / 0 packets out (0 bytes in / 0 bytes out)
`
	if got := describe(r1, info, ports, all, now); got != want {
		t.Errorf("got\n%s", got)
	}
	want = `Frame-relay switch F1 is always-on
  port 1 is connected to router R2 FastEthernet0/0
    0 packets in / 0 packets out (0 bytes in / 0 bytes out)
`
	if got := describe(all[2], nil, []tree.Port{{Name: "1", Peer: "R2 f0/0"}}, all, now); got != want {
		t.Errorf("got\n%s", got)
	}
	for n, want := range map[uint64]string{1023: "1023 bytes", 1024: "1.00 KB", 5 << 30: "5.00 GB", 3 << 52: "12288.00 TB"} {
		if got := volume(n); got != want {
			t.Errorf("volume(%d): %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0 mins", time.Minute: "1 min", 49 * time.Hour: "2 days, 1 hour"} {
		if got := duration(d); got != want {
			t.Errorf("duration(%s): %s, want %s", d, got, want)
		}
	}
}

func TestShow(t *testing.T) {
	mount := fakeWires(t)
	put(t, "name           R2\nmodel          7200\nstate          stopped\nram            160 MB\nslot 0         C7200-IO-FE\n", mount, "labs/simple1/R2/info")
	code, out, errs := session(t, mount, "show device R2\n")
	for _, want := range []string{"Router R2 is stopped\n", "FastEthernet0/0 is connected to ethernet switch S1 port 1\n", "7 packets in / 5 packets out (700 bytes in / 500 bytes out)\n"} {
		if code != Done || errs != "" || !strings.Contains(out, want) {
			t.Errorf("%d %s\n%s: no %q", code, errs, out, want)
		}
	}
	code, out, _ = session(t, mount, "show device --json R2\n")
	if code != Done || !strings.Contains(out, `"ram": "160 MB"`) || !strings.Contains(out, `"peer": "S1 1"`) {
		t.Errorf("%d %s", code, out)
	}
	code, out, _ = session(t, mount, "show clock\n")
	var date, clock string
	if n, _ := fmt.Sscanf(out, "Current date is %s\nCurrent time is %s\n", &date, &clock); code != Done || n != 2 {
		t.Errorf("%d %q", code, out)
	}
	if _, err := time.Parse("02/01/2006 15:04:05", date+" "+clock); err != nil {
		t.Error(err)
	}
	put(t, "autostart = false\n", mount, "labs/other.net")
	if _, out, _ := session(t, mount, "show run\n"); out != "# other.net\nautostart = false\n\n# simple1.net\n[localhost]\n" {
		t.Errorf("show run: %q", out)
	}
	if _, out, _ := session(t, mount, "show run other\n"); out != "autostart = false\n" {
		t.Errorf("show run other: %q", out)
	}
}

// A configured client gets host, port and name.
// Promises: 15, 35.
func TestTelnetClient(t *testing.T) {
	for file, text := range map[string]string{
		".config/dynemu/dynemu.toml": "telnet = 'echo %h %p %d'\n",
		".config/dynemu/dynagen.ini": "# comment\ntelnet = echo %h %p %d\nudp = 10000\n",
	} {
		mount := fake(t)
		put(t, text, os.Getenv("HOME"), file)
		code, out, errs := session(t, mount, "telnet simple1/R1 R2 other/R1\nconsole /all\n")
		if code != Failed || out != "127.0.0.1 2000 R1\n127.0.0.1 2000 R1\n127.0.0.1 2000 R1\n127.0.0.1 2000 R1\n" ||
			errs != "Skipping stopped device: R2\nSkipping stopped device: R2\n" {
			t.Errorf("%s: %d %q %q", file, code, out, errs)
		}
		put(t, "aux            2100\n", mount, "labs/simple1/R1/info")
		code, out, errs = session(t, mount, "aux simple1/R1\naux other/R1\n")
		if code != Failed || out != "127.0.0.1 2100 R1\n" || !strings.Contains(errs, "open") && errs != "*** Error: R1 has no aux port; write aux = PORT in its section of the lab file\n" {
			t.Errorf("%s: aux: %d %q %q", file, code, out, errs)
		}
	}
	mount := fake(t)
	for text, want := range map[string]string{
		"telnet = 1\n":         "dynemu.toml:1:10: ",
		"\ntelnot = 'x'\n":     "dynemu.toml:2:1: unknown setting telnot; accepted: telnet",
		"telnet = 'exit 3'\n":  "*** Error: exit 3: exit status 3",
		"telnet = 'no quote\n": "dynemu.toml:1:",
	} {
		put(t, text, os.Getenv("HOME"), ".config/dynemu/dynemu.toml")
		if code, _, errs := session(t, mount, "console simple1/R1\n"); code != Failed || !strings.Contains(errs, want) {
			t.Errorf("%q: %d %q, want %q", text, code, errs, want)
		}
	}
}

func TestNoColour(t *testing.T) {
	master, slave := openPTY(t)
	_ = master
	a := &app{Streams: Streams{slave, slave, slave}}
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	if got := a.paint(slave, red, "x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("on a terminal: %q", got)
	}
	if got := a.paint(&lockedBuffer{}, red, "x"); got != "x" {
		t.Errorf("in a file: %q", got)
	}
	t.Setenv("NO_COLOR", "1")
	if got := a.paint(slave, red, "x"); got != "x" {
		t.Errorf("NO_COLOR: %q", got)
	}
}

func TestWords(t *testing.T) {
	for line, want := range map[string][]string{
		"a  b\tc":          {"a", "b", "c"},
		`export R1 "a  b"`: {"export", "R1", "a  b"},
		`x '' "'"`:         {"x", "", "'"},
		"don't x":          {"don't", "x"},
		"   ":              nil,
	} {
		if got, err := words(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", line, got, err, want)
		}
	}
	for _, line := range []string{`"a`, `'`, `"a"b`} {
		if got, err := words(line); err == nil {
			t.Errorf("%q: %q", line, got)
		}
	}
	for line, want := range map[string]input{
		"# x":                {},
		"!ls -l ?":           {kind: hostShell, text: "ls -l ?"},
		"! ":                 {kind: hostShell},
		"shell":              {kind: hostShell},
		"shell ?":            {kind: help, words: []string{"shell"}},
		"cOn R1":             {kind: command, words: []string{"console", "R1"}},
		"con":                {kind: command, words: []string{"console"}},
		"?":                  {kind: help},
		"? show mac":         {kind: help, words: []string{"show", "mac"}},
		"list?":              {kind: help, words: []string{"list"}},
		"show mac x?":        {kind: help, words: []string{"show", "mac"}},
		"send R1 what's  a?": {kind: command, words: []string{"send", "R1", "what's  a?"}},
		"send ?":             {kind: help, words: []string{"send"}},
	} {
		got, err := parseInput(line)
		if err != nil || got.kind != want.kind || got.text != want.text || !slices.Equal(got.words, want.words) {
			t.Errorf("%q: %+v, %v; want %+v", line, got, err, want)
		}
	}
}

// Any line is understood or refused, and words that were quoted come back.
func FuzzInput(f *testing.F) {
	for _, s := range []string{"list", `export /all "my configs"`, "send R1 show version", "!ls", "? start", "con R1", "conf", "no f0/0 = R2 f0/0", "'", `"'"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		in, err := parseInput(line)
		if err == nil && in.kind == command && (len(in.words) == 0 || in.words[0] == "") && !strings.HasPrefix(strings.Trim(line, blanks), `""`) && !strings.HasPrefix(strings.Trim(line, blanks), `''`) {
			t.Fatalf("%q is a command without a word: %q", line, in.words)
		}
		w, err := words(line)
		if err != nil || !utf8.ValidString(line) {
			return
		}
		var quoted []string
		for _, word := range w {
			q := `"`
			if strings.Contains(word, q) {
				q = "'"
			}
			if strings.Contains(word, q) {
				return
			}
			quoted = append(quoted, q+word+q)
		}
		again, err := words(strings.Join(quoted, " "))
		if err != nil || !slices.Equal(again, w) {
			t.Fatalf("%q: %q, quoted and read again %q, %v", line, w, again, err)
		}
	})
}

// Long work shows how far it is, on a terminal; what it prints stands in lines of
// its own.
func TestProgress(t *testing.T) {
	mount := fake(t)
	rows := strings.SplitAfter(status, "\n")[0]
	for i := range 6 {
		rows += fmt.Sprintf("Q%d         7200       stopped    localhost       %d    big\n", i, 2000+i)
		put(t, "", mount, "labs/big", fmt.Sprintf("Q%d", i), "ctl")
	}
	put(t, rows, mount, "status")
	master, slave := openPTY(t)
	var screen lockedBuffer
	go func() {
		for b := make([]byte, 4096); ; {
			n, err := master.Read(b)
			if err != nil {
				return
			}
			screen.Write(b[:n])
		}
	}()
	if code := Run([]string{"--mount", mount, "start", "/all"}, Streams{slave, slave, slave}); code != Done {
		t.Fatalf("code %d", code)
	}
	eventually(t, func() bool { return strings.Contains(screen.String(), "big/Q5 started\r\n") }, "nothing is printed")
	if text := screen.String(); !strings.Contains(text, "/6") {
		t.Errorf("no progress: %q", text)
	} else if i := strings.Index(text, "big/Q3 started"); text[i-1] != '\r' && !strings.HasSuffix(text[:i], "\x1b[2K\r") {
		t.Errorf("not in a line of its own: %q", text[:i+20])
	}
}
