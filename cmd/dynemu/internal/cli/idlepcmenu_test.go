package cli

import (
	"strings"
	"testing"
	"time"
)

const idleTable = `*  1: 0x607d01a8 [56]
   2: 0x6084a298 [71]
Potentially better idlepc values marked with "*"
`

// fakeIdle is fake with the folder idlepc of two routers.
func fakeIdle(t *testing.T) string {
	mount := fake(t)
	put(t, strings.ReplaceAll(status, "R1         7200       suspended", "R3         7200       suspended"), mount, "status")
	for _, d := range []string{"simple1/R1", "simple1/R2", "other/R3"} {
		put(t, "", mount, "labs", d, "ctl")
		put(t, "0x607d01a8\n", mount, "labs", d, "idlepc/value")
		put(t, idleTable, mount, "labs", d, "idlepc/get")
		put(t, idleTable, mount, "labs", d, "idlepc/show")
		put(t, "value 0x607d01a8\nsleeps 5\n", mount, "labs", d, "idlepc/stats")
		put(t, "model          7200\nimage          /images/c7200.image\n", mount, "labs", d, "info")
	}
	put(t, "model          7200\nimage          builtin\n", mount, "labs/other/R3/info")
	put(t, "[localhost]\n[[ROUTER R1]]\n[[ROUTER R2]]\n", mount, "labs/simple1.net")
	put(t, "nothing changed\n", mount, "labs/simple1/result")
	return mount
}

// What each idlepc command writes to the ctl of which router, and what it says.
func TestIdlePCLines(t *testing.T) {
	for _, c := range []struct {
		line             string
		code             int
		ctl, out, errors string
	}{
		{"idlepc get R1", Done, "", "Please wait while gathering statistics...\n" + idleTable, ""},
		{"idlepc get R2", Failed, "", "", "*** Error: router \"R2\" is stopped. Idle-pc functions can only be used on running routers\n"},
		{"idlepc get S1", Failed, "", "", "*** Error: S1 is a switch: it has no idle-pc\n"},
		{"idlepc get R9", Failed, "", "", "*** Error: invalid device: R9; there are simple1/R1, simple1/R2, simple1/S1, other/R3\n"},
		{"idlepc show R1", Done, "", idleTable, ""},
		{"idlepc set R1 0x6084a298", Done, "R1: idlepc set 0x6084a298", "Applied idlepc value 0x6084a298 to R1\n\n", ""},
		{"idlepc drop R1", Done, "R1: idlepc drop", "", ""},
		{"idlepc copy R1 /all", Done, "R2: idlepc set 0x607d01a8", "R2: idlepc set to 0x607d01a8\n", ""},
		{"idlepc copy R1 R3", Failed, "", "", "*** Error: R3: its image is builtin, that of R1 is c7200.image\n"},
		{"idlepc save R1", Done, "R1: idlepc save router", "idlepc value saved to section: ROUTER R1\n", ""},
		{"idlepc save R1 default", Done, "R1: idlepc save default", "idlepc value saved to section: 7200\n", ""},
		{"idlepc save R1 db", Done, "R1: idlepc save db", "idlepc value for image \"c7200.image\" written to the database\n", ""},
		{"idlepc showdrift R1", Done, "", "value 0x607d01a8\nsleeps 5\n", ""},
		{"idlepc idlemax R1 0", Failed, "", "", "*** Error: idlemax takes a number from 1 up as its last word, found \"0\"\n"},
		{"idlepc idlemax R1 R2 2000", Done, "", "R1: idlemax set to 2000\nR2: idlemax set to 2000\n", ""},
		{"idlepc set R1", Usage, "", "", "*** Error: set takes a router and a value: idlepc set ROUTER {0xVALUE | auto | none}\n"},
	} {
		t.Run(c.line, func(t *testing.T) {
			t.Setenv(clientVariable, "1") // the console runs get as a process of its own
			mount := fakeIdle(t)
			code, out, errs := session(t, mount, c.line+"\n")
			var ctl []string
			for _, d := range []string{"simple1/R1", "simple1/R2", "other/R3"} {
				if text := content(t, mount, "labs", d, "ctl"); text != "" {
					ctl = append(ctl, d[strings.Index(d, "/")+1:]+": "+strings.TrimSpace(text))
				}
			}
			if got := strings.Join(ctl, "; "); code != c.code || got != c.ctl || out != c.out || errs != c.errors {
				t.Errorf("code %d\nctl %s\nout\n%s\nerrors\n%s", code, got, out, errs)
			}
			if strings.HasSuffix(c.line, "2000") {
				want := "[localhost]\n[[ROUTER R1]]\nidlemax = 2000\n[[ROUTER R2]]\nidlemax = 2000\n"
				if got := content(t, mount, "labs/simple1.net"); got != want {
					t.Errorf("the lab file:\n%s", got)
				}
			}
		})
	}
	mount := fakeIdle(t)
	put(t, "No idlepc values found\n", mount, "labs/simple1/R1/idlepc/show")
	if _, out, _ := session(t, mount, "idlepc show R1\n"); out != "R1 has an idlepc value of: 0x607d01a8\n" {
		t.Errorf("show without a table, with a value: %q", out)
	}
	put(t, "auto\n", mount, "labs/simple1/R1/idlepc/value")
	if code, out, errs := session(t, mount, "idlepc show R1\n"); code != Failed || out != "No idlepc values found\n" || errs != "" {
		t.Errorf("show without a table: %d %q %q", code, out, errs)
	}
}

// On a terminal, a value is chosen from the menu.
func TestIdlePCMenu(t *testing.T) {
	for answer, c := range map[string]struct {
		code     int
		ctl, end string
	}{
		"2\n": {Done, "idlepc set 0x6084a298\n", "Applied idlepc value 0x6084a298 to R1\n\n"},
		"\n":  {Done, "", "No changes made\n"},
		"3\n": {Failed, "", "for no change: "},
	} {
		mount := fakeIdle(t)
		master, slave := openPTY(t)
		var out, errs lockedBuffer
		code := make(chan int, 1)
		go func() {
			code <- Run([]string{"--mount", mount, "idlepc", "show", "R1"}, Streams{slave, &out, &errs})
		}()
		eventually(t, func() bool { return strings.HasSuffix(out.String(), "[1-2] or ENTER for no change: ") }, "no menu")
		master.WriteString(answer)
		select {
		case got := <-code:
			if ctl := content(t, mount, "labs/simple1/R1/ctl"); got != c.code || ctl != c.ctl || !strings.HasSuffix(out.String(), c.end) {
				t.Errorf("%q: %d, ctl %q\n%s%s", answer, got, ctl, out.String(), errs.String())
			}
			if c.code == Failed && errs.String() != "dynemu: Invalid selection: \"3\" is not one of 1 to 2\n" {
				t.Errorf("%q: %s", answer, errs.String())
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%q: no end\n%s", answer, out.String())
		}
	}
}
