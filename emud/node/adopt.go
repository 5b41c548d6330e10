package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Adopt connects to every node that runs, as an earlier daemon left them. Nodes
// that were found dead are logged, handed to Options.Dead and their files
// removed. A node that lives but cannot be adopted (it speaks another version of
// the protocol, or does not answer) is left alone; the error then names it, and
// the others are returned all the same.
func Adopt(opt Options) ([]*Node, error) {
	entries, err := os.ReadDir(opt.dir())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	bases := map[string]bool{}
	for _, e := range entries {
		switch ext := filepath.Ext(e.Name()); ext {
		case ".sock", ".json":
			bases[strings.TrimSuffix(e.Name(), ext)] = true
		case ".new": // a write that was cut short
			os.Remove(filepath.Join(opt.dir(), e.Name()))
		}
	}
	var (
		nodes []*Node
		errs  []error
		mu    sync.Mutex
		wg    sync.WaitGroup
	)
	if dead := opt.Dead; dead != nil {
		opt.Dead = func(s Spec) {
			mu.Lock()
			defer mu.Unlock()
			dead(s)
		}
	}
	// All at once, so that one that does not answer holds up no other.
	for base := range bases {
		wg.Go(func() {
			n, err := opt.adopt(base)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				errs = append(errs, fmt.Errorf("node %s: %w", base, err))
			case n != nil:
				nodes = append(nodes, n)
			}
		})
	}
	wg.Wait()
	sort.Slice(nodes, func(i, j int) bool {
		a, b := nodes[i].spec, nodes[j].spec
		return a.Lab < b.Lab || a.Lab == b.Lab && a.Device < b.Device
	})
	return nodes, errors.Join(errs...)
}

// adopt connects to the node whose files are base.sock and base.json. It returns
// nil when that node is dead.
func (opt Options) adopt(base string) (*Node, error) {
	conn, hello, err := opt.connect(base, helloTimeout)
	var version *VersionError
	switch {
	case errors.As(err, &version):
		return nil, err
	case isDead(err):
		opt.bury(base)
		return nil, nil
	case err != nil:
		return nil, err
	}
	if hello.Spec == nil {
		// An earlier daemon died while starting it; it ends by itself, since it
		// was never told what to run.
		conn.Close()
		opt.bury(base)
		return nil, nil
	}
	p, err := openProcess(hello.PID)
	if err != nil {
		conn.Close()
		return nil, err
	}
	// The process with that number when it was opened is the one that said hello
	// if that one still answers.
	if _, err := conn.hello(helloTimeout); err != nil {
		conn.Close()
		p.fd.Close()
		if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) {
			opt.bury(base)
			return nil, nil
		}
		return nil, err
	}
	n := &Node{
		opt: opt, spec: opt.recall(base, p, *hello.Spec), state: hello.State, conn: conn,
		pending: map[uint64]chan *Received{},
		ended:   make(chan struct{}), done: make(chan struct{}), events: make(chan Event, 64),
	}
	n.proc = p
	if baseName(n.spec.Lab, n.spec.Device) != base {
		conn.Close()
		p.fd.Close()
		return nil, fmt.Errorf("it runs %s of lab %s", n.spec.Device, n.spec.Lab)
	}
	if err := opt.remember(n.spec, p); err != nil {
		opt.log("cannot describe %s of lab %s: %v", n.spec.Device, n.spec.Lab, err)
	}
	go n.run(conn)
	go n.waitAdopted()
	return n, nil
}

// recall returns the description that lies beside the socket, with the cards, the
// configuration of a switch and all about ports that the node says it has now. Without
// such a file, which an earlier
// daemon's crash can have prevented, the node's word has to do.
func (opt Options) recall(base string, p *process, claimed Spec) Spec {
	var r record
	b, err := os.ReadFile(filepath.Join(opt.dir(), base+".json"))
	if err != nil || json.Unmarshal(b, &r) != nil || r.PID != p.pid || r.Start != p.start {
		return claimed
	}
	// A card, or a switch's port, may have come or gone just before the earlier daemon
	// died, or how it knows that its guest is idle have changed.
	if !slices.Equal(r.Spec.Config.Slots, claimed.Config.Slots) {
		r.Spec.Config.Slots, r.Spec.Ports = claimed.Config.Slots, claimed.Ports
	}
	r.Spec.Config.SetIdleness(claimed.Config.Idleness())
	if r.Spec.Switch != nil && claimed.Switch != nil && r.Spec.Switch.Type == claimed.Switch.Type {
		r.Spec.Switch, r.Spec.Ports = claimed.Switch, claimed.Ports
	}
	return r.Spec.withClaims(claimed)
}

// bury reports a dead node and removes its files.
func (opt Options) bury(base string) {
	path := filepath.Join(opt.dir(), base)
	var r record
	b, err := os.ReadFile(path + ".json")
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err == nil {
		opt.log("%s of lab %s, process %d, has died unnoticed", r.Spec.Device, r.Spec.Lab, r.PID)
		if opt.Dead != nil {
			opt.Dead(r.Spec)
		}
	} else {
		opt.log("node %s has died while it was started", base)
	}
	opt.forget(base)
}
