package lab

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The file that shows every option is a lab, and shows them all: options, slots,
// kinds of devices, of switch ports and of connections.
// Promise: 94.
func TestAllOptions(t *testing.T) {
	text, err := os.ReadFile("../../docs/labs/all-options.net")
	if err != nil {
		t.Fatal(err)
	}
	l, messages := Parse("all-options.net", text)
	for _, m := range messages {
		if m.Severity != Notice {
			t.Error(m)
		}
	}
	if l == nil {
		t.Fatal("it is no lab")
	}
	shows := func(what, pattern string) {
		if !regexp.MustCompile(`(?mi)^[^#\n]*` + pattern).Match(text) {
			t.Errorf("it does not show %s", what)
		}
	}
	for name := range specs {
		shows("the option "+name, `\b`+name+` *=`)
	}
	shows("slots", `^ *slot1 *=`)
	for _, kind := range []string{"ROUTER", "ETHSW", "FRSW", "ATMSW", "ATMBR", "HUB"} {
		shows("a section of "+kind, `\[\[`+kind+` `)
	}
	for _, kind := range []string{"access", "dot1q", "qinq"} {
		shows("a port of "+kind, `= *`+kind+` `)
	}
	_, m := Parse("x.net", []byte("[localhost]\n[[ROUTER R1]]\ns1/0 = NIO_bogus:x"))
	_, kinds, _ := strings.Cut(m[0].Text, "the kinds are ")
	for _, kind := range strings.Fields(kinds) {
		if !strings.Contains(string(text), kind+":") {
			t.Errorf("it does not show %s", kind)
		}
	}
}
