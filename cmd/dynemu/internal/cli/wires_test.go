package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// fakeWires is fake with ports that have something in their folders.
func fakeWires(t *testing.T) string {
	t.Helper()
	mount := fake(t)
	port := func(device, port string, facts ...string) {
		for i := 0; i < len(facts); i += 2 {
			put(t, facts[i+1]+"\n", mount, "labs", device, "ports", port, facts[i])
		}
	}
	port("simple1/R2", "f0-0", "ifname", "f0-0", "peer", "S1 1", "carrier", "up", "filter", "in freq_drop 3; both freq_drop 10",
		"link", "in delay 10ms", "stats", "rx-packets 7\nrx-bytes 700\ntx-packets 5\ntx-bytes 500\nrx-drops 2\ntx-drops 1\nfilter-drops 3")
	port("simple1/R2", "a1-0", "netns", "dynemu-simple1-R2", "peer", "none", "carrier", "none", "filter", "none", "link", "none",
		"stats", "rx-packets 0\ntx-packets 0")
	port("simple1/S1", "1", "ifname", "p1", "netns", "dynemu-simple1-S1", "peer", "R2 f0/0", "carrier", "up", "filter", "none")
	os.RemoveAll(filepath.Join(mount, "labs/simple1/S1/ports/f0-0"))
	put(t, "Internet...\n", mount, "labs", "simple1/S1", "mac")
	return mount
}

