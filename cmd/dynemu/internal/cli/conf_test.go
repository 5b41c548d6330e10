package cli

import (
	"strings"
	"testing"
)

const configured = `# a lab
autostart = false

[localhost]

    [[7200]]
    ram = 160

    [[ROUTER R1]]
    s1/0 = R2 s1/0
    f0/0 = S1 1

    [[ROUTER R2]]
    slot2 = PA-8T

    [[ETHSW S1]]
    1 = access 1
    2 = dot1q 1 R2 f0/0
`

// Lines of the configuration mode, split by ; for the lab above. The daemon of
// this tree takes every file.
func TestConfigurationMode(t *testing.T) {
	for _, c := range []struct {
		lines     string
		code      int
		old, want string // in the lab file
		errors    string
	}{
		{"conf; autostart = True", Done, "autostart = false", "autostart = True", ""},
		{"conf; no autostart = false", Done, "autostart = false\n", "", ""},
		{"conf; no autostart = true", Failed, "", "", "semantic error in: autostart = true the value is false"},
		{"conf; no debug = 1", Failed, "", "", "semantic error in: debug = 1 this option is not set"},
		{"conf; workingdir = /tmp/x", Done, "false\n", "false\nworkingdir = /tmp/x\n", ""},
		{"conf localhost:7200; workingdir = /tmp/x", Done, "[localhost]\n", "[localhost]\nworkingdir = /tmp/x\n", ""},
		{"conf; hypervisor other:7201; router R9", Done, "R2 f0/0\n", "R2 f0/0\n\n[other:7201]\n\n    [[ROUTER R9]]\n", ""},
		{"conf; hypervisor other:7201; end; no hypervisor other:7201", Done, "", "", ""},
		{"conf; no hypervisor localhost", Failed, "", "", "hypervisor localhost has devices; reset takes them away"},
		{"conf localhost; 7200; ram = 256", Done, "ram = 160", "ram = 256", ""},
		{"conf localhost; 3660; image = c3660.image", Done, "R2 f0/0\n", "R2 f0/0\n\n    [[3660]]\n    image = c3660.image\n", ""},
		{"conf localhost; no defaults 7200", Done, "\n    [[7200]]\n    ram = 160\n", "", ""},
		{"conf localhost; router R3 model 3725; f0/0 = LAN 1", Done, "R2 f0/0\n", "R2 f0/0\n\n    [[ROUTER R3]]\n    model = 3725\n    f0/0 = LAN 1\n", ""},
		{"conf localhost; router R3 model 3725; exit; router R3 model 3660", Failed, "R2 f0/0\n", "R2 f0/0\n\n    [[ROUTER R3]]\n    model = 3725\n", "R3 router already exists"},
		{"conf localhost; router R3 model 2500", Failed, "", "", "Bad model: 2500; accepted: 2691, 3620, 3640, 3660, 3725, 3745, 7200"},
		{"conf localhost; frsw F1; 1:102 = 2:201", Done, "R2 f0/0\n", "R2 f0/0\n\n    [[FRSW F1]]\n    1:102 = 2:201\n", ""},
		{"conf localhost; frsw S1", Failed, "", "", "S1 is not a FRSW switch but a ETHSW"},
		{"conf other; router R1", Failed, "R2 f0/0\n", "R2 f0/0\n\n[other]\n", "this device is on different hypervisor: localhost"},
		{"conf localhost; router R1; no s1/0 = R2 Serial1/0", Done, "    s1/0 = R2 s1/0\n", "", ""},
		{"conf localhost; router R2; no s1/0 = R1 s1/0", Done, "    s1/0 = R2 s1/0\n", "", ""},
		{"conf localhost; router R2; no s1/1 = R1 s1/1", Failed, "", "", "semantic error in: s1/1 = R1 s1/1 this connection does not exist"},
		{"conf localhost; router R1; s1/0 = R2 s1/0", Failed, "", "", "semantic error in: s1/0 = R2 s1/0 this connection already exists"},
		{"conf localhost; router R1; Serial1/0 = R2 s1/1", Failed, "", "", "semantic error in: Serial1/0 = R2 s1/1 this connection already exists: s1/0 = R2 s1/0; write no s1/0 = R2 s1/0 first"},
		{"conf localhost; router R2; no slot2 = PA-8T", Done, "    slot2 = PA-8T\n", "", ""},
		{"conf localhost; router R2; no slot3 = PA-8T", Failed, "", "", "This slot is already empty"},
		{"conf localhost; router R2; slot3", Failed, "", "", "invalid syntax in: slot3"},
		{"conf localhost; router R2; ram =", Failed, "", "", "invalid syntax in: ram ="},
		{"conf localhost; no router R2", Done, "    s1/0 = R2 s1/0\n    f0/0 = S1 1\n\n    [[ROUTER R2]]\n    slot2 = PA-8T\n\n    [[ETHSW S1]]\n    1 = access 1\n    2 = dot1q 1 R2 f0/0\n",
			"    f0/0 = S1 1\n\n    [[ETHSW S1]]\n    1 = access 1\n    2 = dot1q 1\n", ""},
		{"conf localhost; no ethsw S1", Done, "    f0/0 = S1 1\n\n    [[ROUTER R2]]\n    slot2 = PA-8T\n\n    [[ETHSW S1]]\n    1 = access 1\n    2 = dot1q 1 R2 f0/0\n",
			"\n    [[ROUTER R2]]\n    slot2 = PA-8T\n", ""},
		{"conf localhost; no router S1", Failed, "", "", "this device does not exist: S1"},
		{"conf localhost; no cloud S1", Failed, "", "", "Bad syntax: no cloud S1; accepted: no router, no defaults, no atmbr, no atmsw, no ethsw, no frsw"},
		{"conf localhost; bogus", Failed, "", "", "Bad syntax: bogus"},
		{"conf localhost; reset", Done, "\n    [[ROUTER R1]]\n    s1/0 = R2 s1/0\n    f0/0 = S1 1\n\n    [[ROUTER R2]]\n    slot2 = PA-8T\n\n    [[ETHSW S1]]\n    1 = access 1\n    2 = dot1q 1 R2 f0/0\n", "", ""},
		{"conf; list", Failed, "", "", "invalid syntax in: list; accepted: OPTION = VALUE, hypervisor HOST[:PORT], no ..., exit"},
		{"conf; ?; !true", Done, "", "", ""},
		{"conf a b", Usage, "", "", `conf takes HOST[:PORT] or nothing, found "a b"`},
	} {
		t.Run(c.lines, func(t *testing.T) {
			mount := fake(t)
			put(t, configured, mount, "labs/simple1.net")
			put(t, "nothing changed\n", mount, "labs/simple1/result")
			code, _, errs := session(t, mount, strings.ReplaceAll(c.lines, "; ", "\n")+"\n", "--lab", "simple1")
			if c.errors != "" {
				c.errors = "*** Error: " + c.errors + "\n"
			}
			if code != c.code || errs != c.errors {
				t.Errorf("%d %s", code, errs)
			}
			if c.old != "" && strings.Count(configured, c.old) != 1 {
				t.Fatal("the case is wrong")
			}
			want := configured
			if c.old != "" {
				want = strings.Replace(configured, c.old, c.want, 1)
			}
			if got := content(t, mount, "labs/simple1.net"); got != want {
				t.Errorf("the lab file is\n%s", got)
			}
		})
	}
}

