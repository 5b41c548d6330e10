package fs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"dynemu/emud"
)

// labFiles is the directory labs: the lab files, the temporary files that
// editors make beside them, and a directory per lab.
//
// Files are held in memory. Those that end in .net are stored under the state
// directory when they are closed; the others are gone with the daemon.
//
// A lab file is checked at the close or rename that completes it, which fails
// with EINVAL where the text has an error, and it is applied when its last
// writer has closed it and it has been quiet for a while (emud.Lab.Schedule).
// A close comes as FLUSH, which is also sent when a copy of the descriptor is
// closed: by a shell's redirection, by a child process that inherited it. So a
// FLUSH fails only for a process that wrote last or opened the file, and has no
// other descriptor of it. (In dash, "cat text > x.net" is opened by the shell and
// written by cat; the shell cannot say what its own close returns, so cat must.)
// What another leaves behind is checked at the last RELEASE, which cannot fail,
// and shows in result.
type labFiles struct {
	t *Tree

	mu    sync.Mutex
	files map[string]*labFile
	mtime time.Time
	next  uint64 // inode number
}

// labFile is one file; labFiles.mu guards it.
type labFile struct {
	name     string // "" when unlinked
	ino      uint64
	data     []byte
	mode     uint32 // permission bits
	uid, gid uint32
	mtime    time.Time
	atime    time.Time
	writers  int
	unsaved  bool // data differs from what is stored
	changed  bool // data was changed since it was last scheduled or refused
	// flushed is when a writer last closed the file, and released is closed when
	// the last one is gone: the kernel sends RELEASE some time after the close
	// has returned.
	flushed  time.Time
	released chan struct{}
}

const (
	// maxLabFile bounds a file in labs, in bytes.
	maxLabFile = 4 << 20
	// maxLabFiles bounds how many there are.
	maxLabFiles = 4096
	// settleWait bounds how long opening a lab's directory waits for an apply.
	settleWait = 5 * time.Second
	// releaseWait bounds how long a close is taken for the last one before its
	// RELEASE is there.
	releaseWait = time.Second
)

func newLabFiles(t *Tree) *labFiles {
	return &labFiles{t: t, files: map[string]*labFile{}, mtime: time.Now(), next: 1 << 32}
}

// labOf returns the lab that a file name stands for; ok is false for a name
// that does not count.
func labOf(name string) (lab string, ok bool) {
	lab, ok = strings.CutSuffix(name, ".net")
	return lab, ok && !strings.HasPrefix(name, ".")
}

// load reads the stored lab files.
func (l *labFiles) load() error {
	dir := l.t.d.StateDir()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, ok := labOf(e.Name())
		if !ok || !e.Type().IsRegular() || emud.CheckLabName(name) != nil {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		f := l.add(e.Name(), uint32(info.Mode().Perm()))
		st := info.Sys().(*syscall.Stat_t)
		f.data, f.uid, f.gid, f.mtime = data, st.Uid, st.Gid, info.ModTime()
		f.recallOwner(filepath.Join(dir, e.Name()))
	}
	return nil
}

func (l *labFiles) add(name string, mode uint32) *labFile {
	l.next++
	now := time.Now()
	f := &labFile{name: name, ino: l.next, mode: mode &^ syscall.S_IFMT, gid: l.t.gid, mtime: now, atime: now}
	l.files[name] = f
	l.mtime = now
	return f
}

// save stores a lab file so that a crash leaves the old text or the new.
func (l *labFiles) save(f *labFile) error {
	l.mu.Lock()
	name, data, mode, uid, gid, unsaved := f.name, f.data, f.mode, f.uid, f.gid, f.unsaved
	l.mu.Unlock()
	if _, ok := labOf(name); !ok || !unsaved {
		return nil
	}
	dir := l.t.d.StateDir()
	tmp, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err == nil {
		err = errors.Join(keepOwner(tmp, uid, gid, mode&0o777), tmp.Sync())
	}
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return fmt.Errorf("store lab file %s: %w", name, err)
	}
	if d, err := os.Open(dir); err == nil {
		d.Sync()
		d.Close()
	}
	l.mu.Lock()
	if len(data) == len(f.data) && (len(data) == 0 || &data[0] == &f.data[0]) {
		f.unsaved = false
	}
	l.mu.Unlock()
	return nil
}

