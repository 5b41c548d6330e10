package wire

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Impairment is what a direction of a link does to its frames. The zero value does
// nothing. A frame is first lost or not, then sent once or twice, each at the time
// that the rate leaves for it, and then takes the delay.
type Impairment struct {
	// Delay is how long a frame is under way. Jitter is by how much that differs,
	// evenly spread from Delay-Jitter to Delay+Jitter; frames keep their order
	// nevertheless.
	Delay, Jitter time.Duration
	// Loss and Duplicate are the shares of frames, 0 to 1, that are lost or come
	// twice. Reorder is the share that takes no Delay and so overtakes those that
	// are under way.
	Loss, Duplicate, Reorder float64
	// Rate is in bit/s; what counts are the bytes of the frame as the wire carries
	// it, without preamble, flags and FCS. 0 is without limit.
	Rate uint64
	// Limit is how many frames may be under way or wait; more are dropped. 0 is
	// DefaultLimit with a rate, whose queue it is, and 20 times that without.
	Limit int
	// Seed makes what happens by chance repeatable; 0 does not.
	Seed uint64
}

// DefaultLimit is the Limit of an impairment with a rate that names none. Independent
// of Limit, no more than 16 MiB wait.
const DefaultLimit = 1000

const (
	maxLimit = 100_000
	maxHeld  = 16 << 20
	maxDelay = time.Hour
	maxRate  = 1_000_000_000_000
	// Shares are kept in this many parts, so that what is printed is what was read.
	shareParts = 1e9
)

const impairmentForm = "none, or [in|out|both] and any of delay TIME (10ms), jitter TIME, loss SHARE (0.5%), duplicate SHARE, " +
	"reorder SHARE, rate RATE (64kbit, 2mbit), limit FRAMES, seed NUMBER; more than one by lines or ';'"

// active reports whether the impairment does anything.
func (m Impairment) active() bool {
	return m.Delay > 0 || m.Jitter > 0 || m.Loss > 0 || m.Duplicate > 0 || m.Rate > 0
}

// holds reports whether frames have to wait.
func (m Impairment) holds() bool { return m.Delay > 0 || m.Jitter > 0 || m.Rate > 0 }

func (m Impairment) limit() int {
	switch {
	case m.Limit > 0:
		return m.Limit
	case m.Rate > 0:
		return DefaultLimit
	}
	return 20 * DefaultLimit
}

// ParseImpairments reads impairments in text form: "none", or a line each
// direction (or parted by ';'), such as
//
//	in delay 10ms jitter 2ms loss 1% duplicate 0.1% reorder 5% rate 2mbit limit 1000
//
// The direction is in, for what arrives at the machine, which is also the default,
// out, or both, for each of the two the same. What is left out is 0. No text at all
// is "none".
func ParseImpairments(text string) (in, out Impairment, err error) {
	var seen [Directions]bool
	err = eachClause(text, "link", impairmentForm, func(dir string, words []string) error {
		m, err := parseImpairment(words)
		if err != nil {
			return err
		}
		for d, at := range [Directions]*Impairment{&in, &out} {
			if name := Direction(d).String(); dir == name || dir == "both" {
				if seen[d] {
					return fmt.Errorf("there are two for direction %s; wanted: one", name)
				}
				seen[d], *at = true, m
			}
		}
		return nil
	}, "in")
	if err != nil {
		return Impairment{}, Impairment{}, err
	}
	return in, out, nil
}

// FormatImpairments returns the text that ParseImpairments reads, in a line.
func FormatImpairments(in, out Impairment) string {
	zero := Impairment{}
	if in == out && in != zero {
		return "both " + in.String()
	}
	var clauses [Directions]fmt.Stringer
	for d, m := range [Directions]Impairment{in, out} {
		if m != zero {
			clauses[d] = m
		}
	}
	return joinClauses([]string{"in", "out"}, clauses[:])
}