// Each level has its prompt, its help and its words.
func TestConfigurationLevels(t *testing.T) {
	mount := fake(t)
	put(t, configured, mount, "labs/simple1.net")
	put(t, "nothing changed\n", mount, "labs/simple1/result")
	a := &app{Streams: Streams{Out: &lockedBuffer{}, Err: &lockedBuffer{}}}
	a.tree.Mount, a.tree.Lab = mount, "simple1"
	s := &shell{a: a}
	a.shell = s
	for _, c := range []struct{ line, prompt, complete, want string }{
		{"", "=> ", "con", "conf confreg console"},
		{"conf", "=>(config) ", "a", "autostart "},
		{"hypervisor localhost", "=>(config-localhost:7200) ", "r", "reset router"},
		{"7200", "=>(config-localhost:7200-7200) ", "r", "ram "},
		{"exit", "=>(config-localhost:7200) ", "router ", "R1 R2"},
		{"router R1", "=>(config-localhost:7200-router R1) ", "no s1", "s1/0 "},
		{"", "=>(config-localhost:7200-router R1) ", "f1/0 = ", "R1 R2 S1"},
		{"exit", "=>(config-localhost:7200) ", "no ethsw ", "S1 "},
		{"ethsw S1", "=>(config-localhost:7200-ethsw S1) ", "no ", "1 2"},
		{"end", "=>(config-localhost:7200) ", "defaults ", "7200 "},
		{"end", "=>(config) ", "no auto", "autostart "},
		{"end", "=> ", "exi", "exit "},
	} {
		s.line(c.line)
		if got := s.prompt(); got != c.prompt {
			t.Errorf("%q: prompt %q, want %q", c.line, got, c.prompt)
		}
		_, got, _ := s.complete(c.complete, len(c.complete))
		if all := strings.Join(got, " "); !strings.HasPrefix(all, c.want) {
			t.Errorf("at %q, %q: %q, want %q", c.prompt, c.complete, all, c.want)
		}
	}
	if s.code != Done {
		t.Errorf("errors: %s", a.Err)
	}
	a.tree.Lab = ""
	s.line("conf")
	if want := "*** Error: there are several labs: write conf and one of other, simple1\n"; a.Err.(*lockedBuffer).String() != want {
		t.Errorf("conf with several labs: %q", a.Err)
	}
	if s.line("conf other"); s.prompt() != "=>(config) " {
		t.Errorf("conf LAB: %q", s.prompt())
	}
}
