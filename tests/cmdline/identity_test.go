package cmdline

import (
	"strings"
	"testing"
	"time"
)

// The base MAC address and the system id are what the guest reads in the EEPROMs.
func TestIdentity(t *testing.T) {
	r := start(t, t.TempDir(), "-r", "64", "-t", "npe-200", "-m", "0011.2233.4400", "-I", "305419896", image(t))
	c := r.login(t)
	out, err := c.Command("show c7200", 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"0x00: 01 06 02 01 12 34 56 78 49 06 03 03 00 11 22 33", "0x10: 44 00", // midplane
		"0x00: 01 69 02 00 12 34 56 78", // NPE
	} {
		if !strings.Contains(out, want) {
			t.Errorf("show c7200 has not %q:\n%s", want, out)
		}
	}
	if out, err := c.Command("show interfaces FastEthernet0/0", 5*time.Second); err != nil || !strings.Contains(out, "address is 0011.2233.4400") {
		t.Errorf("show interfaces: %v\n%s", err, out)
	}
	r.end(t)
}
