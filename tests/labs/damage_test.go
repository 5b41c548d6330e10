package labs

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dynemu/tests/testlab"
)

// A router starts with a damaged NVRAM or disk as a real one would: its log says
// what is wrong, and the file stays as it is until the guest writes.
func TestDamagedStorage(t *testing.T) {
	d := testlab.Start(t)
	d.MustWriteLab("dmg", "[localhost]\n[[ROUTER R1]]\nram = 64\ndisk0 = 8\ndisk1 = 4\n")
	r1 := d.Console("dmg", "R1")
	save := func(hostname string) {
		t.Helper()
		if err := r1.Configure("hostname " + hostname); err != nil {
			t.Fatal(err)
		}
		if out := ask(t, r1, "write memory"); !strings.Contains(out, "[OK]") {
			t.Fatalf("write memory: %s", out)
		}
	}
	file := func(name string) string { return filepath.Join(d.State, "labs", "dmg", "R1", name) }
	save("First")
	d.Wait(10*time.Second, "the configuration to be on disk", func() bool {
		b, _ := os.ReadFile(file("nvram.store"))
		return bytes.Contains(b, []byte("hostname First"))
	})
	save("Second")
	content := func(name string) []byte {
		t.Helper()
		b, err := os.ReadFile(file(name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	logged := 0
	restart := func(damage func()) (log string) {
		t.Helper()
		if err := d.Write("stop", "labs", "dmg", "R1", "ctl"); err != nil {
			t.Fatal(err)
		}
		damage()
		logged = len(content("log"))
		if err := d.Write("start", "labs", "dmg", "R1", "ctl"); err != nil {
			t.Fatal(err)
		}
		r1 = d.Console("dmg", "R1")
		time.Sleep(300 * time.Millisecond) // a save would be on disk
		return string(content("log")[logged:])
	}
	// change alters every place where a text stands in a file.
	change := func(name, old, new string) {
		t.Helper()
		b := content(name)
		if !bytes.Contains(b, []byte(old)) {
			t.Fatalf("%s does not hold %q", name, old)
		}
		if err := os.WriteFile(file(name), bytes.ReplaceAll(b, []byte(old), []byte(new)), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	// The newer copy: the older one serves, with a warning.
	var before []byte
	log := restart(func() { change("nvram.store", "hostname Second", "hostname Sec0nd"); before = content("nvram.store") })
	if !strings.Contains(log, "NVRAM: the newer of its two copies is damaged; the older one is used") {
		t.Errorf("log:\n%s", log)
	}
	if out := ask(t, r1, "show startup-config"); !strings.Contains(out, "hostname First") {
		t.Errorf("the older copy is not in use:\n%s", out)
	}
	if !bytes.Equal(content("nvram.store"), before) {
		t.Error("the damaged file was rewritten at the start")
	}
	// Both: the guest finds it out by its own checksum.
	log = restart(func() { change("nvram.store", "hostname First", "hostname F1rst"); before = content("nvram.store") })
	if !strings.Contains(log, "NVRAM: both of its copies are damaged; the newer one is used as it is") {
		t.Errorf("log:\n%s", log)
	}
	if out := ask(t, r1, "show startup-config"); !strings.Contains(out, "bad checksum") {
		t.Errorf("the guest takes a damaged configuration:\n%s", out)
	}
	if !bytes.Equal(content("nvram.store"), before) {
		t.Error("the damaged file was rewritten at the start")
	}
	// The guest's save mends it.
	save("Third")
	log = restart(func() {})
	if strings.Contains(log, "NVRAM") {
		t.Errorf("log after a save:\n%s", log)
	}
	if out := ask(t, r1, "show startup-config"); !strings.Contains(out, "hostname Third") {
		t.Errorf("saved over the damage:\n%s", out)
	}

	// Disks that were cut short, have grown, or hold no file system.
	log = restart(func() {
		for name, size := range map[string]int64{"disk0": 100000, "disk1": 5 << 20, "bootflash": 1 << 20} {
			if err := os.Truncate(file(name), size); err != nil {
				t.Fatal(err)
			}
		}
		b := content("disk1")
		copy(b[32*512:], make([]byte, 512))
		if err := os.WriteFile(file("disk1"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	for _, want := range []string{
		"disk0: the file has 100000 of 8388608 bytes; the others read as zero",
		"disk1: the file has 5242880 bytes; those from 4194304 on are out of reach",
		"disk1: its first partition holds no FAT file system",
		"bootflash: the file has 1048576 of 8388608 bytes; the others read as zero",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
	for name, size := range map[string]int{"disk0": 100000, "disk1": 5 << 20, "bootflash": 1 << 20} {
		if got := len(content(name)); got != size {
			t.Errorf("%s has %d bytes after the start, had %d", name, got, size)
		}
	}
	// A store that is no store at all.
	log = restart(func() {
		if err := os.WriteFile(file("nvram.store"), []byte("hostname R1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	if !strings.Contains(log, "NVRAM: it is damaged beyond use and taken as empty") {
		t.Errorf("log:\n%s", log)
	}
	save("Fourth")
}
