package main

// A promise is something that a reader of the tutorial of Dynamips and Dynagen may
// count on.
type promise struct {
	// text is what the tutorial promises.
	text string
	// how is what dynemu does for it.
	how string
	// waiting is why it, or what part of it, is not kept yet; empty when all is.
	waiting string
}

// A chapter is a part of the tutorial. Promises are numbered through all chapters,
// from 1.
type chapter struct {
	title    string
	promises []promise
}

const (
	boards     = "the boards 2691, 3600 and 3700 are not there yet; lab files with them are read and checked, and their routers say `not supported yet`"
	hypervisor = "the hypervisor's protocol on TCP port 7200 is not there yet"
	machines   = "labs over several machines are not there yet; a section of another machine is refused, with what to write instead"
)

var chapters = []chapter{
	{"What it is", []promise{
		{"The models 2691, 3620, 3640, 3660, 3725, 3745 and 7206 are emulated.", "`model` takes these, and `7200` for the 7206; 7200s run.", boards},
		{"Router images run as they are, unmodified.", "An ELF image is loaded as it is read; so is the one in a ZIP archive, self-extracting or not.", ""},
		{"It serves for training, for trying features and for checking configurations.", "The tutorial's labs run end to end, and what their routers say is checked.", ""},
		{"A front end speaks to the emulator over a documented text protocol.", "The tree of files is that protocol for everything of our own.", hypervisor},
		{"It runs wherever its runtime does.", "Linux only: static programs that need no runtime, library or interpreter.", ""},
		{"Other programs can use what the front end uses.", "The files are the interface: any language that writes a file drives all of it; tables also come as JSON.", ""},
	}},
	{"Installing, images, resources", []promise{
		{"Joining real networks takes libpcap.", "It takes nothing: packet sockets, TAPs and veth pairs of the kernel.", ""},
		{"Images may lie anywhere; the lab file has the path.", "An absolute path is taken as it is, any other from the lab's `files`; a path of another machine by its last part.", ""},
		{"Compressed images work, but boot slowly.", "An archive is unpacked once, into a cache that is named by its content; the next router starts from that.", ""},
		{"`unzip -p` makes an uncompressed image of a compressed one.", "The result runs, and so does the archive: there is no need to.", ""},
		{"A router's RAM is taken from the machine, and 64 MB more for translated code.", "A page that the guest never touched costs nothing; `stats` has what is used, and `exec_area` is accepted.", ""},
		{"RAM is a mapped file in the working directory.", "RAM is memory without a file; no file of that size ever appears.", ""},
		{"`mmap = false` turns that off, for a model or a router.", "Accepted in both places; there is nothing left to turn off.", ""},
		{"A router takes a whole CPU until its idle-PC is known.", "The idle loop is found while the router runs, and its processor sleeps there.", ""},
	}},
	{"The telnet client", []promise{
		{"The console command opens a telnet client, which the settings name with `%h`, `%p` and `%d`.", "`dynemu console` attaches in the terminal itself; a `telnet` setting of one's own, or of a dynagen.ini, opens that instead.", ""},
	}},
	{"Lab files", []promise{
		{"One file has the routers, the switches and the links of a lab.", "The same file, under `labs/` in the tree or by `dynemu up`.", ""},
		{"Its syntax is that of INI files.", "The whole dialect, with the tolerance of the parser that the labs were written for.", ""},
		{"Lines from `#` on are comments.", "At the start of a line and after a value; they stay when the file is rewritten.", ""},
		{"A section `[host]` names the machine, by name or address.", "Any name or address of this machine.", ""},
		{"`[[7200]]` has defaults, which a router's section overrides.", "Option by option, slots included.", ""},
		{"Indentation is for the eye; brackets nest.", "So it is.", ""},
		{"`image` is a path, with forward slashes on Unix.", "Both kinds of slashes are understood.", ""},
		{"`npe` and `ram` are set per model or router.", "Every NPE that is emulated, with its own limit of RAM.", ""},
		{"`[[ROUTER R1]]` makes a router, whose name has nothing to do with its hostname.", "Its folder in the tree has this name.", ""},
		{"Keywords are read in any case.", "Sections, options, interface names and kinds of links; names of devices are as written.", ""},
		{"`s1/0 = R2 s1/0` is a serial cable between two routers.", "A socket pair between their two processes, which also survives the daemon.", ""},
		{"The adapters that a link needs are put in at both ends.", "So they are.", ""},
		{"`slot1 = …` chooses another one.", "Any that the slot takes; the message for one that does not fit lists them.", ""},
		{"A router that a link leads to needs its section, and no line in it.", "So it is; without the section the message names the nearest device.", ""},
	}},
	{"Running", []promise{
		{"The emulator is started by hand and listens on port 7200.", "The service starts with the machine; nothing has to be started for a lab.", ""},
		{"A lab starts by a command with its file.", "`dynemu up FILE`, or any way to put the file under `labs/`.", ""},
		{"A router without an idle-PC is warned of.", "Not by default: `idlepc = auto` finds it. The warning is for `idlepc = none` alone.", ""},
		{"`list` shows all devices with state, machine and console port.", "`dynemu list`, and the files `status`; the state is what the device is in, not what was last asked for.", ""},
		{"Consoles are on TCP ports from 2000 up, for telnet.", "The same ports, and as files `console` and `tty` in the tree.", ""},
		{"`console R1`, `con R1` and `console /all` open consoles.", "In the terminal itself, or a window each, with whatever client the `telnet` setting names.", ""},
		{"The first line on a console says which router it is.", "Word for word as Dynamips says it.", ""},
	}},
	{"The management console", []promise{
		{"`help`, `help CMD` and `CMD ?` explain the commands.", "In the console, and as `--help` of each command.", ""},
		{"Tab completes.", "Commands, devices and ports, in the console and in bash, zsh and fish.", ""},
		{"`stop {/all | R1 …}` powers routers off.", "The command, `echo stop > ctl`, or `touch stop`.", ""},
		{"`start {/all | R1 …}` powers them on.", "Likewise.", ""},
		{"`reload` in a router does not work; the console's `reload` stops and starts it.", "Both work: the router's own restarts it, too.", ""},
		{"`reload /all` does so for all routers.", "The command, and `ctl` of a lab or of the whole tree.", ""},
		{"`suspend` and `resume` halt routers and let them go on.", "Guest time stands still meanwhile.", ""},
		{"Leaving the console ends the lab.", "Changed: the lab goes on, and `exit` says so; `dynemu down` ends it.", ""},
	}},
	{"Idle-PC", []promise{
		{"`idlepc get R1` finds candidates on a quiet router within about 10 s.", "The command, or a read of `idlepc/get`; the router goes on meanwhile.", ""},
		{"The best are marked with a star.", "Those seen more than 50 and fewer than 60 times.", ""},
		{"Choosing one applies it at once.", "Also by writing it into `idlepc/value`.", ""},
		{"`idlepc show R1` shows the list again.", "Also `idlepc/show`.", ""},
		{"`idlepc save R1 db` notes it in the database.", "`idlepc.ini` in the tree, in Dynagen's own format.", ""},
		{"Values of the database are applied to later routers with that image.", "At each start of a router that names none itself.", ""},
		{"`idlepc save R1` and `idlepc save R1 default` write it into the lab file.", "Into the router's section, or the model's; no other line changes.", ""},
		{"Values belong to the image alone: databases can be shared and merged.", "Lines of another database can be added to `idlepc.ini`.", ""},
		{"The database goes by the image's file name.", "The name without folders, whatever the slashes.", ""},
		{"It may find none; then one tries again.", "It says so and fails; the router loses nothing, since `auto` does not depend on it.", ""},
	}},
	{"The second lab: LANs", []promise{
		{"`console = 2001` gives a router its port.", "So it does; a port that is taken is an error that names by whom.", ""},
		{"Interfaces on the same `LAN` are on one hub; its name is letters and digits.", "A bridge of the kernel that floods like a hub.", ""},
		{"`f0/0` puts in an I/O controller with Fast Ethernet, `f1/0` a PA-FE-TX.", "So it does.", ""},
		{"`list` does not show LANs.", "Nor does ours.", ""},
		{"Once the image is in the database, the warning is gone.", "There was none before, either.", ""},
	}},
	{"Frame Relay and ATM", []promise{
		{"`[[FRSW F1]]` with `port:dlci = port:dlci` switches circuits both ways.", "A process of its own with an interface a port.", ""},
		{"Its LMI is ANSI Annex D.", "Annex D, and what else a router turns out to speak: Annex A and Cisco's.", ""},
		{"With `autostart = false` all routers are stopped until `start /all`.", "Also per section and router.", ""},
		{"The switch is listed, but cannot be started, stopped, suspended or resumed.", "It is always on: those commands are refused, and a switch that crashed runs again.", ""},
		{"A lab may have several Frame Relay switches.", "Any number, also joined to each other.", ""},
		{"There are ATM switches.", "`[[ATMSW]]` switches paths and channels; `[[ATMBR]]` bridges ATM and Ethernet.", ""},
	}},
	{"Real networks", []promise{
		{"`f0/0 = NIO_linux_eth:eth0` joins an interface of the machine, both ways.", "A packet socket; tags and checksums are as on a cable.", ""},
		{"`NIO_gen_eth:…` does so by pcap, on Windows as well.", "The same as NIO_linux_eth; a name of Windows is an error that says what to write.", ""},
		{"A command lists the interfaces.", "`ip link` does, and messages about interfaces say so.", ""},
		{"On Linux the machine itself cannot be reached that way.", "`NIO_host:NAME` is an interface of the machine that leads to the router.", ""},
	}},
	{"The Ethernet switch", []promise{
		{"`[[ETHSW S1]]` switches VLANs, with 802.1Q.", "And QinQ; a process of its own.", ""},
		{"`1 = access 20` and `3 = dot1q 1` are access ports and trunks with a native VLAN.", "A trunk carries every VLAN.", ""},
		{"A port of the switch can lead to an interface of the machine, as a trunk, too.", "With any NIO.", ""},
		{"`show mac S1` and `clear mac S1` show and empty its table.", "The commands, and the file `mac`.", ""},
	}},
	{"Other models", []promise{
		{"Each model has its defaults section; `model` is set per router or for all.", "Read and checked for all models; routers without it are 7200s.", boards},
		{"Models may be mixed in a lab.", "In one file; those that are not there yet stay stopped and say why, the others run.", boards},
		{"Network modules are put in as port adapters are.", "By interface name or by `slotN`, for all models when the file is checked.", boards},
	}},
	{"Several machines", []promise{
		{"The front end, and parts of a lab, may be on other machines.", "Routers on other machines can be reached by NIO_udp, Dynamips' own included.", machines},
		{"The port of a server stands in its section's name; the default is 7200.", "Read; all sections of this machine are this daemon.", machines},
		{"`workingdir` says where a server keeps its files.", "A lab's files are kept with the lab under the state directory; the option is never a reason to refuse a file.", machines},
		{"NVRAM, flash and logs are files that are named by the router.", "Files `nvram`, `bootflash`, `disk0` and `log` in the router's folder; the program `dynamips` has Dynamips' names.", "files of a working directory of Dynamips cannot be taken over yet"},
		{"Firewalls have to let the ports pass.", "Consoles listen on loopback alone, so there is nothing to open; NIO_udp uses the ports that the lab names.", machines},
	}},
	{"Memory", []promise{
		{"`ghostios` has routers share one copy of their image.", "The option is accepted. What a router holds of its own is the pages that it touched, and no more.", "pages of an image are not shared yet between routers that run it"},
		{"It can stand at the top, in a defaults section or in a router's.", "Accepted in all three.", ""},
		{"It makes a file `IMAGE.ghost`.", "No such file is needed, and none appears.", ""},
		{"`sparsemem` takes only the memory that the guest touches.", "Always so.", ""},
		{"Both are off by default, and independent of each other.", "Either may be given or not, in any place; neither changes what a router does.", ""},
		{"Interface names of two letters are understood.", "Of any length: `f0/0`, `fa0/0`, `FastEthernet0/0`.", ""},
	}},
	{"Captures", []promise{
		{"`capture R1 f0/0 r1.cap` writes a pcap file that can be read while it grows.", "Into the lab's `captures`; `capture.pcap` and `live.pcap` of a port need no name.", ""},
		{"`no capture R1 f0/0` ends it.", "Or `rm` of `capture.pcap`.", ""},
		{"On a serial line the encapsulation is given: FR, HDLC or PPP.", "Given or guessed from the frames; ATM as well.", ""},
		{"Several captures run at once.", "Also several of one port.", ""},
	}},
	{"Other things", []promise{
		{"There are more commands, which the help explains: filter, save, push, import, export, send, confreg, hist, ver, shell.", "All but `py`, which says that it is not there.", ""},
		{"Each letter of an interface has its adapter: `e` a PA-8E, `p` a PA-POS-OC3.", "Each letter.", ""},
		{"A file has all options.", "[all-options.net](labs/all-options.net), which is checked by a test.", ""},
		{"There are limits: routers a process, several emulators on one machine, their UDP ports.", "A process a router; daemons run side by side; UDP ports are those that the lab names.", ""},
	}},
}
