package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// disk is a file that can lose power: writes reach the durable image at sync,
// or, when the power fails, any part of them in any order.
type disk struct {
	durable []byte
	pending []op
	failAt  int // the power fails at this sync or write, counted from 1; 0 never
	ops     int
}

type op struct {
	off  int64
	data []byte
}

var errPower = errors.New("power failed")

const sector = 512

func (d *disk) step() error {
	d.ops++
	if d.failAt != 0 && d.ops >= d.failAt {
		return errPower
	}
	return nil
}

func apply(image []byte, o op) []byte {
	if need := int(o.off) + len(o.data); need > len(image) {
		image = append(image, make([]byte, need-len(image))...)
	}
	copy(image[o.off:], o.data)
	return image
}

// view is what a process sees that has not lost power.
func (d *disk) view() []byte {
	v := bytes.Clone(d.durable)
	for _, o := range d.pending {
		v = apply(v, o)
	}
	return v
}

func (d *disk) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(d.view()).ReadAt(p, off)
}
func (d *disk) size() (int64, error) { return int64(len(d.view())), nil }

func (d *disk) WriteAt(p []byte, off int64) (int, error) {
	d.pending = append(d.pending, op{off, bytes.Clone(p)})
	if err := d.step(); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (d *disk) sync() error {
	if err := d.step(); err != nil {
		return err
	}
	d.durable, d.pending = d.view(), nil
	return nil
}

// crashes returns images that a power failure can leave: nothing of the pending
// writes, all, and for each sector, it alone, it missing, and all before it.
func (d *disk) crashes() [][]byte {
	var parts []op
	for _, o := range d.pending {
		for len(o.data) > 0 {
			n := min(len(o.data), sector-int(o.off%sector))
			parts = append(parts, op{o.off, o.data[:n]})
			o = op{o.off + int64(n), o.data[n:]}
		}
	}
	pick := func(keep func(i int) bool) []byte {
		image := bytes.Clone(d.durable)
		for i, p := range parts {
			if keep(i) {
				image = apply(image, p)
			}
		}
		return image
	}
	images := [][]byte{d.durable}
	for k := range parts {
		images = append(images,
			pick(func(i int) bool { return i == k }),
			pick(func(i int) bool { return i != k }),
			pick(func(i int) bool { return i <= k }))
	}
	return images
}

func content(seed byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = seed + byte(i)*3 + byte(i>>8)
	}
	return b
}

func TestPowerFailureAtEveryStepLeavesOldOrNew(t *testing.T) {
	sizes := []int{0, 1, 5000, 9000}
	for _, first := range sizes {
		for _, second := range sizes {
			for _, third := range sizes {
				d := &disk{}
				for i, n := range []int{first, second} {
					if err := write(d, content(byte(i), n)); err != nil {
						t.Fatal(err)
					}
				}
				old, next := content(1, second), content(2, third)
				for failAt := 1; ; failAt++ {
					c := &disk{durable: bytes.Clone(d.durable), failAt: failAt}
					err := write(c, next)
					if err == nil {
						break
					}
					for _, image := range c.crashes() {
						after := &disk{durable: bytes.Clone(image)}
						got, err := read(after)
						if err != nil || !bytes.Equal(got, old) && !bytes.Equal(got, next) {
							t.Fatalf("sizes %d %d %d, failure at step %d: %d bytes, %v", first, second, third, failAt, len(got), err)
						}
						if err := write(after, content(9, 700)); err != nil {
							t.Fatal(err)
						}
						if got, err := read(after); err != nil || !bytes.Equal(got, content(9, 700)) {
							t.Fatalf("write after the failure: %d bytes, %v", len(got), err)
						}
					}
				}
			}
		}
	}
}

func TestPowerFailureOfTheFirstWriteLeavesNothingOrAll(t *testing.T) {
	next := content(1, 9000)
	for failAt := 1; ; failAt++ {
		d := &disk{failAt: failAt}
		if write(d, next) == nil {
			return
		}
		for _, image := range d.crashes() {
			got, err := read(&disk{durable: image})
			if err != nil || got != nil && !bytes.Equal(got, next) {
				t.Fatalf("failure at step %d: %d bytes, %v", failAt, len(got), err)
			}
		}
	}
}

// twoContents is a store of which both slots are in use.
func twoContents(t testing.TB) (image, old, cur []byte) {
	d := &disk{}
	old, cur = content(1, 600), content(2, 700)
	for _, c := range [][]byte{old, cur} {
		if err := write(d, c); err != nil {
			t.Fatal(err)
		}
	}
	return d.durable, old, cur
}

func checkDamaged(t testing.TB, what string, image, old, cur []byte) {
	got, err := read(&disk{durable: image})
	if err != nil {
		if !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%s: %v", what, err)
		}
		return
	}
	if len(got) != 0 && !bytes.Equal(got, old) && !bytes.Equal(got, cur) {
		t.Fatalf("%s: a mix of %d bytes", what, len(got))
	}
}

