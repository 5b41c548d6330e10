package picture

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Graphviz is a large program, given text that users write. It runs as nobody, in
// namespaces without a network and without other processes, may read programs, libraries
// and fonts, and nothing else, and has limits.

// nobody is the user and group that have nothing.
const nobody = 65534

// readable are the directories that it may read.
var readable = []string{"/usr", "/bin", "/lib", "/lib64", "/etc/fonts", "/etc/ld.so.cache", "/var/cache/fontconfig", "/usr/local/share/fonts"}

// limits of the process, which a shell sets: seconds, KiB, blocks and files.
const limits = "ulimit -c 0; ulimit -t 5; ulimit -v 1048576; ulimit -f 0; ulimit -n 32; "

// startConfined starts the program from a thread that is confined, and ends with it:
// what a thread may not do, what it starts may not do either.
func startConfined(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: nobody, Gid: nobody, Groups: []uint32{}},
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWPID | unix.CLONE_NEWUTS,
		Setsid:     true,
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		if err == nil {
			err = restrict(readable)
		}
		if err == nil {
			err = cmd.Start()
		}
		started <- err
	}()
	return <-started
}

// What Landlock takes: all that concerns files in its first version.
const (
	landlockAll  = 1<<13 - 1
	landlockRead = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
)

// restrict takes from this thread all access to files but reading beneath dirs. A kernel
// without Landlock leaves it to the user that it runs as.
func restrict(dirs []string) error {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: landlockAll}
	fd, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr.Handled_access_fs), 0)
	if e == unix.ENOSYS || e == unix.EOPNOTSUPP {
		return nil
	}
	if e != 0 {
		return fmt.Errorf("confine it: %w", e)
	}
	ruleset := int(fd)
	defer unix.Close(ruleset)
	for _, dir := range dirs {
		if err := allow(ruleset, dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("confine it: %s: %w", dir, err)
		}
	}
	if _, _, e := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0); e != 0 {
		return fmt.Errorf("confine it: %w", e)
	}
	return nil
}

func allow(ruleset int, path string) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	access := uint64(landlockRead)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &^= unix.LANDLOCK_ACCESS_FS_READ_DIR
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	if _, _, e := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); e != 0 {
		return e
	}
	return nil
}
