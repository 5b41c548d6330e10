package lab

import (
	"errors"
	"strconv"
	"strings"
)

// ParseIdlePC reads a value of the option idlepc: "auto", which is address 0, "none",
// which is off, or 0x and the address of the guest's idle loop. The error says what is
// accepted.
func ParseIdlePC(text string) (pc uint64, off bool, err error) {
	switch text {
	case "auto":
		return 0, false, nil
	case "none":
		return 0, true, nil
	}
	hex, ok := strings.CutPrefix(strings.ToLower(text), "0x")
	if pc, err = strconv.ParseUint(hex, 16, 64); !ok || err != nil {
		return 0, false, errors.New("auto, none or an address such as 0x60719b98")
	}
	return pc, false, nil
}