// check parses the text of a complete lab file. The lab's result has the
// messages.
func (l *labFiles) check(f *labFile) (*emud.Lab, error) {
	l.mu.Lock()
	name, data := f.name, f.data
	l.mu.Unlock()
	labName, ok := labOf(name)
	if !ok {
		return nil, nil
	}
	lab := l.t.d.EnsureLab(labName)
	return lab, lab.Check(data)
}

// finish is called when the last writer has closed f, or a rename gave it its
// name: a text without errors is applied once it has been quiet.
func (l *labFiles) finish(f *labFile) error {
	if err := l.save(f); err != nil {
		// What cannot be stored would be gone with the daemon: the lab goes on as it
		// was.
		l.t.log.Error(err.Error())
		if name, ok := labOf(f.name); ok {
			l.t.d.EnsureLab(name).Fail(err)
		}
		return err
	}
	l.mu.Lock()
	changed, data := f.changed, f.data
	f.changed = false
	l.mu.Unlock()
	if !changed {
		// It was held while it was open; nothing was written.
		if name, ok := labOf(f.name); ok {
			l.t.d.EnsureLab(name).Schedule(data)
		}
		return nil
	}
	lab, err := l.check(f)
	if lab != nil && err == nil {
		lab.Schedule(data)
	}
	return err
}

// wait lets what is scheduled for a lab happen, so that a script which writes a
// lab file and then looks at the lab sees it. While the file is being written
// there is nothing to wait for.
//
// A signal does not end it, since the caller would be told that there is no such lab;
// and programs in Go signal themselves all the time.
func (l *labFiles) wait(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), settleWait)
	defer cancel()
	l.mu.Lock()
	f := l.files[name+".net"]
	var released chan struct{}
	var left time.Duration
	if f != nil && f.released != nil {
		// With no writer left, the last one's RELEASE is being dealt with.
		released, left = f.released, settleWait
		if f.writers > 0 {
			left = releaseWait - time.Since(f.flushed)
		}
	}
	l.mu.Unlock()
	if left > 0 {
		select {
		case <-released:
		case <-time.After(left):
		case <-ctx.Done():
		}
	}
	if lab := l.t.d.Lab(name); lab != nil {
		lab.Wait(ctx)
	}
}

// labsDir is the node of the directory.
type labsDir struct {
	base
	l *labFiles
}

var (
	_ fs.NodeLookuper  = (*labsDir)(nil)
	_ fs.NodeReaddirer = (*labsDir)(nil)
	_ fs.NodeGetattrer = (*labsDir)(nil)
	_ fs.NodeSetattrer = (*labsDir)(nil)
	_ fs.NodeCreater   = (*labsDir)(nil)
	_ fs.NodeUnlinker  = (*labsDir)(nil)
	_ fs.NodeRenamer   = (*labsDir)(nil)
	_ fs.NodeMkdirer   = (*labsDir)(nil)
	_ fs.NodeRmdirer   = (*labsDir)(nil)
)

func (n *labsDir) attr(out *fuse.Attr) syscall.Errno {
	n.l.mu.Lock()
	defer n.l.mu.Unlock()
	n.fill(out, 0, n.l.mtime)
	return 0
}

func (n *labsDir) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return n.attr(&out.Attr)
}

func (n *labsDir) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if in.Valid&(fuse.FATTR_MODE|fuse.FATTR_UID|fuse.FATTR_GID) != 0 {
		return syscall.EPERM
	}
	return n.attr(&out.Attr)
}

func (n *labsDir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n.l.mu.Lock()
	f := n.l.files[name]
	n.l.mu.Unlock()
	if f != nil {
		return child(ctx, n.EmbeddedInode(), &labNode{base: base{t: n.t}, l: n.l, f: f}, out)
	}
	n.l.wait(name)
	lab := n.t.d.Lab(name)
	if lab == nil {
		return nil, syscall.ENOENT
	}
	return child(ctx, n.EmbeddedInode(), n.t.labDir(name), out)
}

