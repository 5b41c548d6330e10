package peer

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"dynemu/vm/atm"
)

// TestATMCells speaks to a router in cells: what a ping is on the wire, inverse
// ARP, and OAM loopback.
func TestATMCells(t *testing.T) {
	for _, e := range []Emulator{Debian(t), Dynemu(t)} {
		t.Run(e.Name, func(t *testing.T) { testATMCells(t, e) })
	}
}

func testATMCells(t *testing.T, e Emulator) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	port := UDPPorts(t, 1)[0]
	router := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
	r := boot(t, e, "R1", t.TempDir(), 1, []string{"0:C7200-IO-FE", "1:PA-A1"},
		"-s", fmt.Sprintf("1:0:udp:%d:127.0.0.1:%d", port, conn.LocalAddr().(*net.UDPAddr).Port))
	defer r.stop()
	// cell waits for one.
	cell := func() []byte {
		t.Helper()
		b := make([]byte, 2048)
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second)) // an error shows in the read
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if n != atm.CellSize || b[4] != atm.ReadHeader(b).HEC() {
			t.Fatalf("%d bytes: %x", n, b[:n])
		}
		return b[:n]
	}
	// packet waits for one, and checks its trailer.
	packet := func() (h atm.Header, data []byte) {
		t.Helper()
		var pdu []byte
		for {
			c := cell()
			h = atm.ReadHeader(c)
			if pdu = append(pdu, c[5:]...); h&atm.UserEnd != 0 {
				break
			}
		}
		n := int(binary.BigEndian.Uint16(pdu[len(pdu)-6:]))
		if n > len(pdu)-8 || n <= len(pdu)-8-48 {
			t.Fatalf("length %d in %x", n, pdu)
		}
		crc := binary.BigEndian.Uint32(pdu[len(pdu)-4:])
		if good := crc == atm.UpdateCRC(0, pdu[:len(pdu)-4]); good != (e.Name == "dynemu") {
			t.Errorf("the CRC is the standard's: %v", good)
		}
		return h &^ atm.UserEnd, pdu[:n]
	}
	send := func(c []byte) {
		t.Helper()
		if _, err := conn.WriteToUDP(c, router); err != nil {
			t.Fatal(err)
		}
	}
	sendPacket := func(h atm.Header, data []byte) {
		n := (len(data) + 8 + 47) / 48 * 48
		pdu := append(bytes.Clone(data), make([]byte, n-len(data))...)
		binary.BigEndian.PutUint16(pdu[n-6:], uint16(len(data)))
		binary.BigEndian.PutUint32(pdu[n-4:], atm.UpdateCRC(0, pdu[:n-4]))
		for ; len(pdu) > 0; pdu = pdu[48:] {
			c := append(make([]byte, 5), pdu[:48]...)
			if len(pdu) == 48 {
				h |= atm.UserEnd
			}
			h.Put(c)
			send(c)
		}
	}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}

	// RFC 2225: the router asks who is there; lengths of ATM addresses are 0.
	r.configure("interface ATM1/0", "ip address 10.0.0.1 255.255.255.0", "pvc 7/300", "exit", "no shutdown")
	line := atm.NewHeader(7, 300)
	const snap = "aaaa03 000000"
	h, got := packet()
	if want := unhex(snap + "0806 0013 0800 00 00 0008 04 00 00 04 0a000001 00000000"); h != line || !bytes.Equal(got, want) {
		t.Fatalf("circuit %d/%d: %x, want %x", h.VPI(), h.VCI(), got, want)
	}
	// A peer that has an ATM address of 20 bytes and a subaddress.
	sendPacket(line, unhex(snap+"0806 0013 0800 14 02 0009 04 00 00 04"+strings.Repeat("47", 20)+"1234 0a000002 0a000001"))
	r.eventually("show atm map", `ip 10\.0\.0\.2 maps to VC 1, VPI 7, VCI 300`, 5*time.Second)

	// A ping of 100 bytes is 108 with LLC: three cells.
	if err := r.Send("ping 10.0.0.2 repeat 1 size 100\r"); err != nil {
		t.Fatal(err)
	}
	h, got = packet()
	if h != line || len(got) != 108 || !bytes.HasPrefix(got, unhex(snap+"0800 4500 0064")) || !bytes.Equal(got[20:28], unhex("0a000001 0a000002")) {
		t.Fatalf("%08x: %x", h, got)
	}
	reply := bytes.Clone(got)
	copy(reply[20:], unhex("0a000002 0a000001"))
	binary.BigEndian.PutUint16(reply[28:], 0) // echo reply
	binary.BigEndian.PutUint16(reply[30:], binary.BigEndian.Uint16(reply[30:])+0x0800)
	sendPacket(line, reply)
	if _, err := r.Expect(regexp.MustCompile(`Success rate is 100 percent[^#]*#`), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	r.eventually("show atm pvc 7/300", `InPkts: 2, OutPkts: 2`, 5*time.Second)
	r.shows("show ip traffic", "1 echo reply")

	// A packet without end, which would take all the buffers that there are.
	endless := make([]byte, atm.CellSize)
	line.Put(endless)
	for range 200 {
		for range 32 {
			send(endless)
		}
		time.Sleep(time.Millisecond)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		sendPacket(line, reply)
		out := r.run("show atm pvc 7/300")
		if !strings.Contains(out, "InPkts: 2,") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing is received after a packet without end:\n%s", out)
		}
		time.Sleep(100 * time.Millisecond)
	}

	// I.610: a loopback cell comes back with its indication cleared.
	loop := append(make([]byte, 5), unhex("18 01 00000001"+strings.Repeat("ff", 32)+strings.Repeat("6a", 8)+"0393")...)
	for _, pti := range []atm.Header{4 << 1, 5 << 1} {
		(line | pti).Put(loop)
		send(loop)
		c := cell()
		want := bytes.Clone(loop)
		want[6] = 0
		copy(want[51:], c[51:])
		if !bytes.Equal(c, want) || bytes.Equal(c[51:], loop[51:]) {
			t.Errorf("loopback cell\n%x came back as\n%x", loop, c)
		}
		send(c) // is not looped again
	}
	bad := bytes.Clone(loop)
	bad[10] ^= 1
	send(bad)
	r.eventually("show atm pvc 7/300", `(?s)OAM cells received: 5.*OAM cells sent: 2`, 5*time.Second)
}
