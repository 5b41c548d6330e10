// Package ds1620 models the Dallas DS1620 digital thermometer on its three-wire
// bus: a 9-bit temperature, two thresholds and a configuration byte.
//
// Source: DS1620 data sheet as far as c7200 reference 6.3 uses it: bits travel
// least significant first, a bit is taken when DQ is written while the clock is
// low, and each read of DQ consumes one bit. Clock edges do nothing.
package ds1620

// The commands.
const (
	CmdReadTemp    = 0xAA
	CmdReadCounter = 0xA0
	CmdReadSlope   = 0xA9
	CmdReadTH      = 0xA1
	CmdReadTL      = 0xA2
	CmdWriteTH     = 0x01
	CmdWriteTL     = 0x02
	CmdReadConfig  = 0xAC
	CmdWriteConfig = 0x0C
	CmdStart       = 0xEE
	CmdStop        = 0x22
)

// Bits of the configuration byte.
const (
	ConfigDone    = 0x80 // conversion done
	ConfigTHF     = 0x40 // temperature has reached TH
	ConfigTLF     = 0x20 // temperature has reached TL
	ConfigCPU     = 0x02 // CPU mode: clock line used
	ConfigOneShot = 0x01
)

// PowerOnCelsius is the temperature of a sensor after Reset.
const PowerOnCelsius = 22

// MinCelsius and MaxCelsius are the part's range.
const (
	MinCelsius = -55
	MaxCelsius = 125
)

const (
	tempBits   = 9
	tempMask   = 1<<tempBits - 1
	configBits = 8
)

// Phase is what the next bit on DQ means.
type Phase uint8

// The phases of a transfer.
const (
	Deselected Phase = iota // RST low
	Command                 // command bits come in
	Input                   // data bits come in
	Output                  // data bits go out
	Finished                // waiting for a reset pulse
)

// State is the sensor. Temperatures are in half degrees Celsius, two's
// complement.
type State struct {
	Temp, TH, TL int16
	Config       uint8

	Phase   Phase
	ClockHi bool
	Cmd     uint8
	Shift   uint16
	Count   uint8 // bits still to come or go
}

// Sensor is one thermometer.
type Sensor struct{ State State }

// Reset is power-on: 22 degrees, thresholds 0, CPU mode.
func (s *Sensor) Reset() {
	s.State = State{Temp: 2 * PowerOnCelsius, Config: ConfigCPU}
}

// SetCelsius changes the temperature and evaluates the two threshold flags.
func (s *Sensor) SetCelsius(c int) {
	st := &s.State
	st.Temp = int16(2 * c)
	if st.Temp >= st.TH {
		st.Config |= ConfigTHF
	}
	if st.Temp <= st.TL {
		st.Config |= ConfigTLF
	}
}

// Pins sets the RST and CLK pins. RST low clears the command state, its rising
// edge starts a command.
func (s *Sensor) Pins(rst, clk bool) {
	st := &s.State
	st.ClockHi = clk
	switch {
	case !rst:
		st.Phase = Deselected
	case st.Phase == Deselected:
		st.Phase, st.Cmd, st.Shift, st.Count = Command, 0, 0, 8
	}
}

// SetDQ puts a bit on the data line. It is taken only while CLK is low.
func (s *Sensor) SetDQ(bit bool) {
	st := &s.State
	if st.ClockHi || (st.Phase != Command && st.Phase != Input) {
		return
	}
	st.Shift >>= 1
	if bit {
		st.Shift |= 0x8000
	}
	if st.Count--; st.Count > 0 {
		return
	}
	if st.Phase == Command {
		s.command(uint8(st.Shift >> 8))
		return
	}
	st.Phase = Finished
	switch v := int16(st.Shift) >> (16 - tempBits); st.Cmd { // sign of the 9 bits kept
	case CmdWriteTH:
		st.TH = v
	case CmdWriteTL:
		st.TL = v
	case CmdWriteConfig:
		st.Config = uint8(st.Shift >> (16 - configBits))
	}
}

func (s *Sensor) command(cmd uint8) {
	st := &s.State
	st.Cmd = cmd
	output := func(v uint16, n uint8) { st.Phase, st.Shift, st.Count = Output, v, n }
	input := func(n uint8) { st.Phase, st.Shift, st.Count = Input, 0, n }
	switch cmd {
	case CmdReadTemp:
		output(uint16(st.Temp)&tempMask, tempBits)
	case CmdReadTH:
		output(uint16(st.TH)&tempMask, tempBits)
	case CmdReadTL:
		output(uint16(st.TL)&tempMask, tempBits)
	case CmdReadCounter, CmdReadSlope:
		output(0, tempBits)
	case CmdReadConfig:
		output(uint16(st.Config), configBits)
	case CmdWriteTH, CmdWriteTL:
		input(tempBits)
	case CmdWriteConfig:
		input(configBits)
	default: // start and stop conversion have no data; conversion is continuous
		st.Phase = Finished
	}
}

// DQ reads the data line and consumes one bit. Outside a read it is high.
func (s *Sensor) DQ() bool {
	st := &s.State
	if st.Phase != Output {
		return true
	}
	bit := st.Shift&1 != 0
	st.Shift >>= 1
	if st.Count--; st.Count == 0 {
		st.Phase = Finished
	}
	return bit
}
