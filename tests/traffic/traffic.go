// Package traffic is a traffic generator for tests and benchmarks: raw frames
// into and out of network interfaces in any network namespace, UDP streams with
// sequence numbers and time stamps, and what arrived of them.
//
// A run is one goroutine that sends what is due, empties the receive rings and
// sleeps, so that the generator takes little of the processors that the router
// under test needs. Arrival times are the kernel's.
package traffic

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	slotSize  = 2048 // of the receive ring, a frame with its header
	slots     = 8192
	blockSize = 1 << 16
	maxBatch  = 64 // frames in one sendmmsg
)

// Port is a raw socket on an Ethernet interface.
type Port struct {
	fd   int
	ring []byte
	next int // slot of the ring to be filled next

	msgs [maxBatch]mmsghdr
	iov  [maxBatch]unix.Iovec
}

// mmsghdr is struct mmsghdr of sendmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

// Open opens interface ifname of the network namespace that path names
// (/run/netns/NAME), or of the present one when path is empty. Frames that the
// interface sends itself are not received.
func Open(path, ifname string) (*Port, error) {
	var p *Port
	err := inNamespace(path, func() (err error) {
		p, err = open(ifname)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("traffic on %s: %w", ifname, err)
	}
	return p, nil
}

func inNamespace(path string, fn func() error) error {
	if path == "" {
		return fn()
	}
	there, err := os.Open(path)
	if err != nil {
		return err
	}
	defer there.Close()
	runtime.LockOSThread()
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer here.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter %s: %w", path, err)
	}
	err = fn()
	if back := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); back != nil {
		// The thread ends with the goroutine, which stays locked to it.
		return errors.Join(err, fmt.Errorf("leave %s: %w", path, back))
	}
	// A thread that ended would take children that ask for it along.
	runtime.UnlockOSThread()
	return err
}

func open(ifname string) (*Port, error) {
	ifi, err := net.InterfaceByName(ifname)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	p := &Port{fd: fd}
	if err := p.setup(ifi.Index); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return p, nil
}

func (p *Port) setup(ifindex int) error {
	if err := unix.SetsockoptInt(p.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V2); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(p.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return err
	}
	// The kernel's queueing discipline would drop frames in silence.
	if err := unix.SetsockoptInt(p.fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
		return err
	}
	req := unix.TpacketReq{Block_size: blockSize, Block_nr: slots * slotSize / blockSize, Frame_size: slotSize, Frame_nr: slots}
	if err := unix.SetsockoptTpacketReq(p.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return fmt.Errorf("receive ring: %w", err)
	}
	ring, err := unix.Mmap(p.fd, 0, slots*slotSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("receive ring: %w", err)
	}
	p.ring = ring
	m := unix.PacketMreq{Ifindex: int32(ifindex), Type: unix.PACKET_MR_PROMISC}
	if err := unix.SetsockoptPacketMreq(p.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
		return fmt.Errorf("promiscuous mode: %w", err)
	}
	const all = unix.ETH_P_ALL
	return unix.Bind(p.fd, &unix.SockaddrLinklayer{Protocol: all<<8 | all>>8, Ifindex: ifindex})
}

// Close closes the socket.
func (p *Port) Close() error {
	return errors.Join(unix.Munmap(p.ring), unix.Close(p.fd))
}

// Send gives frames, without FCS, to the interface and returns how many it
// took; those after them were not sent. An interface that is down is an error,
// a full queue is not.
func (p *Port) Send(frames [][]byte) (int, error) {
	sent := 0
	for sent < len(frames) {
		batch := frames[sent:min(len(frames), sent+maxBatch)]
		for i, f := range batch {
			p.iov[i].Base = unsafe.SliceData(f)
			p.iov[i].SetLen(len(f))
			p.msgs[i].hdr.Iov = &p.iov[i]
			p.msgs[i].hdr.Iovlen = 1
		}
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(p.fd), uintptr(unsafe.Pointer(&p.msgs[0])), uintptr(len(batch)), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			sent += int(n)
		case unix.EINTR:
		case unix.ENOBUFS, unix.EAGAIN:
			return sent, nil
		default:
			return sent, errno
		}
	}
	return sent, nil
}

// Receive calls fn for each frame that has arrived and not been received yet,
// with the time of its arrival. The frame is valid during the call.
func (p *Port) Receive(fn func(frame []byte, at time.Time)) {
	for {
		slot := p.ring[p.next*slotSize:][:slotSize]
		h := (*unix.Tpacket2Hdr)(unsafe.Pointer(&slot[0]))
		if atomic.LoadUint32(&h.Status)&unix.TP_STATUS_USER == 0 {
			return
		}
		fn(slot[h.Mac:][:h.Snaplen], time.Unix(int64(h.Sec), int64(h.Nsec)))
		atomic.StoreUint32(&h.Status, unix.TP_STATUS_KERNEL)
		p.next = (p.next + 1) % slots
	}
}

// Host is a station on a port's network.
type Host struct {
	MAC [6]byte
	IP  [4]byte
}

// Resolve asks for the station that has address ip and returns its MAC address;
// the station learns h at the same time.
func (p *Port) Resolve(h Host, ip [4]byte, timeout time.Duration) (mac [6]byte, err error) {
	request := make([]byte, 60)
	copy(request, "\xff\xff\xff\xff\xff\xff")
	copy(request[6:], h.MAC[:])
	copy(request[12:], "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01")
	copy(request[22:], h.MAC[:])
	copy(request[28:], h.IP[:])
	copy(request[38:], ip[:])
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if _, err := p.Send([][]byte{request}); err != nil {
			return mac, err
		}
		time.Sleep(50 * time.Millisecond)
		found := false
		p.Receive(func(f []byte, _ time.Time) {
			if len(f) >= 42 && string(f[12:14]) == "\x08\x06" && f[21] == 2 && [4]byte(f[28:]) == ip {
				mac, found = [6]byte(f[22:]), true
			}
		})
		if found {
			return mac, nil
		}
	}
	return mac, fmt.Errorf("no answer to ARP requests for %v in %v", net.IP(ip[:]), timeout)
}

// Offsets in a frame of a stream.
const (
	atPayload = 14 + 20 + 8
	atStream  = atPayload     // 4 bytes
	atSeq     = atPayload + 4 // 4 bytes
	atTime    = atPayload + 8 // 8 bytes, ns
	// MinFrame is the shortest frame of a stream in bytes, without FCS: what a
	// frame of 64 bytes on the wire has.
	MinFrame = 60
)

// frame builds a UDP datagram that fills size bytes of frame.
func frame(size int, from, to Host, gateway [6]byte, stream uint32) []byte {
	f := make([]byte, size)
	copy(f, gateway[:])
	copy(f[6:], from.MAC[:])
	f[12], f[13] = 0x08, 0x00
	ip := f[14:]
	ip[0] = 0x45
	binary.BigEndian.PutUint16(ip[2:], uint16(size-14))
	ip[8], ip[9] = 64, unix.IPPROTO_UDP
	copy(ip[12:], from.IP[:])
	copy(ip[16:], to.IP[:])
	sum := uint32(0)
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(ip[i:]))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum+sum>>16))
	udp := ip[20:]
	binary.BigEndian.PutUint16(udp, 7000)
	binary.BigEndian.PutUint16(udp[2:], 7001)
	binary.BigEndian.PutUint16(udp[4:], uint16(size-34)) // checksum 0: none
	binary.BigEndian.PutUint32(f[atStream:], stream)
	return f
}