func TestDamageAtEveryByteGivesOldOrNewOrAnError(t *testing.T) {
	image, old, cur := twoContents(t)
	for i := range image {
		checkDamaged(t, "truncated", image[:i], old, cur)
		for bit := range 8 {
			c := bytes.Clone(image)
			c[i] ^= 1 << bit
			got, err := read(&disk{durable: c})
			// One flipped bit damages one slot at most: the other still serves.
			if err != nil || !bytes.Equal(got, old) && !bytes.Equal(got, cur) {
				t.Fatalf("bit %d of byte %d flipped: %d bytes, %v", bit, i, len(got), err)
			}
		}
	}
}

// What a router starts with, and what its log says.
func TestLoad(t *testing.T) {
	image, old, cur := twoContents(t)
	newest := &disk{durable: image}
	_, h, slot, err := current(newest)
	if err != nil {
		t.Fatal(err)
	}
	before, _, err := readHeader(newest, otherSlot(slot), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at ...int64) []byte {
		c := bytes.Clone(image)
		for _, a := range at {
			c[a] ^= 0x55
		}
		return c
	}
	flipped := func(content []byte) []byte {
		c := bytes.Clone(content)
		c[0] ^= 0x55
		return c
	}
	header := func(slot int) int64 { return int64(slot)*block + 9 }
	for _, c := range []struct {
		name        string
		image, want []byte
		found       string
	}{
		{"intact", image, cur, ""},
		{"empty", nil, nil, ""},
		{"never finished", make([]byte, data), nil, ""},
		{"content of the newer", flip(h.offset), old, "the newer of its two copies is damaged; the older one is used"},
		{"header of the newer", flip(header(slot)), old, "one of its two copies is damaged; the other one is used"},
		{"content of the older", flip(before.offset), cur, ""}, // as a save that was cut short leaves it
		{"header of the older", flip(header(otherSlot(slot))), cur, "one of its two copies is damaged; the other one is used"},
		{"both contents", flip(h.offset, before.offset), flipped(cur), "both of its copies are damaged; the newer one is used as it is"},
		{"newer header, older content", flip(header(slot), before.offset), flipped(old), "both of its copies are damaged; the newer one is used as it is"},
		{"both headers", flip(header(0), header(1)), nil, "it is damaged beyond use and taken as empty"},
		{"text", []byte("hostname R1\n"), nil, "it is damaged beyond use and taken as empty"},
	} {
		d := &disk{durable: bytes.Clone(c.image)}
		got, found, err := load(d)
		if err != nil || found != c.found || !bytes.Equal(got, c.want) {
			t.Errorf("%s: %d bytes, %q, %v; want %d bytes, %q", c.name, len(got), found, err, len(c.want), c.found)
		}
		if len(d.pending) > 0 || !bytes.Equal(d.durable, c.image) {
			t.Errorf("%s: reading changed the file", c.name)
		}
		if err := write(d, old); err != nil {
			t.Fatal(err)
		}
		if got, found, err := load(d); err != nil || !bytes.Equal(got, old) || found != "" && c.found == "" {
			t.Errorf("%s: after a write %d bytes, %q, %v", c.name, len(got), found, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	image, old, cur := twoContents(f)
	f.Add(image, 0, byte(0))
	f.Add([]byte{}, 0, byte(0))
	f.Fuzz(func(t *testing.T, b []byte, at int, x byte) {
		if got, err := read(&disk{durable: b}); err == nil && int64(len(got)) > int64(len(b)) {
			t.Fatalf("%d bytes from a file of %d", len(got), len(b))
		}
		d := &disk{durable: bytes.Clone(b)}
		if err := write(d, cur); err != nil {
			t.Fatal(err)
		}
		if got, err := read(d); err != nil || !bytes.Equal(got, cur) {
			t.Fatalf("after a write over damage: %d bytes, %v", len(got), err)
		}
		if at >= 0 && at < len(image) {
			c := bytes.Clone(image)
			c[at] ^= x
			checkDamaged(t, "damaged", c, old, cur)
		}
	})
}

func TestFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "nvram")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := Read(f); got != nil || err != nil {
		t.Errorf("empty file: %x, %v", got, err)
	}
	for i := range 20 {
		want := content(byte(i), 128<<10)
		if err := Write(f, want); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(f); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("write %d: %v", i, err)
		}
	}
	if fi, _ := f.Stat(); fi.Size() > 300<<10 {
		t.Errorf("the file of two slots of 128 KiB grew to %d bytes", fi.Size())
	}
	if err := Write(f, make([]byte, MaxSize+1)); err == nil {
		t.Error("content above MaxSize accepted")
	}
	if _, err := f.WriteAt(content(0, data), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(f); !errors.Is(err, ErrCorrupt) {
		t.Errorf("damaged file: %v", err)
	}
}
