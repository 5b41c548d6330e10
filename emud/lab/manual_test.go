package lab

import (
	"os"
	"strings"
	"testing"
)

// The manual page of lab files has every option, kind of device and model.
func TestManual(t *testing.T) {
	text, err := os.ReadFile("../../docs/man/dynemu.net.5")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, w := range strings.FieldsFunc(strings.NewReplacer(`\fP`, "", `\fR`, "", `\fI`, "").Replace(string(text)), func(r rune) bool { return strings.ContainsRune(" \n\",;:[=.", r) }) {
		have[w] = true
	}
	words := append([]string{}, deviceTypes...)
	words = append(words, models...)
	words = append(words, quirkNames...)
	for name := range specs {
		words = append(words, name)
	}
	for _, w := range words {
		if !have[w] {
			t.Errorf("docs/man/dynemu.net.5 says nothing of %s", w)
		}
	}
}
