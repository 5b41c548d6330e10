package netns

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	hostAddr = "198.18.77.1" // of the block for tests (RFC 2544)
	peerAddr = "198.18.77.2"
)

// hostIf removes an interface of the host that a crashed run left, and fails the
// test if it is there in the end.
func hostIf(t *testing.T, name string) string {
	t.Helper()
	remove := func() bool {
		l, err := netlink.LinkByName(name)
		if err != nil {
			return false
		}
		must(t, netlink.LinkDel(l))
		return true
	}
	remove()
	t.Cleanup(func() {
		if remove() {
			t.Errorf("interface %s of the host is left", name)
		}
	})
	return name
}

func hostCarrier(t *testing.T, name string) bool {
	t.Helper()
	l, err := netlink.LinkByName(name)
	must(t, err)
	return hasCarrier(l)
}

func TestHostLinkPassesEveryFrameUnchanged(t *testing.T) {
	m := manager(t)
	name := hostIf(t, "nthost0")
	e, tap := port(t, m, "R1", "f0-0")
	must(t, m.LinkHost(e, name, "", true))
	must(t, exec.Command("ip", "link", "set", name, "mtu", "9216").Run())
	rx, tx := untangled(t, packetSocket(t, name)), packetSocket(t, name)
	passesAll(t, "out", tap, rx)
	drain(t, rx)
	passesAll(t, "in", tx, tap)
	must(t, m.UnlinkHost(e, name))
}

// packetSocket is a socket that all comes to which an interface of the host
// receives.
func packetSocket(t *testing.T, ifname string) *os.File {
	t.Helper()
	ifi, err := net.InterfaceByName(ifname)
	must(t, err)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	must(t, err)
	must(t, unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1))
	must(t, unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1))
	must(t, unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: ifi.Index, Protocol: 0x0300}))
	f := os.NewFile(uintptr(fd), ifname)
	t.Cleanup(func() { f.Close() })
	return f
}

// untangled gives what comes to a packet socket with the tags put back that the
// kernel hands over beside the frame.
func untangled(t *testing.T, socket *os.File) *os.File {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	must(t, err)
	in, out := os.NewFile(uintptr(fds[0]), "in"), os.NewFile(uintptr(fds[1]), "out")
	t.Cleanup(func() { out.Close() })
	c, err := socket.SyscallConn()
	must(t, err)
	go func() {
		defer in.Close()
		buf, oob := make([]byte, 65536), make([]byte, 256)
		for {
			var n, m int
			err := c.Read(func(fd uintptr) bool {
				var err error
				n, m, _, _, err = unix.Recvmsg(int(fd), buf, oob, 0)
				return err != unix.EAGAIN
			})
			if err != nil || n < 0 {
				return
			}
			frame := bytes.Clone(buf[:n])
			if messages, err := unix.ParseSocketControlMessage(oob[:m]); err == nil && len(messages) == 1 {
				// struct tpacket_auxdata: status at 0, tci at 16, tpid at 18.
				aux := messages[0].Data
				if status := binary.NativeEndian.Uint32(aux); status&unix.TP_STATUS_VLAN_VALID != 0 {
					tci, tpid := binary.NativeEndian.Uint16(aux[16:]), binary.NativeEndian.Uint16(aux[18:])
					tag := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, tpid), tci)
					frame = append(append(frame[:12:12], tag...), frame[12:]...)
				}
			}
			if _, err := in.Write(frame); err != nil {
				return
			}
		}
	}()
	return out
}

