// Command quickstart is what `make run` and `make stop` do: it starts the
// service, runs the tutorial's first lab on the bundled router image, and pings
// from one router to the other through their consoles.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"dynemu/tests/console"
)

const (
	mount   = "/run/dynemu"
	runtime = "/run/dynemud"
	state   = "/var/lib/dynemu"
	unit    = "/run/systemd/system/dynemu.service"
	labFile = "docs/labs/simple1.net"
)

func main() {
	bin := flag.String("bin", "bin", "folder of the programs")
	stop := flag.Bool("stop", false, "end what was started")
	flag.Parse()
	do := run
	if *stop {
		do = halt
	}
	if err := do(*bin); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func step(format string, args ...any) { fmt.Printf("== "+format+"\n", args...) }

func run(bin string) error {
	if os.Geteuid() != 0 {
		return errors.New("namespaces and mounts need root: sudo make run")
	}
	if err := start(bin); err != nil {
		return err
	}
	if err := copyLab(); err != nil {
		return err
	}
	lab := filepath.Join(mount, "labs", "simple1")
	r1, err := prompt(lab, "R1")
	if err != nil {
		return err
	}
	defer r1.Close()
	r2, err := prompt(lab, "R2")
	if err != nil {
		return err
	}
	defer r2.Close()

	step("addresses: R1 s1/0 10.0.0.1/24, R2 s1/0 10.0.0.2/24")
	for i, c := range []*console.Console{r1, r2} {
		err := c.Configure(fmt.Sprintf("hostname R%d", i+1), "interface Serial1/0",
			fmt.Sprintf("ip address 10.0.0.%d 255.255.255.0", i+1), "no shutdown")
		if err != nil {
			return err
		}
	}
	// The line protocol comes up with the first keepalives; a ping before that
	// is lost, as on the real thing.
	up := regexp.MustCompile(`Serial1/0 .* up +up`)
	for _, c := range []*console.Console{r1, r2} {
		for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			out, err := c.Command("show ip interface brief", 5*time.Second)
			if err != nil {
				return err
			}
			if up.MatchString(out) {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("serial1/0 does not come up:\n%s", out)
			}
		}
	}
	got, sent, err := r1.Ping("10.0.0.2", 30*time.Second)
	if err != nil {
		return err
	}
	for _, device := range []string{"R1", "R2"} {
		if err := waitRunning(filepath.Join(lab, device)); err != nil {
			return err
		}
	}
	table, err := os.ReadFile(filepath.Join(mount, "status"))
	if err != nil {
		return err
	}
	fmt.Printf("\n%s\nWhat to try next:\n", table)
	for _, l := range [][2]string{
		{"bin/dynemu console R1", "R1's console (leave it with Ctrl-] q)"},
		{"ls " + lab + "/R1", "R1 as files"},
		{"vi " + mount + "/labs/simple1.net", "edit the lab while it runs"},
		{"ip netns exec dynemu-simple1-R1 tcpdump -ni f0-0", "R1's FastEthernet0/0"},
		{"touch " + lab + "/R2/stop", "stop R2"},
		{"make stop", "end it all"},
	} {
		fmt.Printf("  %-52s # %s\n", l[0], l[1])
	}
	if sent == 0 || got != sent {
		return fmt.Errorf("ping R1 -> R2: %d%% (%d/%d)", 100*got/max(sent, 1), got, sent)
	}
	fmt.Printf("\nping R1 -> R2: %d%% (%d/%d)\n", 100*got/sent, got, sent)
	return nil
}

// running reports whether a daemon serves the tree.
func running() bool {
	_, err := os.ReadFile(filepath.Join(mount, "version"))
	return err == nil
}

func systemd() bool {
	_, err := os.Stat("/run/systemd/system")
	return err == nil
}

func start(bin string) error {
	if running() {
		step("dynemud is running already")
		return nil
	}
	daemon, err := filepath.Abs(filepath.Join(bin, "dynemud"))
	if err != nil {
		return err
	}
	if systemd() {
		step("starting dynemu.service")
		if err := installUnit(daemon); err != nil {
			return err
		}
		if out, err := exec.Command("systemctl", "start", "dynemu").CombinedOutput(); err != nil {
			return fmt.Errorf("systemctl start dynemu: %w: %s", err, out)
		}
	} else {
		step("starting dynemud in the background")
		if err := os.MkdirAll(state, 0o755); err != nil {
			return err
		}
		log, err := os.OpenFile(filepath.Join(state, "dynemud.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
		if err != nil {
			return err
		}
		defer log.Close()
		cmd := exec.Command(daemon)
		cmd.Stdout, cmd.Stderr = log, log
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			return err
		}
		if err := cmd.Process.Release(); err != nil {
			return err
		}
	}
	for deadline := time.Now().Add(10 * time.Second); !running(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is not served after 10 s; see %s or the journal", mount, filepath.Join(state, "dynemud.log"))
		}
	}
	return nil
}

