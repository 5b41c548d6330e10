// Command dynemu is the client of dynemud: one-shot commands on the files under
// /run/dynemu.
package main

import (
	"os"

	"dynemu/cmd/dynemu/internal/cli"
)

func main() {
	os.Exit(cli.Run(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
