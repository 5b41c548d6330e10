package ethsw

import (
	"fmt"
	"slices"
	"time"
)

// AgeingTime is how long a silent station is remembered (IEEE 802.1Q, 8.8.3).
const AgeingTime = 300 * time.Second

// The table has sets of ways, a set being a cache line. A station may be in one
// set only; where that is full, it takes the place of the one that was silent
// longest, and frames for that one are flooded until it sends again. So the
// table never grows, whatever is sent.
const (
	setBits = 11
	ways    = 4
)

// group is the bit of an address, as address returns it, that tells a group.
const group = 1 << 40

// table is where the stations of all VLANs are.
type table struct {
	sets [1 << setBits][ways]station
}

// station is an entry; a zero key is none.
type station struct {
	key  uint64
	seen uint32 // seconds
	port int32
}

// address returns the 48-bit address that b begins with.
func address(b []byte) uint64 {
	_ = b[5]
	return uint64(b[0])<<40 | uint64(b[1])<<32 | uint64(b[2])<<24 | uint64(b[3])<<16 | uint64(b[4])<<8 | uint64(b[5])
}

// key is what a station is found by: 59:48 VLAN, 47:0 address. It is never 0.
func key(address uint64, vlan uint16) uint64 { return uint64(vlan)<<48 | address }

// set returns where a station's entry may be. The multiplication spreads what
// differs in any bit over the highest ones.
func (t *table) set(key uint64) *[ways]station {
	return &t.sets[key*0x9E3779B97F4A7C15>>(64-setBits)]
}

func (e *station) expired(now uint32) bool {
	return e.key == 0 || now-e.seen >= uint32(AgeingTime/time.Second)
}

// learn notes that a station has sent from a port.
func (t *table) learn(key uint64, port int, now uint32) {
	set := t.set(key)
	old := &set[0]
	for i := range set {
		e := &set[i]
		if e.key == key {
			old = e
			break
		}
		if !old.expired(now) && (e.expired(now) || now-e.seen > now-old.seen) {
			old = e
		}
	}
	*old = station{key, now, int32(port)}
}

// find returns the port behind which a station is.
func (t *table) find(key uint64, now uint32) (port int, known bool) {
	set := t.set(key)
	for i := range set {
		if e := &set[i]; e.key == key && !e.expired(now) {
			return int(e.port), true
		}
	}
	return 0, false
}

// forget removes the stations behind a port.
func (t *table) forget(port int) {
	for i := range t.sets {
		for j := range t.sets[i] {
			if e := &t.sets[i][j]; e.port == int32(port) {
				*e = station{}
			}
		}
	}
}

// Station is an entry of the table of stations.
type Station struct {
	Address [6]byte
	VLAN    int
	Port    int
	Silent  time.Duration // since the last frame, in whole seconds
}

// String returns the entry as Dynamips lists it: the address in three groups,
// the VLAN and the port, two blanks between them (netio-hypervisor reference,
// 3.7).
func (s Station) String() string {
	a := s.Address
	return fmt.Sprintf("%02x%02x.%02x%02x.%02x%02x  %d  %d", a[0], a[1], a[2], a[3], a[4], a[5], s.VLAN, s.Port)
}

// Stations returns the table at time now (nanoseconds), by VLAN and address.
func (s *Switch) Stations(now int64) []Station {
	s.setNow(now)
	var keys []station
	for i := range s.table.sets {
		for _, e := range s.table.sets[i] {
			if !e.expired(s.now) {
				keys = append(keys, e)
			}
		}
	}
	slices.SortFunc(keys, func(a, b station) int {
		if a.key < b.key {
			return -1
		}
		return 1
	})
	all := make([]Station, len(keys))
	for i, e := range keys {
		for b := range 6 {
			all[i].Address[b] = byte(e.key >> (40 - 8*b))
		}
		all[i].VLAN, all[i].Port = int(e.key>>48), int(e.port)
		all[i].Silent = time.Duration(s.now-e.seen) * time.Second
	}
	return all
}

// Clear forgets all stations.
func (s *Switch) Clear() { s.table = table{} }
