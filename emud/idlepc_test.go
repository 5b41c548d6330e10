package emud_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"dynemu/emud"
	"dynemu/emud/idlepc"
	"dynemu/vm"
)

// idleness is what the running node of a device was told.
func (h *host) idleness(lab, name string) vm.Idleness {
	h.t.Helper()
	n := h.nodes.Get(lab, name)
	if n == nil {
		h.t.Fatalf("%s does not run", name)
	}
	spec := n.Spec()
	return spec.Config.Idleness()
}

func (h *host) wantIdlePC(lab, name, want string) {
	h.t.Helper()
	if got, err := h.device(lab, name).IdlePC(); err != nil || got != want {
		h.t.Errorf("%s: %q %v, want %q", name, got, err, want)
	}
}

// TestIdlePCPrecedence: a router's value is that which a user set, else that of its
// section, of its defaults section, of the database by the base name of its image, and
// else auto (lab-files-and-console reference 14.2 and 18, check 8).
// Promises: 50, 53.
func TestIdlePCPrecedence(t *testing.T) {
	h := newHost(t)
	images := filepath.Join(h.dir, "state", "images")
	for _, name := range []string{"x.image", "y.image"} {
		if err := os.WriteFile(filepath.Join(images, name), []byte("image"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.d.SetIdleDB([]byte("# mine\nx.image = 0x60001234\n")); err != nil {
		t.Fatal(err)
	}
	text := `[localhost]
[[ROUTER R1]]
image = /a/b/x.image
[[ROUTER R2]]
image = \c\d\x.image
[[ROUTER R3]]
image = x.image
idlepc = 0x1000
[[ROUTER R4]]
image = y.image
[[7200]]
idlepc = none
[[ROUTER R5]]
image = x.image
idlemax = 7
[[ROUTER R6]]
idlepc = auto
image = x.image
`
	h.mustApply("idle", text)
	for name, want := range map[string]string{"R1": "0x60001234", "R2": "0x60001234", "R3": "0x00001000", "R4": "auto", "R5": "none", "R6": "auto"} {
		h.wantIdlePC("idle", name, want)
	}
	for name, want := range map[string]vm.Idleness{"R1": {PC: 0x60001234}, "R3": {PC: 0x1000}, "R4": {}, "R5": {Off: true, Max: 7}, "R6": {}} {
		if got := h.idleness("idle", name); got != want {
			t.Errorf("%s was told %+v, want %+v", name, got, want)
		}
	}
	// A value saved meanwhile is used by the next start.
	if err := h.d.SetIdleDB([]byte("x.image = 0x60001234\ny.image = 0x2000\n")); err != nil {
		t.Fatal(err)
	}
	h.wantIdlePC("idle", "R4", "auto")
	if err := h.device("idle", "R4").Reload(); err != nil {
		t.Fatal(err)
	}
	h.wantIdlePC("idle", "R4", "0x00002000")
}

// TestSetIdlePC: a value is in force at once, outlives daemon and reload, and ends when
// the lab file asks for another.
// Promise: 47.
func TestSetIdlePC(t *testing.T) {
	h := newHost(t)
	const text = "[localhost]\n[[ROUTER R1]]\n[[ROUTER R2]]\n[[ETHSW S1]]\n1 = access 1\n"
	h.mustApply("idle", text)
	starts := h.nodes.Starts.Load()
	r1 := h.device("idle", "R1")
	if err := r1.SetIdlePC("0x60719b98"); err != nil {
		t.Fatal(err)
	}
	if got := h.idleness("idle", "R1"); got != (vm.Idleness{PC: 0x60719b98}) {
		t.Errorf("the node was told %+v", got)
	}
	for _, bad := range []string{"", "soon", "60719b98", "0x", "0xg", "0x1 0x2"} {
		if err := r1.SetIdlePC(bad); emud.Errno(err) != syscall.EINVAL || r1.ErrorText() == "" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := h.device("idle", "S1").SetIdlePC("auto"); emud.Errno(err) != syscall.EINVAL {
		t.Errorf("a switch: %v", err)
	}
	h.wantIdlePC("idle", "R1", "0x60719b98")
	h.d.Release()
	h.start()
	r1 = h.device("idle", "R1")
	h.wantIdlePC("idle", "R1", "0x60719b98")
	if err := r1.Reload(); err != nil {
		t.Fatal(err)
	}
	h.wantIdlePC("idle", "R1", "0x60719b98")
	starts++

	// The lab file changes it at once, on running routers, and nothing else.
	edited := strings.Replace(text, "[[ROUTER R1]]", "[[ROUTER R1]]\nidlepc = none\nidlemax = 9", 1)
	if result := h.mustApply("idle", edited); strings.Contains(result, "at the next start") || !strings.Contains(result, "R1: idlepc, idlemax changed") {
		t.Errorf("the apply said %s", result)
	}
	if got := h.idleness("idle", "R1"); got != (vm.Idleness{Off: true, Max: 9}) {
		t.Errorf("the node was told %+v", got)
	}
	if strings.Contains(r1.Info(), "at next start") {
		t.Errorf("something waits for a start:\n%s", r1.Info())
	}
	// What was set before does not come back with the old text.
	h.mustApply("idle", text)
	h.wantIdlePC("idle", "R1", "auto")
	if n := h.nodes.Starts.Load(); n != starts {
		t.Errorf("%d starts, want %d", n, starts)
	}
	for _, c := range []struct{ line, want string }{
		{"idlepc set 0x1234", "0x00001234"}, {"idlepc set none", "none"}, {"idlepc drop", "auto"},
	} {
		if err := r1.Command(c.line); err != nil {
			t.Errorf("%s: %v", c.line, err)
		}
		h.wantIdlePC("idle", "R1", c.want)
	}
	for _, bad := range []string{"idlepc", "idlepc set", "idlepc set 0x1 0x2", "idlepc get 1", "idlepc save", "idlepc save here", "idlepc drop now", "idlepc x"} {
		if err := r1.Command(bad); emud.Errno(err) != syscall.EINVAL {
			t.Errorf("%q: %v", bad, err)
		}
	}
	// A stopped router takes it for its start.
	if err := errors.Join(r1.Stop(), r1.SetIdlePC("0x77"), r1.Start()); err != nil {
		t.Fatal(err)
	}
	if got := h.idleness("idle", "R1"); got.PC != 0x77 {
		t.Errorf("the node was started with %+v", got)
	}
}

// TestSaveIdlePC: the value in force goes into the database, or into the lab file, where
// one line changes.
// Promises: 49, 51.
func TestSaveIdlePC(t *testing.T) {
	h := newHost(t)
	const text = "# my lab\n[localhost]\n  [[7200]]\n    image = /images/x.image # the image\n  [[ROUTER R1]]\n    ram = 128\t# enough\n  [[ROUTER R2]]\n"
	if err := os.WriteFile(filepath.Join(h.dir, "state", "images", "x.image"), []byte("image"), 0o644); err != nil {
		t.Fatal(err)
	}
	h.mustApply("idle", text)
	r1, r2 := h.device("idle", "R1"), h.device("idle", "R2")
	path := h.d.Lab("idle").TextPath()
	file := func() string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, place := range emud.IdlePCPlaces {
		if err := r1.SaveIdlePC(place); emud.Errno(err) != syscall.EINVAL || !strings.Contains(r1.ErrorText(), "has no idlepc value to save") {
			t.Errorf("%s without a value: %v", place, err)
		}
	}
	if err := r1.SetIdlePC("0x60719b98"); err != nil {
		t.Fatal(err)
	}
	starts := h.nodes.Starts.Load()
	if err := r1.SaveIdlePC("db"); err != nil {
		t.Fatal(err)
	}
	if got := string(h.d.IdleDB()); got != "x.image = 0x60719b98\n" {
		t.Errorf("the database is %q", got)
	}
	if stored, err := os.ReadFile(filepath.Join(h.dir, "state", "idlepc.ini")); err != nil || string(stored) != string(h.d.IdleDB()) {
		t.Errorf("stored is %q, %v", stored, err)
	}
	h.wantIdlePC("idle", "R2", "auto") // until its next start
	if err := r1.SaveIdlePC("router"); err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(text, "# enough\n", "# enough\n    idlepc = 0x60719b98\n", 1)
	if got := file(); got != want {
		t.Errorf("the file is\n%s\nwant\n%s", got, want)
	}
	if err := r1.SaveIdlePC("default"); err != nil {
		t.Fatal(err)
	}
	want = strings.Replace(want, "# the image\n", "# the image\n    idlepc = 0x60719b98\n", 1)
	if got := file(); got != want {
		t.Errorf("the file is\n%s\nwant\n%s", got, want)
	}
	h.wantIdlePC("idle", "R2", "0x60719b98") // the default is in force at once
	if got := h.idleness("idle", "R2").PC; got != 0x60719b98 {
		t.Errorf("R2 was told %#x", got)
	}
	if n := h.nodes.Starts.Load(); n != starts {
		t.Errorf("%d starts, want %d", n, starts)
	}
	// A file that has an error meanwhile is not edited.
	broken := want + "[[ROUTER R2]]\n"
	if err := os.WriteFile(path, []byte(broken), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r2.SetIdlePC("0x1234")); err != nil {
		t.Fatal(err)
	}
	if err := r2.SaveIdlePC("router"); emud.Errno(err) != syscall.EINVAL || file() != broken {
		t.Errorf("%v; the file is\n%s", err, file())
	}
	h.mustApply("idle", "[localhost]\n[[ROUTER R1]]\nidlepc = 0x5\n")
	r1 = h.device("idle", "R1")
	if err := r1.SaveIdlePC("default"); emud.Errno(err) != syscall.EINVAL || !strings.Contains(err.Error(), "no section [[7200]]") {
		t.Errorf("without defaults: %v", err)
	}
}

// TestIdleDatabase: what is no database is refused with its place, and the old one stays; a
// damaged one is left alone and read again when it is mended.
// Promise: 52.
func TestIdleDatabase(t *testing.T) {
	h := newHost(t)
	const good = "# c\nbuiltin = 0x60001234\n"
	if err := h.d.SetIdleDB([]byte(good)); err != nil {
		t.Fatal(err)
	}
	err := h.d.SetIdleDB([]byte("a = 0x1\nb = soon\n"))
	if emud.Errno(err) != syscall.EINVAL || !strings.HasPrefix(h.d.ErrorText(), "idlepc.ini:2:5: ") || string(h.d.IdleDB()) != good {
		t.Errorf("%v; errors: %s; the database is %q", err, h.d.ErrorText(), h.d.IdleDB())
	}
	h.d.Release()
	h.start()
	if string(h.d.IdleDB()) != good {
		t.Errorf("after a restart: %q", h.d.IdleDB())
	}
	h.mustApply("idle", "[localhost]\n[[ROUTER R1]]\n")
	h.wantIdlePC("idle", "R1", "0x60001234")
	h.d.Release()
	path := filepath.Join(h.dir, "state", "idlepc.ini")
	if err := os.WriteFile(path, []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	h.start()
	if string(h.d.IdleDB()) != "damaged" {
		t.Errorf("a damaged one shows as %q", h.d.IdleDB())
	}
	h.wantIdlePC("idle", "R1", "0x60001234") // in force still
	r1 := h.device("idle", "R1")
	if err := errors.Join(r1.SetIdlePC("0x99")); err != nil {
		t.Fatal(err)
	}
	if err := r1.SaveIdlePC("db"); emud.Errno(err) != syscall.EINVAL {
		t.Errorf("saving into a damaged one: %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "damaged" {
		t.Errorf("it became %q", b)
	}
	if err := errors.Join(h.d.SetIdleDB([]byte(good)), r1.SaveIdlePC("db")); err != nil || string(h.d.IdleDB()) != "# c\nbuiltin = 0x00000099\n" {
		t.Errorf("%v: %q", err, h.d.IdleDB())
	}
}

// TestGatherIdlePC: the node is asked until it is done; those that are not running refuse.
// Promises: 45, 48, 54.
func TestGatherIdlePC(t *testing.T) {
	h := newHost(t)
	h.mustApply("idle", "[localhost]\n[[ROUTER R1]]\n[[ETHSW S1]]\n1 = access 1\n")
	r1 := h.device("idle", "R1")
	if v, err := r1.IdlePCValues(); err != nil || idlepc.Table(v) != "No idlepc values found\n" {
		t.Errorf("before: %v %v", v, err)
	}
	const want = "   1: 0x60001000 [49]\n*  2: 0x60001010 [51]\n*  3: 0x60001020 [59]\n   4: 0x60001030 [60]\n" + idlepc.Legend + "\n"
	v, err := r1.GatherIdlePC(t.Context())
	if err != nil || idlepc.Table(v) != want {
		t.Errorf("%v:\n%s", err, idlepc.Table(v))
	}
	if v, err = r1.IdlePCValues(); err != nil || idlepc.Table(v) != want {
		t.Errorf("shown: %v:\n%s", err, idlepc.Table(v))
	}
	if s, err := r1.IdlePCStats(); err != nil || !strings.HasPrefix(s, "value auto\n") {
		t.Errorf("stats: %v:\n%s", err, s)
	}
	if err := r1.Suspend(); err != nil {
		t.Fatal(err)
	}
	if _, err := r1.GatherIdlePC(t.Context()); emud.Errno(err) != syscall.EPERM {
		t.Errorf("suspended: %v", err)
	}
	if err := r1.Stop(); err != nil {
		t.Fatal(err)
	}
	_, err = r1.GatherIdlePC(t.Context())
	if emud.Errno(err) != syscall.EPERM || r1.ErrorText() != `router "R1" is stopped. Idle-pc functions can only be used on running routers` {
		t.Errorf("stopped: %v", err)
	}
	if s, err := r1.IdlePCStats(); err != nil || s != "value auto\n" {
		t.Errorf("stats when stopped: %v: %q", err, s)
	}
	if _, err := h.device("idle", "S1").GatherIdlePC(t.Context()); emud.Errno(err) != syscall.EINVAL {
		t.Errorf("a switch: %v", err)
	}
}