func (n *labsDir) Readdir(ctx context.Context) (fs.DirStream, syscall.Errno) {
	var list []fuse.DirEntry
	n.l.mu.Lock()
	for name, f := range n.l.files {
		list = append(list, fuse.DirEntry{Name: name, Mode: syscall.S_IFREG, Ino: f.ino})
	}
	n.l.mu.Unlock()
	for _, lab := range n.t.d.Labs() {
		if lab.Exists() {
			d := n.t.labDir(lab.Name())
			list = append(list, fuse.DirEntry{Name: lab.Name(), Mode: syscall.S_IFDIR, Ino: d.ino()})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return fs.NewListDirStream(list), 0
}

// Create makes a file. It belongs to the caller and to the group of the tree,
// whose members may write all lab files.
func (n *labsDir) Create(ctx context.Context, name string, flags uint32, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	labName, isLab := labOf(name)
	if isLab {
		if err := emud.CheckLabName(labName); err != nil {
			return nil, nil, 0, errno(err)
		}
	}
	if n.t.d.Lab(name) != nil {
		return nil, nil, 0, syscall.EISDIR
	}
	if isLab {
		if lab := n.t.d.Lab(labName); lab != nil {
			// A removal that is under way ends first.
			lab.Hold()
			ended, cancel := context.WithTimeout(context.Background(), settleWait)
			lab.Wait(ended)
			cancel()
		}
	}
	n.l.mu.Lock()
	if n.l.files[name] != nil {
		n.l.mu.Unlock()
		return nil, nil, 0, syscall.EEXIST
	}
	if len(n.l.files) >= maxLabFiles {
		n.l.mu.Unlock()
		return nil, nil, 0, syscall.ENOSPC
	}
	f := n.l.add(name, mode)
	f.changed, f.unsaved = true, true
	if c, ok := fuse.FromContext(ctx); ok {
		f.uid = c.Uid
	}
	n.l.mu.Unlock()
	node := &labNode{base: base{t: n.t}, l: n.l, f: f}
	h := node.handle(ctx, flags)
	in, e := child(ctx, n.EmbeddedInode(), node, out)
	return in, h, fuse.FOPEN_DIRECT_IO, e
}

func (n *labsDir) Unlink(ctx context.Context, name string) syscall.Errno {
	n.l.mu.Lock()
	f := n.l.files[name]
	if f == nil {
		n.l.mu.Unlock()
		if n.t.d.Lab(name) != nil {
			return syscall.EISDIR
		}
		return syscall.ENOENT
	}
	delete(n.l.files, name)
	f.name = ""
	n.l.mtime = time.Now()
	n.l.mu.Unlock()
	n.gone(name)
	return 0
}

// gone removes the lab of a file that is no longer there.
func (n *labsDir) gone(name string) {
	if labName, ok := labOf(name); ok && emud.CheckLabName(labName) == nil {
		n.t.d.EnsureLab(labName).ScheduleRemoval()
	}
}

func (n *labsDir) Rename(ctx context.Context, name string, newParent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if _, ok := newParent.(*labsDir); !ok {
		return syscall.EXDEV
	}
	if flags&^unix.RENAME_NOREPLACE != 0 {
		return syscall.EINVAL
	}
	if n.t.d.Lab(newName) != nil {
		return syscall.EISDIR
	}
	n.l.mu.Lock()
	f, target := n.l.files[name], n.l.files[newName]
	n.l.mu.Unlock()
	switch {
	case f == nil && n.t.d.Lab(name) != nil:
		return syscall.EPERM
	case f == nil:
		return syscall.ENOENT
	case target != nil && flags&unix.RENAME_NOREPLACE != 0:
		return syscall.EEXIST
	case f == target:
		return 0
	}
	oldLab, wasLab := labOf(name)
	newLab, isLab := labOf(newName)
	if isLab {
		if err := emud.CheckLabName(newLab); err != nil {
			return errno(err)
		}
		n.l.mu.Lock()
		complete, data := f.writers == 0, f.data
		n.l.mu.Unlock()
		if complete {
			if err := n.t.d.EnsureLab(newLab).Check(data); err != nil {
				return errno(err)
			}
		}
	}
	n.l.mu.Lock()
	if n.l.files[name] != f || n.l.files[newName] != target {
		n.l.mu.Unlock()
		return syscall.EBUSY
	}
	delete(n.l.files, name)
	if target != nil {
		target.name = ""
	}
	f.name, f.unsaved = newName, true
	n.l.files[newName] = f
	n.l.mtime = time.Now()
	writers, data := f.writers, f.data
	n.l.mu.Unlock()

	moved := wasLab && isLab && target == nil
	if isLab {
		if err := n.l.save(f); err != nil {
			n.t.log.Error(err.Error())
		}
		switch {
		case writers > 0:
			n.t.d.EnsureLab(newLab).Hold()
		case moved:
			n.t.d.EnsureLab(newLab).ScheduleRename(oldLab, data)
			return 0
		default:
			n.t.d.EnsureLab(newLab).Schedule(data)
		}
	}
	n.gone(name)
	return 0
}

// Mkdir makes a lab's directory before its file, so that what the file names
// can be put there first.
func (n *labsDir) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if err := emud.CheckLabName(name); err != nil {
		return nil, errno(err)
	}
	n.l.mu.Lock()
	taken := n.l.files[name] != nil
	n.l.mu.Unlock()
	if taken || n.t.d.Lab(name) != nil {
		return nil, syscall.EEXIST
	}
	lab := n.t.d.EnsureLab(name)
	if err := lab.MakeFiles(); err != nil {
		return nil, errno(err)
	}
	return child(ctx, n.EmbeddedInode(), n.t.labDir(name), out)
}

// Rmdir removes the directory of a lab that has no lab file.
func (n *labsDir) Rmdir(ctx context.Context, name string) syscall.Errno {
	lab := n.t.d.Lab(name)
	n.l.mu.Lock()
	file := n.l.files[name+".net"]
	_, isFile := n.l.files[name]
	n.l.mu.Unlock()
	switch {
	case isFile:
		return syscall.ENOTDIR
	case lab == nil:
		return syscall.ENOENT
	case file != nil:
		return syscall.EBUSY
	}
	for _, folder := range []string{lab.FilesDir(), lab.CapturesDir()} {
		if entries, err := os.ReadDir(folder); err == nil && len(entries) > 0 {
			return syscall.ENOTEMPTY
		}
	}
	return errno(lab.Remove())
}

// labNode is a file in labs.
type labNode struct {
	base
	l *labFiles
	f *labFile
}

// labHandle is an open file.
type labHandle struct {
	writing, append bool
	wrote           bool
	opener, writer  int // processes, 0 when not known
}

var (
	_ fs.NodeOpener    = (*labNode)(nil)
	_ fs.NodeReader    = (*labNode)(nil)
	_ fs.NodeWriter    = (*labNode)(nil)
	_ fs.NodeFlusher   = (*labNode)(nil)
	_ fs.NodeFsyncer   = (*labNode)(nil)
	_ fs.NodeReleaser  = (*labNode)(nil)
	_ fs.NodeSetattrer = (*labNode)(nil)
	_ fs.NodeGetattrer = (*labNode)(nil)
)

func (n *labNode) ino() uint64  { return n.f.ino }
func (n *labNode) mode() uint32 { return syscall.S_IFREG }

func (n *labNode) attr(out *fuse.Attr) syscall.Errno {
	n.l.mu.Lock()
	defer n.l.mu.Unlock()
	f := n.f
	out.Mode, out.Ino, out.Nlink = syscall.S_IFREG|f.mode, f.ino, 1
	if _, ok := labOf(f.name); ok {
		out.Mode |= 0o660
	}
	if f.name == "" {
		out.Nlink = 0
	}
	out.Uid, out.Gid = f.uid, f.gid
	setSize(out, uint64(len(f.data)))
	out.SetTimes(&f.atime, &f.mtime, &f.mtime)
	return 0
}

func (n *labNode) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return n.attr(&out.Attr)
}