func TestHostLinkCarrierAndOwner(t *testing.T) {
	m := manager(t)
	name := hostIf(t, "nthost1")
	before := hostIndexes(t)
	a, fa := port(t, m, "R1", "f0-0")
	b, _ := port(t, m, "R2", "f0-0")
	for i := range 4 {
		up := i%2 == 0
		must(t, m.LinkHost(a, name, hostAddr+"/30", up))
		carrier(t, m, a, up)
		shows(t, a, up)
		if got := hostCarrier(t, name); got != up {
			t.Errorf("round %d: carrier of the host's end is %v", i, got)
		}
	}
	must(t, m.LinkHost(a, name, hostAddr+"/30", true))
	index := indexes(t, a.Namespace)
	must(t, m.LinkHost(a, name, hostAddr+"/30", true))
	if after := indexes(t, a.Namespace); after != index {
		t.Errorf("linked again: interfaces %s, were %s", after, index)
	}
	l, err := netlink.LinkByName(name)
	must(t, err)
	addrs, err := netlink.AddrList(l, netlink.FAMILY_ALL)
	must(t, err)
	if len(addrs) != 1 || addrs[0].IPNet.String() != hostAddr+"/30" {
		t.Errorf("addresses of the host's end: %v", addrs)
	}
	time.Sleep(time.Second)
	for got, ok := receive(t, fa, time.Millisecond); ok; got, ok = receive(t, fa, time.Millisecond) {
		// Programs of the host may use an interface with an IPv4 address.
		if bytes.Equal(got[12:14], []byte{0x86, 0xdd}) {
			t.Errorf("the host spoke IPv6: %x", got)
		}
	}

	// It is nobody else's.
	for _, err := range []error{m.LinkHost(b, name, "", true), m.LinkHost(b, "lo", "", true)} {
		if !errors.Is(err, ErrHostInterface) {
			t.Errorf("LinkHost to what is not ours: %v", err)
		}
	}
	if err := m.LinkHost(b, "nthostx", "10.0.0.300/24", true); err == nil || !strings.Contains(err.Error(), "10.0.0.300/24") {
		t.Errorf("LinkHost with a bad address: %v", err)
	}
	must(t, m.UnlinkHost(b, name)) // not its: stays
	must(t, m.UnlinkHost(b, "lo"))
	carrier(t, m, a, true)

	// The host's people set it down, and up again.
	must(t, exec.Command("ip", "link", "set", name, "down").Run())
	if err := m.LinkHost(a, name, hostAddr+"/30", true); !errors.Is(err, ErrHostDown) {
		t.Errorf("LinkHost to an interface that is set down: %v", err)
	}
	carrier(t, m, a, false)
	must(t, exec.Command("ip", "link", "set", name, "up").Run())
	if !hostCarrier(t, name) {
		t.Error("the host's end has no carrier when it is up again")
	}
	must(t, m.LinkHost(a, name, hostAddr+"/30", true))
	carrier(t, m, a, true)

	// A crash before the end was set up, and one before it was made.
	must(t, netlink.LinkSetAlias(l, ""))
	must(t, netlink.LinkSetDown(l))
	must(t, m.LinkHost(a, name, hostAddr+"/30", true))
	carrier(t, m, a, true)
	must(t, m.UnlinkHost(a, name))
	must(t, m.UnlinkHost(a, name))
	carrier(t, m, a, false)
	noLink(t, a)

	// It goes with its namespace, and Cleanup finds what is left of one that
	// somebody else unmounted while a router holds its TAP.
	must(t, m.LinkHost(a, name, "", true))
	must(t, exec.Command("ip", "netns", "delete", a.Namespace).Run())
	if !hostCarrier(t, name) {
		t.Error("the namespace does not live on, and with it this test")
	}
	must(t, m.Cleanup(func(ns string) bool { return ns == b.Namespace }))
	if after := hostIndexes(t); after != before {
		t.Errorf("interfaces of the host: %s, were %s", after, before)
	}
}

// A port whose namespace was lost gets its interface again.
func TestHostLinkAfterLostNamespace(t *testing.T) {
	m := manager(t)
	name := hostIf(t, "nthost2")
	a, _ := port(t, m, "R1", "f0-0")
	must(t, m.LinkHost(a, name, "", true))
	must(t, exec.Command("ip", "netns", "delete", a.Namespace).Run())
	must(t, m.UnlinkHost(a, name)) // found by its mark
	if _, err := netlink.LinkByName(name); err == nil {
		t.Error("UnlinkHost without a namespace leaves the host's end")
	}
	a, _ = port(t, m, "R1", "f0-0")
	must(t, m.LinkHost(a, name, "", true))
	must(t, exec.Command("ip", "netns", "delete", a.Namespace).Run())
	a, _ = port(t, m, "R1", "f0-0")
	must(t, m.LinkHost(a, name, "", true))
	carrier(t, m, a, true)
	must(t, m.DeleteNamespace(a.Namespace))
	if _, err := netlink.LinkByName(name); err == nil {
		t.Error("the host's end outlives the namespace")
	}
}

