package wires

import "flag"

// atOnce has more tests run at once than there are processors, unless the command line
// says how many: those of labs wait most of the time.
func atOnce() {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if !said {
		if err := flag.Set("test.parallel", "6"); err != nil {
			panic(err)
		}
	}
}
