package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"dynemu/vm"
	"dynemu/vm/card"
	"dynemu/vm/wire"
)

// options are what the command line asks for.
type options struct {
	config   vm.Config
	image    string
	log      string
	startup  string
	private  string
	console  int // TCP port, 0: the terminal
	aux      int // TCP port, 0: none
	bind     string
	quiet    bool
	noEscape bool
	wires    []wireOption
}

// wireOption is one -s: what a port is plugged into.
type wireOption struct {
	text       string // as written
	slot, port int
	nio        wire.NIO
}

// maxSystemID is the length of the longest system id (c7200 reference, 14.4).
const maxSystemID = 13

// platforms maps the names of -P to those of vm.
var platforms = map[string]string{"7200": "c7200"}

// unsupported are the platforms of Dynamips that are not there yet.
var unsupported = []string{"3600", "2691", "3725", "3745", "2600", "1700"}

func flags() (*pflag.FlagSet, *raw) {
	var r raw
	f := pflag.NewFlagSet("dynamips", pflag.ContinueOnError)
	f.SortFlags = false
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.StringVarP(&r.platform, "platform", "P", "7200", "platform: 7200")
	f.StringVarP(&r.npe, "npe", "t", "npe-400", "network processing engine of the 7200")
	f.StringVarP(&r.midplane, "midplane", "M", "vxr", "midplane of the 7200: std or vxr")
	f.IntVarP(&r.ram, "ram", "r", 256, "RAM in MiB")
	f.IntVarP(&r.nvram, "nvram", "n", 128, "NVRAM in KiB")
	f.IntVarP(&r.rom, "rom", "o", 4, "ROM in MiB (4)")
	f.IntVar(&r.disk0, "disk0", 64, "PCMCIA disk0 in MiB, 0 for none")
	f.IntVar(&r.disk1, "disk1", 0, "PCMCIA disk1 in MiB, 0 for none")
	f.StringVarP(&r.confreg, "conf-reg", "c", "0x2102", "configuration register")
	f.StringVarP(&r.mac, "mac", "m", "", "base MAC address of the chassis")
	f.StringVarP(&r.systemID, "system-id", "I", "", "serial number of the processor board, in decimal, of an NPE that has one")
	f.StringArrayVarP(&r.cards, "pa", "p", nil, "SLOT:CARD: put a card into a slot; cards: "+strings.Join(card.Names(), " "))
	f.StringArrayVarP(&r.wires, "nio", "s", nil, "SLOT:PORT:NIO: plug a port into a NIO: "+strings.Join(wire.Forms(), ", "))
	f.IntVarP(&r.instance, "instance", "i", 0, "instance number, part of file names")
	f.StringVarP(&r.log, "log", "l", "", "log file (default c7200_iN_log.txt)")
	f.BoolVarP(&r.noJIT, "no-jit", "j", false, "use the interpreter")
	f.BoolVarP(&r.noRAMFile, "no-ram-file", "X", false, "no file for RAM; always so")
	f.IntVarP(&r.console, "console-port", "T", 0, "console on this TCP port instead of the terminal")
	f.IntVarP(&r.aux, "aux-port", "A", 0, "AUX on this TCP port")
	f.StringVar(&r.bind, "console-binding-addr", "127.0.0.1", "address of the console and AUX ports")
	f.StringVar(&r.idlePC, "idle-pc", "", "address of the image's idle loop")
	f.StringVarP(&r.startup, "startup-config", "C", "", "file to put into NVRAM as startup-config")
	f.StringVar(&r.private, "private-config", "", "file to put into NVRAM as private-config")
	f.StringVarP(&r.quirks, "quirks", "q", "", "leniencies of Dynamips, comma-separated")
	f.BoolVar(&r.noEscape, "noctrl", false, "no Ctrl-] on the terminal: it goes to the router")
	f.BoolVar(&r.quiet, "notelnetmsg", false, "no banner on the console port")
	f.BoolVar(&r.instructionTime, "instruction-time", false, "time follows instructions: the same run every time")
	f.BoolVar(&r.checkJIT, "check-jit", false, "repeat on the interpreter what the translator does, stop when they differ (slow)")
	f.BoolVar(&r.perfMap, "perf-map", false, "name the guest addresses of generated code for perf, in /tmp/perf-PID.map")
	return f, &r
}

// raw holds the flags as they were written.
type raw struct {
	platform, npe, midplane, confreg, mac, systemID, log, bind, idlePC, startup, private, quirks string
	ram, nvram, rom, instance, console, aux, disk0, disk1                                        int
	cards, wires                                                                                 []string
	noJIT, noRAMFile, noEscape, quiet, instructionTime, checkJIT, perfMap                        bool
}

