package runner

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// dropIdentity takes from the process the user that it was started as, all
// capabilities, the right to gain any by running a program, and what would let
// others of its user look into it.
func dropIdentity(uid, gid int) error {
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_GETPID, 0, 0, 0); errno == unix.ENOTSUP {
		return errors.New("this program was built with cgo and cannot drop its privileges; build it with CGO_ENABLED=0")
	}
	if os.Geteuid() == 0 {
		if uid <= 0 || gid <= 0 {
			return fmt.Errorf("run as user %d, group %d: want numbers above 0", uid, gid)
		}
		if err := dropBoundingSet(); err != nil {
			return err
		}
		if err := syscall.Setgroups(nil); err != nil {
			return fmt.Errorf("drop groups: %w", err)
		}
		if err := syscall.Setresgid(gid, gid, gid); err != nil {
			return fmt.Errorf("become group %d: %w", gid, err)
		}
		if err := syscall.Setresuid(uid, uid, uid); err != nil {
			return fmt.Errorf("become user %d: %w", uid, err)
		}
	}
	// Leaving user 0 cleared the capabilities already; a process that had some
	// without being root has them still.
	header := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(header)), uintptr(unsafe.Pointer(&none[0])), 0)
	runtime.KeepAlive(header)
	if errno != 0 {
		return fmt.Errorf("drop capabilities: %w", errno)
	}
	if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("set no_new_privs: %w", errno)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("set undumpable: %w", err)
	}
	return nil
}

// dropBoundingSet takes every capability that the kernel knows out of what the
// process and its children could ever gain.
func dropBoundingSet() error {
	for c := uintptr(0); ; c++ {
		_, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c, 0, 0, 0, 0)
		switch {
		case errno == unix.EINVAL && c > 0:
			return nil // the last one was the kernel's last
		case errno != 0:
			return fmt.Errorf("drop capability %d from the bounding set: %w", c, errno)
		}
	}
}

// enterSandbox leaves the process nothing but the descriptors that it holds:
// no path (Landlock), no memory both writable and executable (MDWE), and only
// the system calls of allowed. What the kernel does not have of the first two is
// left out; the third is a must.
func enterSandbox() error {
	if err := landlock.V7.BestEffort().Restrict(); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("refuse writable code: %w", err)
	}
	if err := loadSeccomp(); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return nil
}

// allowed are the system calls that the Go runtime, the machine and its wires
// need on descriptors that the process holds (platform reference, 12). Calls
// that make a descriptor of a path or of an address are not among them, nor is
// any that starts a program.
var allowed = strings.Fields(`
	read write readv writev pread64 pwrite64 close lseek fstat ftruncate fdatasync fsync dup dup3 fcntl
	recvfrom recvmsg recvmmsg sendto sendmsg sendmmsg accept4 shutdown
	getsockname getpeername getsockopt
	epoll_create1 epoll_ctl epoll_pwait eventfd2 pipe2 ppoll
	mmap munmap mremap madvise mincore memfd_create
	futex sched_yield sched_getaffinity nanosleep clock_nanosleep clock_gettime gettimeofday restart_syscall
	getpid gettid getuid geteuid getgid getegid getrandom getrusage
	rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack
	exit exit_group set_robust_list rseq
`)

// options are the socket options that may be set, by level: those that wires and the
// connections to consoles need. What attaches programs or rewrites addresses is not among
// them.
var options = []struct{ level, name uint64 }{
	{unix.SOL_SOCKET, unix.SO_RCVBUF}, {unix.SOL_SOCKET, unix.SO_SNDBUF}, {unix.SOL_UDP, unix.UDP_GRO},
	// What Go's net package sets for each connection that it accepts.
	{unix.SOL_SOCKET, unix.SO_KEEPALIVE}, {unix.IPPROTO_TCP, unix.TCP_NODELAY},
	{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE}, {unix.IPPROTO_TCP, unix.TCP_KEEPINTVL}, {unix.IPPROTO_TCP, unix.TCP_KEEPCNT},
}

// prSetVMA names a mapping; the Go runtime does so (prctl(2)).
const prSetVMA = 0x53564d41

func loadSeccomp() error {
	calls := seccomp.SyscallGroup{Action: seccomp.ActionAllow, Names: allowed}
	if runtime.GOARCH == "amd64" {
		calls.Names = append(append([]string{}, allowed...), "arch_prctl")
	}
	allow := func(name string, conditions ...seccomp.Condition) {
		calls.NamesWithCondtions = append(calls.NamesWithCondtions, seccomp.NameWithConditions{Name: name, Conditions: conditions})
	}
	only := func(name string, argument uint32, op seccomp.Operation, value uint64) {
		allow(name, seccomp.Condition{Argument: argument, Operation: op, Value: value})
	}
	for _, o := range options {
		allow("setsockopt", seccomp.Condition{Argument: 1, Operation: seccomp.Equal, Value: o.level},
			seccomp.Condition{Argument: 2, Operation: seccomp.Equal, Value: o.name})
	}
	only("clone", 0, seccomp.BitsSet, unix.CLONE_THREAD)  // threads, no processes
	only("tgkill", 0, seccomp.Equal, uint64(os.Getpid())) // the runtime's signals to its own threads
	only("ioctl", 1, seccomp.Equal, unix.TUNGETIFF)       // what kind of wire a descriptor is
	only("prctl", 0, seccomp.Equal, prSetVMA)
	only("mprotect", 2, seccomp.BitsNotSet, unix.PROT_EXEC) // write protection of guest memory
	return seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionErrno,
			Syscalls:      []seccomp.SyscallGroup{calls},
		},
	})
}