// What each command line writes to the ctl of R2 or S1, and what it says.
// Promises: 73, 88, 89, 92.
func TestWireCommands(t *testing.T) {
	for _, c := range []struct {
		args             string
		code             int
		ctl, out, errors string
	}{
		{"link down R2 f0/0", Done, "link down f0/0", "", ""},
		{"link up simple1/R2 f0-0", Done, "link up f0/0", "", ""},
		{"link down R2 FastEthernet0/0", Done, "link down f0/0", "", ""},
		{"link down R2 Fa0/0", Done, "link down f0/0", "", ""},
		{"link down S1 1", Done, "link down 1", "", ""},
		{"link down R2 e0/0", Failed, "", "", "simple1/R2 has no port e0/0; it has a1/0, f0/0"},
		{"link down R1 f0/0", Failed, "", "", "device R1 is in several labs: write one of simple1/R1, other/R1"},
		{"link cut R2 f0/0", Usage, "", "", "link takes down or up, a device and a port: dynemu link {down | up} DEVICE PORT"},
		{"link down R2", Usage, "", "", "link takes down or up, a device and a port: dynemu link {down | up} DEVICE PORT"},

		{"capture R2 f0/0 r2.cap", Done, "capture f0/0 r2.cap", "simple1/R2 f0/0 is captured into MOUNT/labs/simple1/captures/r2.cap", ""},
		{"capture R2 a1/0 r2.cap ATM", Done, "capture a1/0 r2.cap ATM", "simple1/R2 a1/0 is captured into MOUNT/labs/simple1/captures/r2.cap", ""},
		{"capture R2 f0/0 ./r2.cap HDLC", Failed, "", "", "HDLC: a link type can be chosen for a file in the lab's folder captures; write its name without a slash"},
		{"capture R2 f0/0", Usage, "", "", "capture takes a device, a port, a file and perhaps a link type: dynemu capture DEVICE PORT FILE [TYPE]"},
		{"no capture R2 f0/0", Done, "no capture f0/0", "", ""},
		{"no capture R2 f0/0 r2.cap", Done, "no capture f0/0 r2.cap", "", ""},
		{"no", Usage, "", "", `unknown command "no"; there is dynemu no capture DEVICE PORT [FILE]`},
		{"no filter R2", Usage, "", "", `unknown command "no filter R2"; there is dynemu no capture DEVICE PORT [FILE]`},

		{"filter R2 f0/0", Done, "", "in freq_drop 3; both freq_drop 10", ""},
		{"filter R2 f0/0 freq_drop in 50", Done, "filter f0/0 both freq_drop 10; in freq_drop 50", "", ""},
		{"filter R2 f0/0 freq_drop out -1", Done, "filter f0/0 in freq_drop 3; both freq_drop 10; out freq_drop -1", "", ""},
		{"filter R2 f0/0 none in", Done, "filter f0/0 both freq_drop 10", "", ""},
		{"filter R2 f0/0 none out", Done, "filter f0/0 in freq_drop 3; both freq_drop 10", "", ""},
		{"filter R2 f0/0 none", Done, "filter f0/0 none", "", ""},
		{"filter R2 a1/0 none both", Done, "filter a1/0 none", "", ""},
		{"filter R2 a1/0 freq_drop both 2", Done, "filter a1/0 both freq_drop 2", "", ""},
		{"filter R2 f0/0 freq_drop 50", Failed, "", "", "filter freq_drop: no direction: write freq_drop in, out or both, and then what it takes"},
		{"filter R2 f0/0 none in 5", Failed, "", "", `filter none takes in, out, both or nothing, found "5"`},
		{"filter R2 f0/0 capture in x", Failed, "", "", `no filter "capture"; frames are captured with "dynemu capture DEVICE PORT FILE"`},
		{"filter R2", Usage, "", "", "filter takes a device, a port and perhaps a filter: dynemu filter DEVICE PORT [FILTER {in | out | both} [OPTION] | none]"},

		{"impair R2 f0/0", Done, "", "in delay 10ms", ""},
		{"impair R2 f0/0 none", Done, "impair f0/0 none", "", ""},
		{"impair R2 f0/0 delay 10ms jitter 2ms", Done, "impair f0/0 delay 10ms jitter 2ms", "", ""},

		{"show mac S1", Done, "", "Internet...", ""},
		{"show mac R2", Failed, "", "", "simple1/R2 is of type 7200: only an Ethernet switch (ETHSW) has a table of MAC addresses"},
		{"show", Usage, "", "", `unknown command "show"; there is dynemu show mac SWITCH, dynemu show device [/all | [LAB/]DEVICE ... | LAB ...], dynemu show run [LAB | [LAB/]DEVICE], dynemu show start, dynemu show clock`},
		{"clear mac S1", Done, "clear mac", "", ""},
		{"clear mac R2", Failed, "", "", "simple1/R2 is of type 7200: only an Ethernet switch (ETHSW) has a table of MAC addresses"},
	} {
		t.Run(c.args, func(t *testing.T) {
			mount := fakeWires(t)
			code, out, errs := run(t, mount, strings.Fields(c.args)...)
			ctl := content(t, mount, "labs/simple1/R2/ctl") + content(t, mount, "labs/simple1/S1/ctl")
			wantErrs := c.errors
			if wantErrs != "" {
				wantErrs = "dynemu: " + wantErrs
			}
			if c.code == Usage {
				wantErrs += "\nTry \"dynemu --help\"."
			}
			if code != c.code || strings.TrimSpace(ctl) != c.ctl || strings.TrimSpace(out) != strings.ReplaceAll(c.out, "MOUNT", mount) || strings.TrimSpace(errs) != wantErrs {
				t.Errorf("code %d\nctl    %s\nout    %s\nerrors %s", code, ctl, out, errs)
			}
		})
	}
}

// Words that the shell kept together reach the daemon as a line.
func TestImpairQuoted(t *testing.T) {
	mount := fakeWires(t)
	if code, _, errs := run(t, mount, "impair", "R2", "f0/0", "in loss 5%;\n out delay 1s"); code != Done {
		t.Fatal(errs)
	}
	if got := content(t, mount, "labs/simple1/R2/ctl"); got != "impair f0/0 in loss 5%; out delay 1s\n" {
		t.Errorf("ctl: %q", got)
	}
	refuses(t, "R2: link \"loss x\": wanted: a share", mount, "labs/simple1/R2")
	code, _, errs := run(t, mount, "impair", "R2", "f0/0", "loss", "x")
	if code != Failed || errs != "dynemu: impair simple1/R2 f0/0: R2: link \"loss x\": wanted: a share\n" {
		t.Errorf("%d %q", code, errs)
	}
}

