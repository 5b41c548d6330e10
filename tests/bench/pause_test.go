package bench

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"dynemu/tests/testlab"
	"dynemu/vm"
)

// wireLine is a console line of which every byte is noted.
type wireLine struct {
	typed  chan byte
	shown  chan time.Time // of what the router prints
	notify atomic.Pointer[func()]
}

func newWireLine() *wireLine {
	return &wireLine{typed: make(chan byte, 1), shown: make(chan time.Time, 1)}
}

func (l *wireLine) WriteByte(byte) error {
	select {
	case l.shown <- time.Now():
	default:
	}
	return nil
}

func (l *wireLine) Get() (byte, bool) {
	select {
	case b := <-l.typed:
		return b, true
	default:
		return 0, false
	}
}

func (l *wireLine) Waiting() bool    { return len(l.typed) > 0 }
func (l *wireLine) Notify(fn func()) { l.notify.Store(&fn) }

// busyRouter starts a router that is busy all the time and returns the key to it: the
// time from a key to what its interrupt handler does with it.
func busyRouter(t *testing.T) (m *vm.Machine, key func() time.Duration) {
	t.Helper()
	image, err := os.ReadFile(testlab.Assemble(t, t.TempDir(), filepath.Join("testdata", "echo.S")))
	if err != nil {
		t.Fatal(err)
	}
	console := newWireLine()
	m, err = vm.New(vm.Config{Name: "R1", Platform: "c7200", RAM: 64, NVRAM: 128, ConfReg: 0x2102}, vm.Host{Image: image, Console: console, AUX: newWireLine()})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	wait := func() time.Time {
		select {
		case at := <-console.shown:
			return at
		case <-time.After(10 * time.Second):
			t.Fatal("the router does not answer")
			return time.Time{}
		}
	}
	wait() // it is ready
	return m, func() time.Duration {
		start := time.Now()
		console.typed <- 'x'
		(*console.notify.Load())()
		return wait().Sub(start)
	}
}

// interrupts measures how long a device's interrupt takes to the guest's handler.
func interrupts(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2)) // as in a node
	_, key := busyRouter(t)
	var took []time.Duration
	for range 5000 {
		time.Sleep(200 * time.Microsecond)
		took = append(took, key())
	}
	slices.Sort(took)
	t.Logf("a key to the first action of the interrupt handler of a busy router: median %v, 99th percentile %v",
		took[len(took)/2], took[len(took)*99/100])
}

// pauses measures how long the Go runtime takes to stop the world beside a busy
// router.
func pauses(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2)) // as in a node
	m, _ := busyRouter(t)
	before := m.Stats().Instructions
	var took []time.Duration
	var ms runtime.MemStats
	start := time.Now()
	for time.Since(start) < 5*time.Second {
		begin := time.Now()
		runtime.ReadMemStats(&ms)
		took = append(took, time.Since(begin))
		time.Sleep(500 * time.Microsecond)
	}
	mips := float64(m.Stats().Instructions-before) / time.Since(start).Seconds() / 1e6
	slices.Sort(took)
	t.Logf("stopping the world beside a router that executes %.0f million instructions a second: median %v, 99th percentile %v, longest %v of %d",
		mips, took[len(took)/2], took[len(took)*99/100], took[len(took)-1], len(took))
}
