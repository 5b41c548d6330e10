package console

import (
	"bufio"
	"fmt"
	"net"
	"testing"
	"time"
)

// fakeRouter answers like a router at its console.
func fakeRouter(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	mode := "R1>"
	started := false
	for {
		line, err := r.ReadString('\r')
		if err != nil {
			return
		}
		line = line[:len(line)-1]
		if !started {
			started = true
			fmt.Fprintf(conn, "\r\nPress RETURN to get started!\r\n\r\n%s", mode)
			continue
		}
		fmt.Fprintf(conn, "%s\r\n", line)
		switch line {
		case "enable", "end":
			mode = "R1#"
		case "configure terminal":
			mode = "R1(config)#"
		case "bogus":
			fmt.Fprintf(conn, "    ^\r\n%% Invalid input detected at '^' marker.\r\n\r\n")
		case "ping 10.0.0.2":
			fmt.Fprintf(conn, "!!!!.\r\nSuccess rate is 80 percent (4/5), round-trip min/avg/max = 1/2/4 ms\r\n")
		}
		fmt.Fprintf(conn, "%s", mode)
	}
}

func TestSession(t *testing.T) {
	a, b := net.Pipe()
	go fakeRouter(b)
	c := New(a, a)
	defer c.Close()
	if err := c.Login(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := c.Configure("hostname R1"); err != nil {
		t.Error(err)
	}
	if err := c.Configure("bogus"); err == nil {
		t.Error("a refused line was taken for a success")
	}
	got, sent, err := c.Ping("10.0.0.2", time.Second)
	if err != nil || got != 4 || sent != 5 {
		t.Errorf("Ping = %d/%d, %v; want 4/5", got, sent, err)
	}
}