func TestPorts(t *testing.T) {
	mount := fakeWires(t)
	code, out, errs := run(t, mount, "ports", "R2", "S1")
	// The order is the directory's, which plain files do not keep.
	for _, want := range []string{
		"Device  Port  Interface  Namespace          Peer     Carrier  In  Out  Drops\n",
		"R2      f0/0  f0-0       dynemu-simple1-R2  S1 1     up       7   5    3\n",
		"R2      a1/0  n/a        dynemu-simple1-R2  none     none     0   0    0\n",
		"S1      1     p1         dynemu-simple1-S1  R2 f0/0  up       0   0    0\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no row %q in\n%s", want, out)
		}
	}
	if code != Done || errs != "" {
		t.Errorf("%d %q", code, errs)
	}
	os.RemoveAll(filepath.Join(mount, "labs/simple1/R2/ports/a1-0"))
	_, out, _ = run(t, mount, "ports", "--json", "R2")
	want := `[
  {
    "lab": "simple1",
    "device": "R2",
    "port": "f0/0",
    "interface": "f0-0",
    "netns": "dynemu-simple1-R2",
    "peer": "S1 1",
    "carrier": "up",
    "stats": {
      "filter-drops": 3,
      "rx-bytes": 700,
      "rx-drops": 2,
      "rx-packets": 7,
      "tx-bytes": 500,
      "tx-drops": 1,
      "tx-packets": 5
    }
  }
]
`
	if out != want {
		t.Errorf("ports --json:\n%s", out)
	}
	put(t, "", mount, "labs/simple1/R1/ports/.keep")
	os.RemoveAll(filepath.Join(mount, "labs/simple1/R1/ports/f0-0"))
	os.Remove(filepath.Join(mount, "labs/simple1/R1/ports/.keep"))
	if code, out, _ := run(t, mount, "ports", "--json", "simple1/R1"); code != Done || out != "[]\n" {
		t.Errorf("ports of a device without: %d %q", code, out)
	}
	if code, _, errs := run(t, mount, "link", "up", "simple1/R1", "f0/0"); code != Failed || errs != "dynemu: simple1/R1 has no ports\n" {
		t.Errorf("%d %q", code, errs)
	}
}

// Completion offers devices, then their ports.
// Promise: 38.
func TestPortCompletion(t *testing.T) {
	mount := fakeWires(t)
	for args, want := range map[string]string{
		"link":                  "down up",
		"link down":             "simple1/R1 R2 S1 other/R1",
		"link down S1":          "1",
		"capture S1":            "1",
		"capture S1 1":          "",
		"no capture simple1/S1": "1",
	} {
		_, out, _ := run(t, mount, append(append([]string{"__complete"}, strings.Fields(args)...), "")...)
		words, _, _ := strings.Cut(out, ":")
		if got := strings.Join(strings.Fields(words), " "); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
}

// A capture into a path is made by the command itself, until it is interrupted.
func TestCaptureIntoPath(t *testing.T) {
	mount := fakeWires(t)
	live := filepath.Join(mount, "labs/simple1/R2/ports/f0-0/live.pcap")
	if err := unix.Mkfifo(live, 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "r2.cap")
	cmd := exec.Command(os.Args[0], "--mount", mount, "capture", "R2", "f0/0", file)
	cmd.Env = append(os.Environ(), clientVariable+"=1")
	var errs lockedBuffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	w, err := os.OpenFile(live, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.WriteString("frames")
	eventually(t, func() bool { b, _ := os.ReadFile(file); return string(b) == "frames" }, "nothing is written")
	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v", err)
	}
	if got, want := errs.String(), "Capturing simple1/R2 f0/0 into "+file+". Ctrl-C ends.\n6 bytes captured.\n"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}

	// Into standard output, until the device is gone.
	done := make(chan struct{})
	go func() {
		defer close(done)
		w, err := os.OpenFile(live, os.O_WRONLY, 0)
		if err == nil {
			w.WriteString("more")
			w.Close()
		}
	}()
	w.Close()
	code, out, said := run(t, mount, "capture", "R2", "f0/0", "-")
	<-done
	if code != Done || out != "more" || said != "Capturing simple1/R2 f0/0 into standard output. Ctrl-C ends.\nsimple1/R2 f0/0 is gone.\n4 bytes captured.\n" {
		t.Errorf("%d %q %q", code, out, said)
	}
	os.Remove(live)
	put(t, "", live)
	if code, _, errs := run(t, mount, "capture", "R2", "f0/0", filepath.Join(mount, "no/such/r2.cap")); code != Failed || !strings.Contains(errs, "no such file") {
		t.Errorf("into a folder that is not there: %d %q", code, errs)
	}
}