func (n *labNode) handle(ctx context.Context, flags uint32) *labHandle {
	h := &labHandle{writing: flags&syscall.O_ACCMODE != syscall.O_RDONLY, append: flags&syscall.O_APPEND != 0, opener: caller(ctx)}
	if !h.writing {
		return h
	}
	n.l.mu.Lock()
	if n.f.writers++; n.f.writers == 1 {
		n.f.released = make(chan struct{})
	}
	name := n.f.name
	n.l.mu.Unlock()
	if labName, ok := labOf(name); ok {
		if lab := n.t.d.Lab(labName); lab != nil {
			lab.Hold()
		}
	}
	return h
}

// caller is the process of a request. The kernel tells the thread.
func caller(ctx context.Context) int {
	if status, ok := threadStatus(ctx, "Tgid"); ok {
		if id, err := strconv.Atoi(status[0]); err == nil {
			return id
		}
	}
	if c, ok := fuse.FromContext(ctx); ok {
		return int(c.Pid)
	}
	return 0
}

// holds reports whether a process has a descriptor of the file. The one that is
// being closed does not count: it is gone from the table by then.
func (l *labFiles) holds(pid int, name string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	fds, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, fd := range fds {
		if to, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil && to == filepath.Join(l.t.dir, "labs", name) {
			return true
		}
	}
	return false
}