// An IPv6 address works, and brings no automatic one.
func TestHostLinkIPv6(t *testing.T) {
	m := manager(t)
	if _, err := os.Stat("/proc/sys/net/ipv6"); err != nil {
		t.Skip("SKIP: this kernel has no IPv6")
	}
	name := hostIf(t, "nthost3")
	a, _ := port(t, m, "R1", "f0-0")
	must(t, m.LinkHost(a, name, "2001:db8::1/64", true))
	l, err := netlink.LinkByName(name)
	must(t, err)
	addrs, err := netlink.AddrList(l, netlink.FAMILY_ALL)
	must(t, err)
	if len(addrs) != 1 || addrs[0].IPNet.String() != "2001:db8::1/64" {
		t.Errorf("addresses: %v", addrs)
	}
	must(t, m.UnlinkHost(a, name))
}

// guest answers ARP, ping and TCP at a TAP as a router with an address would, and
// checks every frame that it gets.
type guest struct {
	mu    sync.Mutex
	errs  []string
	bytes int // of TCP data
	pings int
}

func (g *guest) run(f *os.File) {
	mac := net.HardwareAddr{0xca, 1, 0, 0, 0, 1}
	buf := make([]byte, 65536)
	for {
		n, err := f.Read(buf)
		if err != nil {
			return
		}
		reply, problem := g.answer(buf[:n], mac)
		if problem != "" {
			g.mu.Lock()
			g.errs = append(g.errs, problem)
			g.mu.Unlock()
		}
		if reply != nil {
			_, _ = f.Write(reply) // the test sees what is missing
		}
	}
}

func (g *guest) answer(frame []byte, mac net.HardwareAddr) (reply []byte, problem string) {
	if len(frame) > 1514 {
		return nil, fmt.Sprintf("a frame of %d bytes", len(frame))
	}
	packet := gopacket.NewPacket(bytes.Clone(frame), layers.LayerTypeEthernet, gopacket.Default)
	eth, ok := packet.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	if !ok {
		return nil, "not Ethernet"
	}
	back := &layers.Ethernet{SrcMAC: mac, DstMAC: eth.SrcMAC, EthernetType: eth.EthernetType}
	send := func(l ...gopacket.SerializableLayer) []byte {
		out := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(out, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, append([]gopacket.SerializableLayer{back}, l...)...); err != nil {
			panic(err)
		}
		return bytes.Clone(out.Bytes())
	}
	if arp, ok := packet.Layer(layers.LayerTypeARP).(*layers.ARP); ok {
		if net.IP(arp.DstProtAddress).String() != peerAddr {
			return nil, ""
		}
		return send(&layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4, Operation: layers.ARPReply,
			SourceHwAddress: mac, SourceProtAddress: arp.DstProtAddress, DstHwAddress: arp.SourceHwAddress, DstProtAddress: arp.SourceProtAddress}), ""
	}
	ip, ok := packet.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	if !ok {
		return nil, "neither ARP nor IPv4: " + packet.String()
	}
	if checksum(ip.Contents, 0) != 0 {
		return nil, "bad IP checksum"
	}
	ipBack := &layers.IPv4{Version: 4, TTL: 64, Protocol: ip.Protocol, SrcIP: ip.DstIP, DstIP: ip.SrcIP}
	if icmp, ok := packet.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4); ok {
		if checksum(ip.Payload, 0) != 0 {
			return nil, "bad ICMP checksum"
		}
		g.mu.Lock()
		g.pings++
		g.mu.Unlock()
		return send(ipBack, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoReply, 0), Id: icmp.Id, Seq: icmp.Seq}, gopacket.Payload(icmp.Payload)), ""
	}
	tcp, ok := packet.Layer(layers.LayerTypeTCP).(*layers.TCP)
	if !ok {
		return nil, ""
	}
	pseudo := append(append(append([]byte{}, ip.SrcIP.To4()...), ip.DstIP.To4()...), 0, 6, byte(len(ip.Payload)>>8), byte(len(ip.Payload)))
	if checksum(ip.Payload, sum(pseudo)) != 0 {
		return nil, "bad TCP checksum"
	}
	g.mu.Lock()
	g.bytes += len(tcp.Payload)
	g.mu.Unlock()
	answer := &layers.TCP{SrcPort: tcp.DstPort, DstPort: tcp.SrcPort, Seq: tcp.Ack, Ack: tcp.Seq + uint32(len(tcp.Payload)), ACK: true, Window: 65535}
	switch {
	case tcp.SYN:
		answer.SYN, answer.Seq, answer.Ack = true, 1000, tcp.Seq+1
	case tcp.FIN:
		answer.FIN, answer.Ack = true, answer.Ack+1
	case len(tcp.Payload) == 0:
		return nil, ""
	}
	if err := answer.SetNetworkLayerForChecksum(ipBack); err != nil {
		return nil, err.Error()
	}
	return send(ipBack, answer), ""
}

