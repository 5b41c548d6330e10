package ds1620

import "testing"

// send starts a command as a guest does: reset pulse, then eight bits with CLK
// low.
func send(s *Sensor, cmd uint8) {
	s.Pins(false, true)
	s.Pins(true, true)
	data(s, uint16(cmd), 8)
}

func data(s *Sensor, v uint16, n int) {
	for i := range n {
		s.Pins(true, false)
		s.SetDQ(v>>i&1 != 0)
		s.Pins(true, true)
	}
}

func receive(s *Sensor, n int) (v uint16) {
	for i := range n {
		s.Pins(true, false)
		if s.DQ() {
			v |= 1 << i
		}
		s.Pins(true, true)
	}
	return v
}

func sensor() *Sensor {
	s := &Sensor{}
	s.Reset()
	return s
}

func TestPowerOn(t *testing.T) {
	for _, c := range []struct {
		what string
		cmd  uint8
		bits int
		want uint16
	}{
		{"temperature", CmdReadTemp, 9, 0x02C},
		{"TH", CmdReadTH, 9, 0},
		{"TL", CmdReadTL, 9, 0},
		{"configuration", CmdReadConfig, 8, 0x02},
		{"counter", CmdReadCounter, 9, 0},
		{"slope", CmdReadSlope, 9, 0},
	} {
		s := sensor()
		send(s, c.cmd)
		if got := receive(s, c.bits); got != c.want {
			t.Errorf("%s: %#x, want %#x", c.what, got, c.want)
		}
		if !s.DQ() {
			t.Errorf("%s: line low after the last bit", c.what)
		}
	}
}

func TestTemperatures(t *testing.T) {
	for celsius, want := range map[int]uint16{45: 0x05A, 125: 0x0FA, 0: 0, -1: 0x1FE, -55: 0x192} {
		s := sensor()
		s.SetCelsius(celsius)
		send(s, CmdReadTemp)
		if got := receive(s, 9); got != want {
			t.Errorf("%d degrees: %#x, want %#x", celsius, got, want)
		}
	}
}

func TestThresholds(t *testing.T) {
	for _, c := range []struct {
		write, read uint8
		value       uint16
	}{
		{CmdWriteTH, CmdReadTH, 0x050}, {CmdWriteTL, CmdReadTL, 0x1F0}, {CmdWriteTH, CmdReadTH, 0x1FF},
	} {
		s := sensor()
		send(s, c.write)
		data(s, c.value, 9)
		send(s, c.read)
		if got := receive(s, 9); got != c.value {
			t.Errorf("wrote %#x, read %#x", c.value, got)
		}
	}
}

// The flags are evaluated when the temperature changes, in half degrees.
func TestFlags(t *testing.T) {
	for _, c := range []struct {
		celsius int
		th, tl  uint16 // half degrees
		want    uint16
	}{
		{30, 60, 20, ConfigCPU | ConfigTHF},
		{29, 60, 20, ConfigCPU},
		{10, 60, 20, ConfigCPU | ConfigTLF},
		{-5, 60, 0x1F7, ConfigCPU | ConfigTLF}, // TL = -4.5
		{-4, 60, 0x1F7, ConfigCPU},
	} {
		s := sensor()
		send(s, CmdWriteTH)
		data(s, c.th, 9)
		send(s, CmdWriteTL)
		data(s, c.tl, 9)
		s.SetCelsius(c.celsius)
		send(s, CmdReadConfig)
		if got := receive(s, 8); got != c.want {
			t.Errorf("%d degrees, TH %#x, TL %#x: configuration %#x, want %#x", c.celsius, c.th, c.tl, got, c.want)
		}
	}
}

func TestConfiguration(t *testing.T) {
	s := sensor()
	send(s, CmdWriteConfig)
	data(s, 0x03, 8)
	send(s, CmdReadConfig)
	if got := receive(s, 8); got != 0x03 {
		t.Errorf("%#x", got)
	}
}

func TestLine(t *testing.T) {
	s := sensor()
	if !s.DQ() {
		t.Error("idle line is low")
	}
	send(s, CmdStart)
	if !s.DQ() {
		t.Error("line low after a command without data")
	}
	send(s, CmdReadTemp)
	receive(s, 3)
	s.Pins(false, true)
	if !s.DQ() {
		t.Error("line low while RST is low")
	}
	// A bit written while CLK is high is not taken: the command stays
	// incomplete.
	s.Pins(false, false)
	s.Pins(true, true)
	for range 8 {
		s.SetDQ(true)
	}
	if s.State.Phase != Command || s.State.Count != 8 {
		t.Errorf("bits with CLK high were taken: %+v", s.State)
	}
	// A second command needs a reset pulse.
	send(s, CmdStart)
	data(s, CmdReadTemp, 8)
	if got := receive(s, 9); got != 0x1FF {
		t.Errorf("command without a reset pulse answered %#x", got)
	}
}
