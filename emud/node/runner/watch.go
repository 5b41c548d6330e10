package runner

import (
	"bytes"
	"strings"
	"time"

	"dynemu/emud/node"
)

// waits are the signs that a router waits, for a user or for others, in the order
// of the time that they take: its console has printed something and then nothing
// for so long, while the processor slept, behind what may be a prompt. They hold
// for every guest; the last one also for those whose idle loop is not known.
var waits = []struct {
	quiet          time.Duration
	asleep, prompt bool
}{
	{50 * time.Millisecond, true, true},
	{250 * time.Millisecond, true, false},
	{time.Second, false, false},
}

// tailSize is how much of the last line of the console is looked at, in bytes.
const tailSize = 80

// tailLines is how many of the console's last lines go into the log of a router
// that ended or restarted by itself.
const tailLines = 20

// rebooted tells watchConsole that the router boots again.
func (d *router) rebooted() {
	select {
	case d.reboot <- struct{}{}:
	default:
	}
}

// watchConsole waits for the router to have booted, and again after each restart.
func (d *router) watchConsole() {
	sub := d.console.Subscribe(true)
	printed := make(chan []byte, 16)
	go func() {
		for {
			buf := make([]byte, 4096)
			n, err := sub.Read(buf)
			if err != nil {
				return
			}
			printed <- buf[:n]
		}
	}()
	timer := time.NewTimer(waits[0].quiet)
	timer.Stop()
	var tail []byte
	var stage int
	var asleep time.Duration
	begin := func() {
		stage, asleep = 0, d.machine.Stats().Asleep
		timer.Reset(waits[0].quiet)
	}
	for {
		select {
		case text := <-printed:
			tail = lastLine(tail, text)
			if d.r.getState() == node.Booting {
				begin()
			}
		case <-d.reboot:
			d.r.change(node.Running, node.Booting) // by the guest; a user's was told of
			// The boot ROM prints at once; it may all have been printed, and seen
			// here, before the restart was told of.
			tail = nil
			begin()
		case <-timer.C:
			w := waits[stage]
			slept := d.machine.Stats().Asleep - asleep
			if (!w.asleep || slept > w.quiet/2) && (!w.prompt || looksLikePrompt(tail)) {
				d.booted()
				continue
			}
			stage++
			timer.Reset(waits[stage].quiet - w.quiet)
		}
	}
}

// booted changes the state from booting to running.
func (d *router) booted() { d.r.change(node.Booting, node.Running) }

// lastLine returns the line that text leaves unfinished after tail.
func lastLine(tail, text []byte) []byte {
	if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
		tail, text = nil, text[i+1:]
	}
	tail = append(tail, text...)
	return tail[max(0, len(tail)-tailSize):]
}

// looksLikePrompt reports whether an unfinished line may be a prompt: it ends as
// those of routers and boot loaders do.
func looksLikePrompt(line []byte) bool {
	line = bytes.TrimRight(line, " \r\x00")
	return len(line) > 0 && strings.IndexByte(">#:?]$", line[len(line)-1]) >= 0
}

// logConsole notes what the console of a router printed last that ended or
// restarted by itself: often the only trace of why.
func (d *router) logConsole(why string) {
	text := strings.TrimRight(string(d.console.Snapshot()), "\r\n\x00 ")
	if text == "" {
		return
	}
	d.r.log.line("NODE", why+"; the console ended with:")
	lines := strings.Split(text, "\n")
	for _, l := range lines[max(0, len(lines)-tailLines):] {
		d.r.log.line("CONSOLE", l)
	}
}