func sum(b []byte) (s uint32) {
	for i, v := range b {
		s += uint32(v) << (8 * (1 - i%2))
	}
	return s
}

// checksum is 0 over data that contains its right checksum.
func checksum(b []byte, s uint32) uint16 {
	s += sum(b)
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}

// What the host sends arrives with complete checksums and in frames of its MTU
// (platform reference 7.3).
func TestHostTalksToGuest(t *testing.T) {
	if _, err := exec.LookPath("ping"); err != nil {
		t.Skip("SKIP: ping is not installed")
	}
	m := manager(t)
	talk := func(t *testing.T, tap *os.File) {
		var g guest
		go g.run(tap)
		out, err := exec.Command("ping", "-c", "3", "-i", "0.2", "-W", "2", "-s", "1400", peerAddr).CombinedOutput()
		if err != nil {
			t.Errorf("ping: %v\n%s", err, out)
		}
		c, err := net.DialTimeout("tcp", peerAddr+":7", 5*time.Second)
		must(t, err)
		data := make([]byte, 300_000)
		must(t, c.SetDeadline(time.Now().Add(20*time.Second)))
		if _, err := c.Write(data); err != nil {
			t.Errorf("TCP: %v", err)
		}
		must(t, c.Close())
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			g.mu.Lock()
			done := g.bytes >= len(data)
			g.mu.Unlock()
			if done {
				break
			}
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.pings != 3 || g.bytes < len(data) || len(g.errs) != 0 {
			t.Errorf("%d pings, %d bytes by TCP, problems %.10q", g.pings, g.bytes, g.errs)
		}
	}
	t.Run("LinkHost", func(t *testing.T) {
		name := hostIf(t, "nthost4")
		e, tap := port(t, m, "R1", "f0-0")
		must(t, m.LinkHost(e, name, hostAddr+"/30", true))
		talk(t, tap)
		must(t, m.UnlinkHost(e, name))
	})
	t.Run("OpenHostTAP", func(t *testing.T) {
		name := hostIf(t, "nthost5")
		tap, err := m.OpenHostTAP(name)
		must(t, err)
		must(t, exec.Command("ip", "addr", "add", hostAddr+"/30", "dev", name).Run())
		talk(t, tap)
		must(t, tap.Close())
	})
}

func TestOpenHostTAP(t *testing.T) {
	m := manager(t)
	name := hostIf(t, "nthost6")
	f, err := m.OpenHostTAP(name)
	must(t, err)
	if !hostCarrier(t, name) {
		t.Error("no carrier")
	}
	if got, ok := receive(t, f, time.Second); ok {
		t.Errorf("the kernel sent %x", got)
	}
	if _, err := m.OpenHostTAP(name); !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), name) {
		t.Errorf("second OpenHostTAP: %v", err)
	}
	must(t, f.Close())
	if _, err := netlink.LinkByName(name); err == nil {
		t.Error("the interface outlives its descriptor")
	}
	if _, err := m.OpenHostTAP("lo"); err == nil {
		t.Error("loopback is taken for a TAP")
	}
	// One that is there is left as it is.
	must(t, exec.Command("ip", "tuntap", "add", name, "mode", "tap").Run())
	f, err = m.OpenHostTAP(name)
	must(t, err)
	if hostCarrier(t, name) {
		t.Error("an interface of the host's people was set up")
	}
	must(t, f.Close())
	must(t, exec.Command("ip", "tuntap", "del", name, "mode", "tap").Run())
}
