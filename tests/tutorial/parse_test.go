package tutorial

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	text := "text\n```sh\necho a\necho b\n```\n```console\n$ dynemu\n=> list\nName\n=> exit\n$ ls\n```\n```router x/R1\nR1# ping a\n!!\nR1(config-if)# exit\n```\n```sh system\nmake deb\n```\n"
	steps, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range steps {
		got = append(got, strings.Join(append([]string{s.kind, s.on, s.command, s.input}, s.output...), "|"))
	}
	want := []string{"sh||echo a\necho b\n|", "console||dynemu|list\nexit\n|Name", "console||ls|", "router|x/R1|ping a||!!", "router|x/R1|exit|", "system||make deb|"}
	if strings.Join(got, ";") != strings.Join(want, ";") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, bad := range []string{"```\nx\n```", "```sh\nx", "```console\nx\n```", "```router R1\nx\n```", "```python\n```"} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		shown, text string
		want        bool
	}{
		{"a  b", "a b \n", true},
		{"a b", "a c\n", false},
		{"a…c", "a b c\n", true},
		{"a…c", "a\nc\n", false},
		{"a;…;c", "a\nb\nb\nc\n", true},
		{"a;…;c", "a\nc\n", true},
		{"a;…", "a\n", true},
		{"a", "a\nb\n", false},
		{"a;b", "a\n", false},
		{"a.c", "abc\n", false},
	} {
		if got := matches(strings.Split(c.shown, ";"), c.text); got != c.want {
			t.Errorf("%q against %q: %v", c.shown, c.text, got)
		}
	}
}
