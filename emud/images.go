package emud

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"dynemu/vm/rom"
	"dynemu/vm/rom/archive"
)

// images knows what was found out about image files, which takes a while.
type images struct {
	mu    sync.Mutex
	known map[string]imageFacts // by path
}

// imageFacts is what the content of a file says.
type imageFacts struct {
	identity string // of the file, and whether it changed
	sum      [sha256.Size]byte
	archive  bool
	facts    []Fact
}

// imageUse is an image file and who names it.
type imageUse struct {
	path  string
	users []string // LAB/DEVICE
}

// builtin is the name of the bundled image.
const builtin = "builtin"

// Images are the names of the image files that this daemon knows: those in its folder of
// images, those that labs name, and builtin. Of several with one name, all but the first
// are followed by @ and the lab that has them.
func (d *Daemon) Images() []string { return slices.Sorted(maps.Keys(d.imageUses())) }

func (d *Daemon) imageUses() map[string]*imageUse {
	uses := map[string]*imageUse{builtin: {}}
	entries, _ := os.ReadDir(filepath.Join(d.opt.State, "images"))
	for _, e := range entries {
		path := filepath.Join(d.opt.State, "images", e.Name())
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() && !strings.HasPrefix(e.Name(), ".") {
			uses[e.Name()] = &imageUse{path: path}
		}
	}
	for _, l := range d.Labs() {
		names := map[string]string{} // of image files, by what the lab file has
		for _, dev := range l.Devices() {
			r := dev.asked()
			if r == nil {
				continue
			}
			name, seen := names[r.Image]
			if !seen {
				name = d.nameImage(uses, l, r.Image)
				names[r.Image] = name
			}
			if name != "" {
				uses[name].users = append(uses[name].users, l.name+"/"+dev.name)
			}
		}
	}
	return uses
}

// nameImage adds what a lab file names to uses, and returns its name there; empty when
// there is no such file.
func (d *Daemon) nameImage(uses map[string]*imageUse, l *Lab, written string) string {
	if written == "" || written == builtin {
		return builtin
	}
	f, path, err := d.findImage(l, written)
	if err != nil {
		return ""
	}
	f.Close()
	name := filepath.Base(path)
	if u := uses[name]; u != nil && u.path != path {
		name += "@" + l.name
	}
	if uses[name] == nil {
		uses[name] = &imageUse{path: path}
	}
	return name
}

// HasImage reports whether Images has the name.
func (d *Daemon) HasImage(name string) bool { return d.imageUses()[name] != nil }

// ImageText describes an image, a fact a line.
func (d *Daemon) ImageText(name string) ([]byte, error) {
	use := d.imageUses()[name]
	if use == nil {
		return nil, refuse(syscall.ENOENT, "no image %q", name)
	}
	if name == builtin {
		f, path, err := d.openBuiltin()
		if err != nil {
			return nil, err
		}
		f.Close()
		use.path = path
	}
	facts, err := d.images.of(use.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse(syscall.ENOENT, "no image %q", name)
	}
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	fact := func(name, value string) { fmt.Fprintf(&b, "%-14s %s\n", name, value) }
	fact("name", name)
	fact("path", use.path)
	if facts.archive {
		// What the image in it is, is known once it was unpacked, for the first router that
		// runs it.
		fact("archive", "ZIP, unpacked when a router is started with it")
		if path := d.unpacked.Path(filepath.Base(use.path), facts.sum); isFile(path) {
			b.Reset()
			fact("name", name)
			fact("path", path)
			fact("unpacked from", use.path)
			if facts, err = d.images.of(path); err != nil {
				return nil, err
			}
		}
	}
	for _, f := range facts.facts {
		fact(f.Name, f.Value)
	}
	written := filepath.Base(use.path)
	if name == builtin {
		written = builtin
	}
	if value, ok := d.idleDB().Lookup(written); ok {
		fact("idle-pc", value)
	}
	if len(use.users) > 0 {
		fact("used by", strings.Join(use.users, " "))
	}
	return []byte(b.String()), nil
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

// of reads an image file, unless it is as it was when it was read before.
func (c *images) of(path string) (imageFacts, error) {
	f, err := openRegular(path)
	if err != nil {
		return imageFacts{}, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return imageFacts{}, err
	}
	sys := st.Sys().(*syscall.Stat_t)
	identity := fmt.Sprint(sys.Dev, sys.Ino, sys.Size, sys.Mtim, sys.Ctim)
	c.mu.Lock() // one is read at a time
	defer c.mu.Unlock()
	if known, ok := c.known[path]; ok && known.identity == identity {
		return known, nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return imageFacts{}, err
	}
	facts := imageFacts{identity: identity, sum: [sha256.Size]byte(h.Sum(nil)), archive: archive.Is(f)}
	add := func(name, format string, args ...any) {
		facts.facts = append(facts.facts, Fact{name, fmt.Sprintf(format, args...)})
	}
	if !facts.archive {
		if platform, entry, err := readImage(f, st.Size()); err != nil {
			add("cannot run", "%s", oneLine(err.Error()))
		} else {
			add("platform", "%s", platform)
			add("entry", "0x%08x", entry)
		}
	}
	add("size", "%d", st.Size())
	add("sha256", "%s", hex.EncodeToString(facts.sum[:]))
	add("modified", "%s", st.ModTime().Format(time.RFC3339))
	if c.known == nil {
		c.known = map[string]imageFacts{}
	}
	c.known[path] = facts
	return facts, nil
}

// readImage reads the headers of an image.
func readImage(f *os.File, size int64) (platform string, entry uint32, err error) {
	if size == 0 {
		return "", 0, errors.New("it is empty")
	}
	data, err := syscall.Mmap(int(f.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return "", 0, err
	}
	defer syscall.Munmap(data)
	entry, machine, err := rom.Entry(data)
	return rom.Machine(machine), entry, err
}
