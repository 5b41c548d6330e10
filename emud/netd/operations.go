package netd

import (
	"os"

	"dynemu/emud/node"
	"dynemu/netns"
	"dynemu/vm/wire"
)

// operation is what a server does for a request.
type operation struct {
	takes parts
	files int // that may come along, at most; the first must
	run   func(s *session, r Request, files []*os.File) (Reply, []*os.File, error)
}

// operations is everything that a server can be asked. Watches and what has to do with
// the mount involve the connection and are methods of session.
var operations = map[string]operation{
	opHello: {run: func(s *session, _ Request, _ []*os.File) (Reply, []*os.File, error) {
		return Reply{Prefix: s.server.Prefix, Mount: s.server.Mount, Units: s.server.System.Units()}, nil, nil
	}},
	opEnsureNamespace: do(namespace, func(s System, r Request) error { return s.EnsureNamespace(r.Namespace) }),
	opRemoveNamespace: do(namespace, func(s System, r Request) error { return s.DeleteNamespace(r.Namespace) }),
	opEnsureTAP:       do(port, func(s System, r Request) error { return s.EnsureTAP(r.Namespace, r.Interface, 0) }),
	opOpenTAP:         open(port, func(s System, r Request) (*os.File, error) { return s.OpenTAP(r.Namespace, r.Interface, 0) }),
	opRemoveInterface: do(port, func(s System, r Request) error { return s.RemoveInterface(r.Namespace, r.Interface) }),
	opLink:            do(port|peer|up|peerUp, func(s System, r Request) error { return s.LinkVeth(r.port(), r.peer(), r.Up, r.PeerUp) }),
	opUnlink:          do(port|peer, func(s System, r Request) error { return s.UnlinkVeth(r.port(), r.peer()) }),
	opEnsureLAN:       do(namespace, func(s System, r Request) error { return s.EnsureLAN(r.Namespace) }),
	opAttachLAN:       do(port|lan|up, func(s System, r Request) error { return s.AttachLAN(r.PeerNamespace, r.port(), r.Up) }),
	opDetachLAN:       do(port|lan, func(s System, r Request) error { return s.DetachLAN(r.PeerNamespace, r.port()) }),
	opLinkHost:        do(port|hostIf|address|up, func(s System, r Request) error { return s.LinkHost(r.port(), r.Host, r.Address, r.Up) }),
	opUnlinkHost:      do(port|hostIf, func(s System, r Request) error { return s.UnlinkHost(r.port(), r.Host) }),
	opOpenHostTAP:     open(hostIf, func(s System, r Request) (*os.File, error) { return s.OpenHostTAP(r.Host) }),
	opOpenNIO: open(hostIf|nioType, func(s System, r Request) (*os.File, error) {
		o, err := s.OpenNIO(wire.NIO{Type: r.NIO, Interface: r.Host})
		return o.File, err
	}),
	opOpenCable:   open(port, func(s System, r Request) (*os.File, error) { return s.OpenCable(r.port()) }),
	opPlugCable:   do(port|up, func(s System, r Request) error { return s.PlugCable(r.port(), r.Up) }),
	opRemoveCable: do(port, func(s System, r Request) error { return s.RemoveCable(r.port()) }),
	opEnsureTUN: do(port|frameRelay, func(s System, r Request) error {
		t := netns.HDLC
		if r.FrameRelay {
			t = netns.FrameRelay
		}
		return s.EnsureTUN(r.Namespace, r.Interface, t)
	}),
	opOpenTUN: {takes: port, run: func(s *session, r Request, _ []*os.File) (Reply, []*os.File, error) {
		tun, packet, err := s.server.System.OpenTUN(r.Namespace, r.Interface)
		if err != nil {
			return Reply{}, nil, err
		}
		return Reply{}, []*os.File{tun, packet}, nil
	}},
	opWatchHost:    {run: (*session).watchHost},
	opWatchReaders: {takes: namespace, run: (*session).watchReaders},
	opMount:        {run: (*session).mount},
	opHoldMount:    {run: (*session).holdMount},
	opUnmount:      {run: (*session).unmount},
	opSpawn:        {takes: device | kind | limits, files: 2, run: (*session).spawn},
	opLimit:        do(device|limits, func(s System, r Request) error { return s.Limit(r.Lab, r.Device, r.Limits) }),
	opKill:         do(device|process, func(s System, r Request) error { return s.Kill(r.Lab, r.Device, r.PID, r.Start) }),
	opAddresses: {run: func(s *session, _ Request, _ []*os.File) (Reply, []*os.File, error) {
		all, err := s.server.System.Addresses()
		return Reply{Addresses: all[:min(len(all), maxAddresses)]}, nil, err
	}},
	opRestarting: {run: func(s *session, _ Request, _ []*os.File) (Reply, []*os.File, error) {
		yes, err := s.server.System.Restarting(s.pid)
		return Reply{Restarting: yes}, nil, err
	}},
}

// do is an operation that returns nothing, open one that returns a descriptor.
func do(takes parts, fn func(s System, r Request) error) operation {
	return operation{takes: takes, run: func(s *session, r Request, _ []*os.File) (Reply, []*os.File, error) {
		return Reply{}, nil, fn(s.server.System, r)
	}}
}

func open(takes parts, fn func(s System, r Request) (*os.File, error)) operation {
	return operation{takes: takes, run: func(s *session, r Request, _ []*os.File) (Reply, []*os.File, error) {
		f, err := fn(s.server.System, r)
		if err != nil {
			return Reply{}, nil, err
		}
		return Reply{}, []*os.File{f}, nil
	}}
}

func (r Request) port() netns.Endpoint {
	return netns.Endpoint{Namespace: r.Namespace, Ifname: r.Interface}
}

func (r Request) peer() netns.Endpoint {
	return netns.Endpoint{Namespace: r.PeerNamespace, Ifname: r.PeerInterface}
}

// spec is the node of a request.
func (r Request) spec() node.Spec {
	spec := node.Spec{Lab: r.Lab, Device: r.Device, Limits: r.Limits}
	if r.Kind != kindRouter {
		spec.Switch = &node.SwitchSpec{Type: r.Kind}
	}
	return spec
}

func (s *session) spawn(r Request, files []*os.File) (Reply, []*os.File, error) {
	if err := checkListener(files[0]); err != nil {
		return Reply{}, nil, err
	}
	var log *os.File
	if len(files) > 1 {
		log = files[1]
		if err := checkLog(log); err != nil {
			return Reply{}, nil, err
		}
	}
	return Reply{}, nil, s.server.System.Spawn(r.spec(), files[0], log)
}
