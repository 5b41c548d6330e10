package fs

import (
	"context"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// scratch are the files that editors and copying programs make beside a configuration
// while they write it: swap files, backups, the new text under another name, which they
// then rename. They are held in memory and gone with the daemon. A configuration that was
// removed, or renamed to be a backup, is away; unless one of its name appears soon, it is
// erased.
type scratch struct {
	mu    sync.Mutex
	files map[string]map[string][]byte // by directory and name
	away  map[string]*time.Timer       // configurations, by path
}

const (
	// maxScratch bounds how many such files a directory has, and scratchSize each.
	maxScratch  = 16
	scratchSize = 4 << 20
)

// awayTime is how long a configuration may be away.
var awayTime = time.Second

// configNames are the files of a router that scratch files become.
var configNames = []string{"startup-config", "private-config"}

func (s *scratch) get(dir, name string) (content []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	content, ok = s.files[dir][name]
	return content, ok
}

func (s *scratch) put(dir, name string, content []byte) error {
	if len(content) > scratchSize {
		return syscall.EFBIG
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files = map[string]map[string][]byte{}
	}
	if s.files[dir] == nil {
		s.files[dir] = map[string][]byte{}
	}
	if _, there := s.files[dir][name]; !there && len(s.files[dir]) >= maxScratch {
		return syscall.ENOSPC
	}
	s.files[dir][name] = content
	return nil
}

func (s *scratch) remove(dir, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files[dir], name)
}

func (s *scratch) names(dir string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name := range s.files[dir] {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (s *scratch) isAway(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.away[path] != nil
}

// leave takes a configuration away; erase is called unless it is back in time.
func (s *scratch) leave(path string, erase func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away == nil {
		s.away = map[string]*time.Timer{}
	}
	if s.away[path] == nil {
		s.away[path] = time.AfterFunc(awayTime, func() {
			erase()
			s.back(path)
		})
	}
}

// back ends that.
func (s *scratch) back(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if timer := s.away[path]; timer != nil {
		timer.Stop()
		delete(s.away, path)
	}
}

// configFolder is a folder with configurations, which programs write in their own ways.
type configFolder struct {
	dir
	fixed *dir // without scratch files
}

var (
	_ fs.NodeCreater  = (*configFolder)(nil)
	_ fs.NodeUnlinker = (*configFolder)(nil)
	_ fs.NodeRenamer  = (*configFolder)(nil)
)

func (t *Tree) configFolder(fixed *dir) *configFolder {
	d := &configFolder{fixed: fixed}
	d.dir = dir{base: t.base(fixed.path, labsMode)}
	d.names = func() ([]string, bool) {
		names, ok := fixed.names()
		names = slices.DeleteFunc(names, func(n string) bool { return t.scratch.isAway(fixed.path + "/" + n) })
		if ok {
			names = append(names, t.scratch.names(fixed.path)...)
		}
		return names, ok
	}
	d.find = func(ctx context.Context, name string) entry {
		if t.scratch.isAway(fixed.path + "/" + name) {
			return nil
		}
		if e := fixed.find(ctx, name); e != nil {
			return e
		}
		if _, ok := t.scratch.get(fixed.path, name); ok {
			return d.file(name)
		}
		return nil
	}
	return d
}

// file is the node of a scratch file.
func (d *configFolder) file(name string) *storage {
	return &storage{
		base: d.t.base(d.path+"/"+name, storageMode),
		load: func() ([]byte, error) {
			if content, ok := d.t.scratch.get(d.path, name); ok {
				return content, nil
			}
			return nil, syscall.ENOENT
		},
		store: func(b []byte) error { return d.t.scratch.put(d.path, name, b) },
	}
}

// config is the node of a configuration, nil for another name.
func (d *configFolder) config(ctx context.Context, name string) *storage {
	if !slices.Contains(configNames, name) {
		return nil
	}
	s, _ := d.fixed.find(ctx, name).(*storage)
	return s
}

// Create makes a scratch file, or opens a configuration that was away.
func (d *configFolder) Create(ctx context.Context, name string, flags uint32, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	node := d.config(ctx, name)
	if node == nil {
		names, ok := d.fixed.names()
		switch {
		case !ok || len(names) == 0 || !slices.Contains(names, configNames[0]): // of a switch
			return nil, nil, 0, syscall.EPERM
		case slices.Contains(names, name):
			return nil, nil, 0, syscall.EPERM
		}
		if err := d.t.scratch.put(d.path, name, nil); err != nil {
			return nil, nil, 0, errno(err)
		}
		node = d.file(name)
	}
	in, e := child(ctx, d.EmbeddedInode(), node, out)
	if e != 0 {
		return nil, nil, 0, e
	}
	// The node of an earlier file of the name may still be in use.
	if known, ok := in.Operations().(*storage); ok {
		node = known
	}
	h, kind, e := node.Open(ctx, flags)
	if e != 0 {
		return nil, nil, 0, e
	}
	if draft := h.(*draft); slices.Contains(configNames, name) {
		// What was there is away; the new text is stored when it is closed.
		draft.content, draft.changed = nil, true
		d.t.scratch.back(d.path + "/" + name)
	}
	return in, h, kind, 0
}

// Unlink removes a scratch file, or takes a configuration away.
func (d *configFolder) Unlink(ctx context.Context, name string) syscall.Errno {
	if c := d.config(ctx, name); c != nil {
		d.t.scratch.leave(d.path+"/"+name, func() { c.store([]byte{}) })
		return 0
	}
	if _, ok := d.t.scratch.get(d.path, name); !ok {
		return d.dir.Unlink(ctx, name)
	}
	d.t.scratch.remove(d.path, name)
	return 0
}

// Rename makes a scratch file a configuration, or the other way around.
func (d *configFolder) Rename(ctx context.Context, name string, newParent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	to, ok := newParent.(*configFolder)
	if !ok || to.path != d.path || flags != 0 && flags != unix.RENAME_NOREPLACE {
		return syscall.EXDEV
	}
	_, isScratch := d.t.scratch.get(d.path, name)
	from := d.config(ctx, name)
	var content []byte
	var err error
	switch {
	case isScratch:
		content, _ = d.t.scratch.get(d.path, name)
	case from != nil && !d.t.scratch.isAway(from.path):
		if content, err = from.load(); err != nil {
			return errno(err)
		}
	default:
		return syscall.EPERM
	}
	switch target := d.config(ctx, newName); {
	case target != nil:
		if flags != 0 && !d.t.scratch.isAway(target.path) {
			return syscall.EEXIST
		}
		if err := target.store(content); err != nil {
			return errno(err)
		}
		d.t.scratch.back(target.path)
	case d.fixed.find(ctx, newName) != nil:
		return syscall.EPERM
	default:
		if err := d.t.scratch.put(d.path, newName, content); err != nil {
			return errno(err)
		}
	}
	if isScratch {
		d.t.scratch.remove(d.path, name)
		return 0
	}
	d.t.scratch.leave(from.path, func() { from.store([]byte{}) })
	return 0
}