func alive(pid int) bool {
	return syscall.Kill(pid, 0) != syscall.ESRCH
}

func (n *labNode) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return n.handle(ctx, flags), fuse.FOPEN_DIRECT_IO, 0
}

func (n *labNode) Read(ctx context.Context, f fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	n.l.mu.Lock()
	defer n.l.mu.Unlock()
	if off >= int64(len(n.f.data)) {
		return fuse.ReadResultData(nil), 0
	}
	return fuse.ReadResultData(dest[:copy(dest, n.f.data[off:])]), 0
}

func (n *labNode) Write(ctx context.Context, f fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	h := f.(*labHandle)
	writer := caller(ctx)
	n.l.mu.Lock()
	defer n.l.mu.Unlock()
	h.writer = writer
	if h.append {
		off = int64(len(n.f.data))
	}
	if off+int64(len(data)) > maxLabFile {
		return 0, syscall.EFBIG
	}
	// A copy: what is being stored or applied must not change.
	c, e := overwrite(append([]byte(nil), n.f.data...), data, off)
	if e != 0 {
		return 0, e
	}
	n.f.data, n.f.mtime = c, time.Now()
	n.f.changed, n.f.unsaved = true, true
	h.wrote = true
	return uint32(len(data)), 0
}

func (n *labNode) Flush(ctx context.Context, f fs.FileHandle) syscall.Errno {
	h := f.(*labHandle)
	if !h.writing {
		return 0
	}
	n.l.mu.Lock()
	n.f.flushed = time.Now()
	n.l.mu.Unlock()
	if !h.wrote {
		return 0
	}
	if err := n.l.save(n.f); err != nil {
		n.t.log.Error(err.Error())
		return errno(err)
	}
	n.l.mu.Lock()
	opener, writer, name := h.opener, h.writer, n.f.name
	n.l.mu.Unlock()
	if c := caller(ctx); c != 0 && (c != opener && c != writer && alive(opener) || n.l.holds(c, name)) {
		return 0
	}
	_, err := n.l.check(n.f)
	return errno(err)
}

func (n *labNode) Fsync(ctx context.Context, f fs.FileHandle, flags uint32) syscall.Errno {
	return errno(n.l.save(n.f))
}

func (n *labNode) Release(ctx context.Context, f fs.FileHandle) syscall.Errno {
	h := f.(*labHandle)
	if !h.writing {
		return 0
	}
	n.l.mu.Lock()
	n.f.writers--
	last, released := n.f.writers == 0, n.f.released
	n.l.mu.Unlock()
	if last {
		n.l.finish(n.f)
		close(released)
	}
	return 0
}

func (n *labNode) Setattr(ctx context.Context, fh fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	f := n.f
	n.l.mu.Lock()
	if m, ok := in.GetMode(); ok {
		f.mode, f.unsaved = m&0o7777, true
	}
	if u, ok := in.GetUID(); ok {
		f.uid, f.unsaved = u, true
	}
	if g, ok := in.GetGID(); ok {
		f.gid, f.unsaved = g, true
	}
	if t, ok := in.GetATime(); ok {
		f.atime = t
	}
	if t, ok := in.GetMTime(); ok {
		f.mtime = t
	}
	owned := in.Valid&(fuse.FATTR_MODE|fuse.FATTR_UID|fuse.FATTR_GID) != 0 && f.writers == 0
	alone := false
	if size, ok := in.GetSize(); ok {
		if size > maxLabFile {
			n.l.mu.Unlock()
			return syscall.EFBIG
		}
		if size != uint64(len(f.data)) {
			f.data, _ = resize(append([]byte(nil), f.data...), size)
			f.changed, f.unsaved = true, true
		}
		if _, ok := in.GetMTime(); !ok {
			f.mtime = time.Now()
		}
		if h, ok := fh.(*labHandle); ok {
			h.wrote = true
		}
		alone = f.writers == 0
	}
	n.l.mu.Unlock()
	if alone {
		// truncate(2) without an open file is complete in itself.
		if err := n.l.finish(f); err != nil {
			return errno(err)
		}
	} else if owned {
		if err := n.l.save(f); err != nil {
			return errno(err)
		}
	}
	return n.attr(&out.Attr)
}
