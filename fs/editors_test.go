package fs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dynemu/tests/console"
)

// TestConfigEditors writes configurations in the ways of the programs that people use, on
// a running and on a stopped router.
func TestConfigEditors(t *testing.T) {
	vim := `printf 'x\n' > startup-config && vim -N -u NONE -i NONE -es -c 'set writebackup backupcopy=%s backupskip= swapfile' -c "1r $new" -c 1d -c wq startup-config`
	for _, tt := range []struct{ name, program, script string }{
		{"cp", "cp", `cp "$new" startup-config`},
		{"cp -p", "cp", `cp -p "$new" startup-config`},
		{"tee", "tee", `tee startup-config < "$new" > /dev/null`},
		{"install", "install", `install -m 600 "$new" startup-config`},
		{"rsync", "rsync", `rsync "$new" startup-config`},
		{"rsync -a", "rsync", `rsync -a "$new" startup-config`},
		{"rsync --inplace", "rsync", `rsync --inplace "$new" startup-config`},
		{"mv", "mv", `mv "$new" startup-config`},
		{"sed -i", "sed", `printf 'x\n' > startup-config && sed -i -e "r $new" -e d startup-config`},
		{"vim", "vim", fmt.Sprintf(vim, "no")},
		{"vim, copying", "vim", fmt.Sprintf(vim, "yes")},
		{"rm and cat", "cat", `rm startup-config && cat "$new" > startup-config`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := exec.LookPath(tt.program); err != nil {
				t.Skip("SKIP: there is no " + tt.program)
			}
			w := newWorld(t)
			w.apply("x", one)
			for i, state := range []string{"running", "stopped"} {
				if state == "stopped" {
					w.sh("sh", "touch labs/x/R1/stop")
				}
				conf := "!\nhostname zapp" + strings.Repeat("p", i) + "\nend\n" // rsync looks at the size
				file := filepath.Join(t.TempDir(), "conf")
				if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
					t.Fatal(err)
				}
				out, code := w.sh("sh", "cd labs/x/R1 && new="+file+" && "+tt.script)
				if code != 0 {
					t.Errorf("%s: exit %d %s", state, code, out)
				}
				time.Sleep(awayTime + 200*time.Millisecond) // what is away for good is erased then
				if got := w.read("labs/x/R1/startup-config"); got != conf {
					t.Errorf("%s: startup-config is %q", state, got)
				}
				entries, err := os.ReadDir(w.path("labs/x/R1"))
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range entries {
					if strings.Contains(e.Name(), "config") && e.Name() != "startup-config" && e.Name() != "private-config" || strings.HasPrefix(e.Name(), "sed") {
						t.Errorf("%s: left behind: %s", state, e.Name())
					}
				}
			}
		})
	}
}

// A removed configuration is erased; what belongs to the router stays.
func TestRemoveConfig(t *testing.T) {
	w := newWorld(t)
	w.apply("x", one)
	if err := w.write("labs/x/R1/startup-config", "hostname zapp\n"); err != nil {
		t.Fatal(err)
	}
	if out, code := w.sh("sh", "rm labs/x/R1/startup-config"); code != 0 {
		t.Fatalf("rm: %s", out)
	}
	w.eventually("the configuration is empty", func() bool {
		b, err := os.ReadFile(w.path("labs/x/R1/startup-config"))
		return err == nil && len(b) == 0
	})
	for _, script := range []string{"rm labs/x/R1/state", "mv labs/x/R1/info labs/x/R1/i", "echo x > labs/x/R1/new && mv labs/x/R1/new labs/x/R1/nvram", "rmdir labs/x/R1"} {
		if out, code := w.sh("sh", script); code == 0 {
			t.Errorf("%s: %s", script, out)
		}
	}
	if err := w.write("labs/x/R1/new", "text\n"); err != nil {
		t.Fatal(err)
	}
	for i := range 2 * maxScratch {
		w.write(fmt.Sprintf("labs/x/R1/n%d", i), "x")
	}
	if got := len(w.tree.scratch.names("/labs/x/R1")); got != maxScratch {
		t.Errorf("%d files that belong to nothing, at most %d are to be kept", got, maxScratch)
	}
}

// TestNano edits a lab file and a configuration with nano, at a terminal.
func TestNano(t *testing.T) {
	nano, err := exec.LookPath("nano")
	if err != nil {
		t.Skip("SKIP: there is no nano")
	}
	w := newWorld(t)
	w.apply("x", good)
	edit := func(path, keys string) {
		t.Helper()
		master, slave, err := console.Terminal()
		if err != nil {
			t.Fatal(err)
		}
		defer master.Close()
		cmd := exec.Command(nano, "--ignorercfiles", path)
		cmd.Env = []string{"TERM=vt100", "PATH=/usr/bin:/bin", "HOME=/nonexistent"}
		cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		slave.Close()
		go func() {
			buf := make([]byte, 4096)
			for {
				if _, err := master.Read(buf); err != nil {
					return
				}
			}
		}()
		time.Sleep(300 * time.Millisecond)
		for _, k := range []string{keys, "\x0f", "\r", "\x18"} { // write out, this name, exit
			if _, err := master.WriteString(k); err != nil {
				t.Fatal(err)
			}
			time.Sleep(300 * time.Millisecond)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("nano %s: %v", path, err)
		}
	}
	edit(w.path("labs/x.net"), "# by nano\r")
	if got := w.read("labs/x.net"); got != "# by nano\n"+good {
		t.Errorf("the lab file: %q", got)
	}
	if err := w.write("labs/x/R1/startup-config", "end\n"); err != nil {
		t.Fatal(err)
	}
	edit(w.path("labs/x/R1/startup-config"), "hostname nano\r")
	if got := w.read("labs/x/R1/startup-config"); got != "hostname nano\nend\n" {
		t.Errorf("the configuration: %q", got)
	}
}
