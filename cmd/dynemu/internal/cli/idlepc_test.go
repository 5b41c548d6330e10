package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// choosing answers the question after a table, as on a terminal, and returns what the
// command printed.
func choosing(t *testing.T, mount, answer string, args ...string) (code int, out, errs string) {
	t.Helper()
	old := canAsk
	canAsk = func(*app) bool { return true }
	defer func() { canAsk = old }()
	return session(t, mount, answer, args...)
}

// TestIdlePC: the commands of lab-files-and-console reference 12.6, with the daemon's own
// tree.
// Promises: 45, 47, 48, 49, 51.
func TestIdlePC(t *testing.T) {
	mount, nodes := serve(t)
	file := filepath.Join(t.TempDir(), "lab.net")
	text := "# mine\n[localhost]\n[[7200]]\nimage = builtin # free\n[[ROUTER R1]]\n[[ROUTER R2]]\nautostart = false\n[[ROUTER R3]]\n[[ETHSW S1]]\n1 = access 1\n"
	put(t, text, file)
	if code, _, errs := run(t, mount, "up", file); code != Done {
		t.Fatal(errs)
	}
	check := func(want string, wantCode int, code int, out, errs string) {
		t.Helper()
		if code != wantCode || out+errs != want {
			t.Errorf("code %d, want %d; got\n%swant\n%s", code, wantCode, out+errs, want)
		}
	}
	command := func(wantCode int, want string, args ...string) {
		t.Helper()
		code, out, errs := run(t, mount, append([]string{"idlepc"}, args...)...)
		check(want, wantCode, code, out, errs)
	}
	value := func(name string) uint64 {
		spec := nodes.Get("lab", name).Spec()
		return spec.Config.IdlePC
	}
	const table = "   1: 0x60001000 [49]\n*  2: 0x60001010 [51]\n*  3: 0x60001020 [59]\n   4: 0x60001030 [60]\n" +
		"Potentially better idlepc values marked with \"*\"\n"
	const wait = "Please wait while gathering statistics...\n"
	const question = "Enter the number of the idlepc value to apply [1-4] or ENTER for no change: "

	command(Failed, "No idlepc values found\n", "show", "R1")
	command(Failed, "dynemu: device R1 has no idlepc value to save: it is auto\n", "save", "R1")
	command(Done, wait+table, "get", "R1")
	command(Done, table, "show", "R1")
	for _, c := range []struct {
		answer, want string
		code         int
		pc           uint64
	}{
		{"\n", "No changes made\n", Done, 0},
		{"", "No changes made\n", Done, 0},
		{"5\n", "dynemu: Invalid selection: \"5\" is not one of 1 to 4\n", Failed, 0},
		{"0\n", "dynemu: Invalid selection: \"0\" is not one of 1 to 4\n", Failed, 0},
		{"two\n", "dynemu: Invalid selection: \"two\" is not one of 1 to 4\n", Failed, 0},
		{" 2 \n", "Applied idlepc value 0x60001010 to R1\n\n", Done, 0x60001010},
	} {
		code, out, errs := choosing(t, mount, c.answer, "idlepc", "get", "R1")
		check(wait+table+question+c.want, c.code, code, out, errs)
		if got := value("R1"); got != c.pc {
			t.Errorf("after %q the value is %#x", c.answer, got)
		}
	}
	code, out, errs := choosing(t, mount, "3\n", "idlepc", "show", "lab/R1")
	check(table+question+"Applied idlepc value 0x60001020 to R1\n\n", Done, code, out, errs)

	var list struct {
		Lab, Device string
		Values      []struct {
			PC    string
			Count int
			Best  bool
		}
	}
	_, out, _ = run(t, mount, "idlepc", "get", "R1", "--json")
	if err := json.Unmarshal([]byte(out), &list); err != nil || list.Device != "R1" || len(list.Values) != 4 ||
		list.Values[0].PC != "0x60001000" || list.Values[0].Count != 49 || list.Values[0].Best || !list.Values[1].Best {
		t.Errorf("%v: %s", err, out)
	}

	command(Done, "idlepc value for image \"builtin\" written to the database\n", "save", "R1", "db")
	if got := content(t, mount, "idlepc.ini"); got != "builtin = 0x60001020\n" {
		t.Errorf("the database is %q", got)
	}
	command(Done, "idlepc value saved to section: ROUTER R1\n", "save", "R1")
	command(Done, "idlepc value saved to section: 7200\n", "save", "R1", "default")
	want := strings.Replace(text, "# free\n", "# free\nidlepc = 0x60001020\n", 1)
	want = strings.Replace(want, "[[ROUTER R1]]\n", "[[ROUTER R1]]\nidlepc = 0x60001020\n", 1)
	if got := content(t, mount, "labs/lab.net"); got != want {
		t.Errorf("the lab file is\n%s", got)
	}
	command(Done, "Applied idlepc value 0x60719b98 to R1\n\n", "set", "R1", "0x60719b98")
	command(Done, "R3: idlepc set to 0x60719b98\n", "copy", "R1", "R3")
	command(Done, "R2: idlepc set to 0x60719b98\nR3: idlepc set to 0x60719b98\n", "copy", "R1", "/all")
	if value("R3") != 0x60719b98 {
		t.Errorf("the value of R3 is %#x", value("R3"))
	}
	command(Done, "R3 has an idlepc value of: 0x60719b98\n", "show", "R3")
	command(Done, "", "drop", "R1")
	if value("R1") != 0 {
		t.Errorf("the value of R1 is %#x", value("R1"))
	}
	command(Failed, "dynemu: idlepc save here: expected db, router or default\n", "save", "R1", "here")
	command(Done, "value auto\n", "stats", "R1")
	command(Done, "{\n  \"device\": \"R1\",\n  \"lab\": \"lab\",\n  \"value\": \"auto\"\n}\n", "stats", "R1", "--json")

	command(Failed, "dynemu: idlepc soon: expected auto, none or an address such as 0x60719b98\n", "set", "R1", "soon")
	stopped := "dynemu: router \"R2\" is stopped. Idle-pc functions can only be used on running routers\n"
	command(Failed, stopped, "get", "R2")
	command(Failed, "dynemu: S1 is a switch: it has no idle-pc\n", "get", "S1")
	command(Failed, "dynemu: device R1 has no idlepc value to copy: it is auto\n", "copy", "R1", "R3")
	for _, args := range [][]string{{"get"}, {"get", "R1", "R2"}, {"set", "R1"}, {"save"}, {"copy", "R1"}, {"x"}, {}} {
		if code, _, errs := run(t, mount, append([]string{"idlepc"}, args...)...); code != Usage || errs == "" {
			t.Errorf("%v: code %d, %q", args, code, errs)
		}
	}

	// At the console.
	t.Setenv(clientVariable, "1") // for commands that are processes of their own
	code, out, errs = session(t, mount, "idlepc get R1\nidlepc set R1 0x1234\nidlepc get R2\n")
	check(wait+table+"Applied idlepc value 0x1234 to R1\n\n*** Error: "+strings.TrimPrefix(stopped, "dynemu: "), Failed, code, out, errs)

	for _, name := range []string{"get", "show", "set", "drop", "save", "copy", "stats"} {
		if _, out, _ := run(t, mount, "__complete", "idlepc", ""); !slices.ContainsFunc(strings.Split(out, "\n"), func(l string) bool { return strings.HasPrefix(l, name+"\t") }) {
			t.Errorf("%s is not completed: %s", name, out)
		}
	}
	if err := os.Remove(filepath.Join(mount, "idlepc.ini")); err == nil {
		t.Error("the database was removed")
	}
}