func usage(w io.Writer) {
	f, _ := flags()
	fmt.Fprintf(w, "Usage: dynamips [options] IMAGE\n\nRun one router in the foreground. On the terminal, Ctrl-] q ends it.\n\n%s", f.FlagUsages())
}

// parse reads the command line. Its errors name the option, what was written
// and what is accepted.
func parse(args []string) (*options, error) {
	f, r := flags()
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() != 1 {
		return nil, fmt.Errorf("one router image is needed as the last argument, %d were given; --help lists the options", f.NArg())
	}
	o := &options{
		image: f.Arg(0), log: r.log, startup: r.startup, private: r.private,
		console: r.console, aux: r.aux, bind: r.bind, quiet: r.quiet, noEscape: r.noEscape,
	}
	platform, ok := platforms[r.platform]
	if !ok {
		for _, p := range unsupported {
			if p == r.platform {
				return nil, fmt.Errorf("-P %s: this platform is not supported yet; 7200 is", p)
			}
		}
		return nil, fmt.Errorf("-P %s: unknown platform; 7200 is accepted", r.platform)
	}
	if r.rom != 4 {
		return nil, fmt.Errorf("-o %d: the ROM of a 7200 has 4 MiB", r.rom)
	}
	confreg, err := strconv.ParseUint(r.confreg, 0, 16)
	if err != nil {
		return nil, fmt.Errorf("-c %s: a configuration register is a number from 0 to 0xffff", r.confreg)
	}
	var idlePC uint64
	if r.idlePC != "" {
		if idlePC, err = strconv.ParseUint(r.idlePC, 0, 64); err != nil {
			return nil, fmt.Errorf("--idle-pc %s: an address such as 0x60680a04 is accepted", r.idlePC)
		}
	}
	if len(r.systemID) > maxSystemID {
		return nil, fmt.Errorf("-I %s: a system id has at most %d characters", r.systemID, maxSystemID)
	}
	for name, p := range map[string]int{"-T": r.console, "-A": r.aux} {
		if p < 0 || p > 65535 {
			return nil, fmt.Errorf("%s %d: TCP ports are 1 to 65535", name, p)
		}
	}
	if r.noJIT && r.checkJIT {
		return nil, errors.New("-j and --check-jit: the interpreter alone has nothing to check; one of them is accepted")
	}
	o.config = vm.Config{
		Name: "default", Instance: r.instance, Platform: platform, NPE: r.npe, Midplane: r.midplane,
		RAM: r.ram, NVRAM: r.nvram, Disk0: r.disk0, Disk1: r.disk1, ConfReg: uint16(confreg), MAC: r.mac, SystemID: r.systemID, IdlePC: idlePC,
		InstructionTime: r.instructionTime, NoJIT: r.noJIT, CheckJIT: r.checkJIT, PerfMap: r.perfMap,
	}
	if r.quirks != "" {
		o.config.Quirks = strings.Split(r.quirks, ",")
	}
	if o.config.Slots, err = slots(r.cards); err != nil {
		return nil, err
	}
	for _, s := range r.wires {
		w, err := parseWire(s)
		if err != nil {
			return nil, err
		}
		o.wires = append(o.wires, w)
	}
	return o, nil
}

// slots reads the -p options: SLOT:CARD or SLOT:SUBSLOT:CARD.
func slots(specs []string) ([]string, error) {
	s := make([]string, 7)
	for _, spec := range specs {
		parts := strings.Split(spec, ":")
		if len(parts) == 3 && parts[1] == "0" {
			parts = []string{parts[0], parts[2]}
		}
		n, err := strconv.Atoi(parts[0])
		if len(parts) != 2 || err != nil || n < 0 || n >= len(s) {
			return nil, fmt.Errorf("-p %s: SLOT:CARD is accepted, with slots 0 to %d", spec, len(s)-1)
		}
		if s[n] != "" {
			return nil, fmt.Errorf("-p %s: a card already exists in slot %d (%s)", spec, n, s[n])
		}
		s[n] = parts[1]
	}
	return s, nil
}

func parseWire(spec string) (wireOption, error) {
	parts := strings.SplitN(spec, ":", 3)
	if len(parts) == 3 {
		slot, err1 := strconv.Atoi(parts[0])
		port, err2 := strconv.Atoi(parts[1])
		if err1 == nil && err2 == nil {
			nio, err := wire.ParseNIO(parts[2])
			if err != nil {
				return wireOption{}, fmt.Errorf("-s %s: %w", spec, err)
			}
			return wireOption{text: spec, slot: slot, port: port, nio: nio}, nil
		}
	}
	return wireOption{}, fmt.Errorf("-s %s: SLOT:PORT:NIO is accepted, such as 1:0:udp:10001:127.0.0.1:10002", spec)
}
