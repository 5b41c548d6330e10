package fs

// readme is the file README at the top of the tree.
const readme = `dynemu: labs of emulated Cisco routers, as files.

Every file here is text, one fact a line. A control file (ctl) takes one
command per write; when the command fails, the write fails and the file errors
beside it says why. Reading a ctl prints the commands that it takes.

  cp simple1.net labs/             apply a lab file; so does saving it with an editor
  cat labs/simple1/result          what the last apply changed, or NAME.net:LINE:COL: message
  cat status                       a row per device of all labs
  echo stop > labs/simple1/R1/ctl  or: touch labs/simple1/R1/stop
  rm labs/simple1.net              stop and remove the lab with its storage

A lab file is applied when its last writer has closed it and it has been left
alone for 0.2 s. One with an error is refused: the close or rename fails with
"Invalid argument", result has every message, and the lab goes on as it was.
Links and port adapters change under running routers; what takes a restart is
named in result, and in info until then.

  version          program, host
  status           Name Type State Server Console Lab, columns by spaces
  metrics          counters of all devices, in the text format of Prometheus
  events           a line of JSON for each thing that happens from now on (waits)
  ctl errors       commands over all labs, and why the last one failed
  idlepc.ini       the idle-PC database, IMAGE = 0xADDRESS a line, as Dynagen's; cp and tee
                   write it, and a text that is none is refused
  images/NAME      what an image is: platform, entry, size, checksum, who names it
  labs/NAME.net    the lab file
  labs/NAME/
    status ctl errors result
    topology.svg   a picture of the lab, laid out by Graphviz; topology.dot is its text
    files/         what the lab file names by relative paths; a plain folder
    captures/      capture files by name; a plain folder
    live.pcapng    the frames of all ports from now on (waits)
    DEVICE/
      ctl errors   start, stop ..., capture, link ...: "cat ctl" prints them all
      start stop reload suspend resume     the same by touch
      state        stopped, booting, running, suspended or crashed
      info stats   facts and counters
      log          the emulator's log of this device
      console      read: what is printed from now on (waits); write: keystrokes
      aux          the same of the AUX port
      console.log  what was printed so far
      tty          the console as a terminal: screen labs/NAME/DEVICE/tty
      startup-config private-config        in NVRAM, of a running router too; editors may put
                   their files beside them, and rm erases
      nvram        the whole NVRAM; writable while the router is stopped
      bootflash disk0 disk1                the same of flash and PCMCIA disks
      idlepc/      how it is known that the router has nothing to do
        value      auto (the usual: found by itself), none or an address; write it
        get        has statistics gathered, 10 s, and shows the addresses they propose
        show stats the same of the last time; sleeps, wake-ups and what was found
        save       write db, router or default: where the address in force is kept
      ports/PORT/
        ifname netns mac peer stats          facts and counters
        carrier    up, down (the other end is not up), shut (by the router), cut
                   (by "link down" in ctl), none (nothing plugged in, or stopped)
        filter     none, or a line each of: in|out|both freq_drop N
        link       none, or a line each of: in|out delay 10ms jitter 2ms loss 1%
                   duplicate 1% reorder 1% rate 2mbit limit 1000
        live.pcap  the frames from now on (waits)
        capture.pcap   made by touch, it grows until rm
    SWITCH/        ctl errors status state info stats log ports/, and of an ETHSW
      mac          the table of stations; write clear to empty it

The console is also on the TCP port in status: telnet 127.0.0.1 PORT.
A port is a network interface: ip netns exec $(cat netns) tcpdump -i $(cat ifname).
An ATM port has none, and PPP is not decoded there. live.pcap shows any port; each
opening is a stream of its own, and a reader that is too slow misses frames:

  tcpdump -n -r live.pcap
  cat live.pcap | tshark -i -
  cat labs/simple1/live.pcapng | wireshark -k -i -
  echo 'in delay 100ms loss 1%' > link

"echo detach > ctl" ends the daemon and leaves all routers running; the next
daemon takes them over. Ending it with a signal stops the labs first, and they
come back with it in the state that they were left in.

Root and the group dynemu may write. Others may read status.
`
