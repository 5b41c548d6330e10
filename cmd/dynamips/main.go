// Command dynamips is a drop-in for the command line of Dynamips: one router in
// the foreground, its console on standard input and output, no daemon needed.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"
)

func main() {
	o, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, pflag.ErrHelp):
		usage(os.Stdout)
		return
	case err != nil:
		fmt.Fprintf(os.Stderr, "dynamips: %v\n", err)
		os.Exit(2)
	}
	if err := run(o); err != nil {
		fmt.Fprintf(os.Stderr, "dynamips: %v\n", err)
		os.Exit(1)
	}
}