func parseImpairment(words []string) (m Impairment, err error) {
	seen := map[string]bool{}
	for len(words) > 0 {
		key := words[0]
		if len(words) < 2 {
			return m, fmt.Errorf("%q has no value; wanted: %s", key, impairmentForm)
		}
		value := words[1]
		words = words[2:]
		if seen[key] {
			return m, fmt.Errorf("%s is there twice", key)
		}
		seen[key] = true
		switch key {
		case "delay":
			m.Delay, err = parseDelay(value)
		case "jitter":
			m.Jitter, err = parseDelay(value)
		case "loss":
			m.Loss, err = parseShare(value)
		case "duplicate":
			m.Duplicate, err = parseShare(value)
		case "reorder":
			m.Reorder, err = parseShare(value)
		case "rate":
			m.Rate, err = parseRate(value)
		case "limit":
			m.Limit, err = strconv.Atoi(value)
			if err != nil || m.Limit < 1 || m.Limit > maxLimit {
				err = fmt.Errorf("wanted: a number of frames, 1 to %d", maxLimit)
			}
		case "seed":
			m.Seed, err = strconv.ParseUint(value, 10, 64)
			if err != nil {
				err = errors.New("wanted: a number, 0 to 18446744073709551615")
			}
		default:
			return m, fmt.Errorf("%q is unknown; wanted: %s", key, impairmentForm)
		}
		if err != nil {
			return m, fmt.Errorf("%s %s: %w", key, value, err)
		}
	}
	return m, m.check()
}

// check tells what is wrong with the impairment as a whole.
func (m Impairment) check() error {
	switch {
	case m.Jitter > m.Delay:
		return fmt.Errorf("jitter %v is more than delay %v; wanted: at most the delay", m.Jitter, m.Delay)
	case m.Reorder > 0 && m.Delay == 0:
		return errors.New("reorder without delay: there is nothing to overtake; wanted: a delay too")
	}
	return nil
}

// String returns the impairment as ParseImpairments reads it, without direction;
// "none" for the zero value.
func (m Impairment) String() string {
	var words []string
	add := func(is bool, key, value string) {
		if is {
			words = append(words, key, value)
		}
	}
	add(m.Delay != 0, "delay", m.Delay.String())
	add(m.Jitter != 0, "jitter", m.Jitter.String())
	add(m.Loss != 0, "loss", formatShare(m.Loss))
	add(m.Duplicate != 0, "duplicate", formatShare(m.Duplicate))
	add(m.Reorder != 0, "reorder", formatShare(m.Reorder))
	add(m.Rate != 0, "rate", formatRate(m.Rate))
	add(m.Limit != 0, "limit", strconv.Itoa(m.Limit))
	add(m.Seed != 0, "seed", strconv.FormatUint(m.Seed, 10))
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, " ")
}

func parseDelay(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > maxDelay {
		return 0, errors.New("wanted: a time with its unit, such as 10ms, 500us or 1.5s, at most 1h")
	}
	return d, nil
}

func parseShare(s string) (float64, error) {
	number, ok := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(number, 64)
	share := math.Round(v*(shareParts/100)) / shareParts
	if !ok || err != nil || !(v >= 0 && v <= 100) || v > 0 && share == 0 {
		return 0, errors.New("wanted: a share in percent, such as 0.5%, 0% to 100% in steps of 0.0000001%")
	}
	return share, nil
}

func formatShare(v float64) string {
	return strconv.FormatFloat(math.Round(v*shareParts)/(shareParts/100), 'f', -1, 64) + "%"
}

// rateUnits are the units of a rate, the largest first.
var rateUnits = []struct {
	name string
	bits float64
}{{"gbit", 1e9}, {"mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}}

func parseRate(s string) (uint64, error) {
	number, unit := strings.TrimSuffix(s, "/s"), 1.0
	for _, u := range rateUnits {
		if n, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = n, u.bits
			break
		}
	}
	v, err := strconv.ParseFloat(number, 64)
	v = math.Round(v * unit)
	if err != nil || !(v >= 1 && v <= maxRate) {
		return 0, errors.New("wanted: a rate, such as 9600bit, 64kbit, 1.544mbit or 1gbit, at most 1000gbit")
	}
	return uint64(v), nil
}

func formatRate(v uint64) string {
	for _, u := range rateUnits {
		if v%uint64(u.bits) == 0 {
			return strconv.FormatUint(v/uint64(u.bits), 10) + u.name
		}
	}
	return strconv.FormatUint(v, 10)
}
