package idlepc

import (
	"strings"
	"testing"
)

// TestDatabase: the database of the reference (14.2) is read, an image is found by the
// base name of its path, and an edit keeps comments.
// Promises: 49, 52, 53.
func TestDatabase(t *testing.T) {
	const text = "# my images\r\nc7200-jk9o3s-mz.124-7a.image = 0x6084f068 # good\r\n\r\n'a = b.image' = 0X605B83F4\r\n"
	db, err := Parse([]byte(text))
	if err != nil || db.Len() != 2 {
		t.Fatal(err)
	}
	for image, want := range map[string]string{
		"c7200-jk9o3s-mz.124-7a.image":                      "0x6084f068",
		"/opt/images/c7200-jk9o3s-mz.124-7a.image":          "0x6084f068",
		`C:\Program Files\IOS\c7200-jk9o3s-mz.124-7a.image`: "0x6084f068",
		"/x/a = b.image":               "0X605B83F4",
		"C7200-JK9O3S-MZ.124-7A.image": "",
		"c7200-jk9o3s-mz.124-7a":       "",
	} {
		if v, ok := db.Lookup(image); v != want || ok != (want != "") {
			t.Errorf("%s: %q %v, want %q", image, v, ok, want)
		}
	}
	for _, c := range []struct{ image, value, want string }{
		{"/x/c7200-jk9o3s-mz.124-7a.image", "0x1", strings.Replace(text, "0x6084f068", "0x1", 1)},
		{`D:\new.bin`, "0x2", text + "new.bin = 0x2\r\n"},
		{"a, b", "0x2", text + "\"a, b\" = 0x2\r\n"},
		{"a = b.image", "0x2", strings.Replace(text, "0X605B83F4", "0x2", 1)},
	} {
		next, err := db.With(c.image, c.value)
		if err != nil || string(next.Text()) != c.want {
			t.Errorf("%s: %v: %q", c.image, err, next.Text())
		}
	}
	if next, err := (DB{}).With("x", "0x60001234"); err != nil || string(next.Text()) != "x = 0x60001234\n" {
		t.Errorf("into an empty one: %v: %q", err, next.Text())
	}
	if string(db.Text()) != text {
		t.Error("an edit changed what it was made from")
	}
}

// TestBadDatabase: what is no database is refused with line and column.
func TestBadDatabase(t *testing.T) {
	for text, want := range map[string]string{
		"x = 0x1\n  y = soon\n":    `idlepc.ini:2:7: y = "soon": expected an address such as 0x60719b98`,
		"x = auto\n":               `idlepc.ini:1:5: x = "auto": expected`,
		"x = 0x0\n":                `idlepc.ini:1:5: x = "0x0": expected`,
		"x = 1234\n":               `idlepc.ini:1:5: `,
		"x\n":                      "idlepc.ini:1:1: invalid line",
		"x = 0x1\nx = 0x2\n":       "idlepc.ini:2:1: duplicate option",
		"x =\n":                    "idlepc.ini:1:3: empty value",
		"[localhost]\nx = 0x1\n":   "idlepc.ini:1:1: [localhost]: this file has no sections",
		"x = \"0x1\n":              "idlepc.ini:1:5: the quote",
		"x = 0x1\n\x00":            "idlepc.ini:2:1: control character",
		"a = 0x1 \nb = '''0x1\n\n": "idlepc.ini:2:5: the triple quote",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	db, _ := Parse([]byte("x = 0x1\n"))
	for _, c := range [][2]string{{"y", "auto"}, {"y", ""}, {"", "0x1"}, {"a\nb", "0x1"}, {`a"'`, "0x1"}, {"\xff", "0x1"}} {
		if _, err := db.With(c[0], c[1]); err == nil {
			t.Errorf("%q = %q was written", c[0], c[1])
		}
	}
}

// TestChoose: the rules of Dynamips and Dynagen (cpu reference, 6.1).
// Promises: 46, 54.
func TestChoose(t *testing.T) {
	const base = 0x60000000
	counts := func(n ...int) map[uint64]int {
		m := map[uint64]int{}
		for i, c := range n {
			m[base+4*uint64(i)] = c
		}
		return m
	}
	text := func(n ...int) string { return Table(Choose(counts(n...))) }
	if got, want := text(49, 50, 51, 59, 60, 19, 81, 20, 80),
		`   1: 0x60000000 [49]
   2: 0x60000004 [50]
*  3: 0x60000008 [51]
*  4: 0x6000000c [59]
   5: 0x60000010 [60]
   6: 0x6000001c [20]
   7: 0x60000020 [80]
Potentially better idlepc values marked with "*"
`; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	// A small loop.
	if got, want := text(300, 1, 250, 19), "   1: 0x60000000 [300]\n   2: 0x60000008 [250]\n"+Legend+"\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	// A busy guest.
	if got := text(1, 2, 3, 19); got != "No idlepc values found\n" {
		t.Errorf("got %q", got)
	}
	// More than ten: the best, in the order of addresses.
	var many []int
	for i := range 30 {
		many = append(many, 25+i)
	}
	got := Choose(counts(many...))
	if len(got) != Most || got[0].Count != 45 || got[9].Count != 54 {
		t.Errorf("of many: %v", got)
	}
	if lines := strings.Split(Table(got), "\n"); lines[9] != "* 10: 0x60000074 [54]" {
		t.Errorf("the tenth line is %q", lines[9])
	}
	if a, b := Format(0x123456789), Format(0xffffffff80008048); a != "0x123456789" || b != "0x80008048" {
		t.Errorf("%s, %s", a, b)
	}
}

// FuzzDatabase: a text is refused or is a database, which takes another image and keeps
// those that it has.
func FuzzDatabase(f *testing.F) {
	f.Add("# c\nx = 0x1\n'y z' = \"0x2\" # d", "a/b.bin")
	f.Add("\ufeffx = 0x1\r\n", "x")
	f.Add("x = '''0x3'''\n\xe9 = 0x1", `"`)
	f.Fuzz(func(t *testing.T, text, image string) {
		db, err := Parse([]byte(text))
		if err != nil {
			return
		}
		next, err := db.With(image, "0x60719b98")
		if err != nil {
			return
		}
		if v, ok := next.Lookup(image); !ok || v != "0x60719b98" {
			t.Fatalf("%q with %q is %q: %q", text, image, next.Text(), v)
		}
		_, had := db.Lookup(image)
		if n := next.Len(); n != db.Len() && (had || n != db.Len()+1) {
			t.Fatalf("%q with %q is %q", text, image, next.Text())
		}
		for name, v := range db.values {
			if now := next.values[name]; now != v && now != "0x60719b98" {
				t.Fatalf("%q with %q is %q: %q was %q", text, image, next.Text(), name, v)
			}
		}
	})
}