// installUnit makes the service known until the next boot, with the programs
// of this folder. They may be where an installed service must not look, and there may
// be no user for it: the daemon is root here and needs no dynemu-netd.
func installUnit(daemon string) error {
	text, err := os.ReadFile("systemd/dynemu.service")
	if err != nil {
		return err
	}
	text = regexp.MustCompile(`(?m)^(Exec\w+=)/usr/sbin/dynemud( --netd \S+)?`).ReplaceAll(text, []byte("${1}"+daemon))
	text = regexp.MustCompile(`(?m)^(User|Group|Requires)=.*\n`).ReplaceAll(text, nil)
	text = regexp.MustCompile(`(?ms)^# No privilege at all.*^\[Install\]`).ReplaceAll(text, []byte("[Install]"))
	if err := os.WriteFile(unit, text, 0o644); err != nil {
		return err
	}
	return exec.Command("systemctl", "daemon-reload").Run()
}

// copyLab puts the tutorial's lab into the tree, on the bundled image: the
// paths in the file are examples.
func copyLab() error {
	path := filepath.Join(mount, "labs", "simple1.net")
	if _, err := os.Stat(path); err == nil {
		step("the lab simple1 is there already")
		return nil
	}
	text, err := os.ReadFile(labFile)
	if err != nil {
		return err
	}
	text = regexp.MustCompile(`(?m)^(\s*)image = .*$`).ReplaceAll(text, []byte("${1}image = builtin"))
	text = regexp.MustCompile(`(?m)^autostart = .*$`).ReplaceAll(text, []byte("autostart = true"))
	step("writing %s", path)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		result, _ := os.ReadFile(filepath.Join(mount, "labs", "simple1", "result"))
		return fmt.Errorf("%w\n%s", err, result)
	}
	return nil
}

func prompt(lab, device string) (*console.Console, error) {
	dir := filepath.Join(lab, device)
	st, err := os.ReadFile(filepath.Join(dir, "state"))
	if err != nil {
		return nil, err
	}
	switch s := strings.TrimSpace(string(st)); s {
	case "stopped", "crashed":
		step("%s is %s: starting it", device, s)
		if err := os.WriteFile(filepath.Join(dir, "ctl"), []byte("start\n"), 0); err != nil {
			why, _ := os.ReadFile(filepath.Join(dir, "errors"))
			return nil, fmt.Errorf("start %s: %w: %s", device, err, why)
		}
	case "suspended":
		step("%s is suspended: resuming it", device)
		if err := os.WriteFile(filepath.Join(dir, "ctl"), []byte("resume\n"), 0); err != nil {
			return nil, err
		}
	}
	c, err := console.Open(dir)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := c.Login(15 * time.Second); err != nil {
		c.Close()
		return nil, fmt.Errorf("%s gives no prompt: %w", device, err)
	}
	step("%s is at its prompt (%v)", device, time.Since(begin).Round(time.Millisecond))
	return c, nil
}

// waitRunning waits until a router that gave a prompt counts as running: it
// does once it has been quiet for a moment.
func waitRunning(dir string) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(dir, "state"))
		if err != nil {
			return err
		}
		if strings.TrimSpace(string(text)) == "running" {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is still %s", dir, text)
		}
	}
}

// holder returns the process that holds a lock file, 0 when none does.
func holder(path string) (int, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err == nil {
		return 0, nil
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("%s names no process: %w", path, err)
	}
	return pid, nil
}

func halt(string) error {
	if systemd() {
		if _, err := os.Stat(unit); err == nil {
			step("stopping dynemu.service")
			if out, err := exec.Command("systemctl", "stop", "dynemu").CombinedOutput(); err != nil {
				return fmt.Errorf("systemctl stop dynemu: %w: %s", err, out)
			}
			if err := os.Remove(unit); err != nil {
				return err
			}
			return exec.Command("systemctl", "daemon-reload").Run()
		}
	}
	pid, err := holder(filepath.Join(runtime, "lock"))
	if err != nil {
		return err
	}
	if pid == 0 {
		step("dynemud is not running")
		return nil
	}
	step("stopping dynemud (process %d) and its routers", pid)
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	for deadline := time.Now().Add(30 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("dynemud (process %d) does not end", pid)
		}
	}
	return nil
}
