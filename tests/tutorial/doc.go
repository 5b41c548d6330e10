// Package tutorial runs docs/tutorial.md: every command in it, in order, against a
// daemon of its own, and compares what they print with what the text shows.
//
// The text has four kinds of blocks:
//
//	```sh          files and commands, as a shell script; nothing is shown
//	```console     lines that begin with "$ " are commands of the shell, lines that
//	               begin with "=> " are typed at the console that the command before
//	               them opened; the others are what they print
//	```router L/R  lines that begin with a router's prompt are typed at the console
//	               of router R of lab L; the others are what it prints, which is
//	               not compared where nothing is shown
//	```sh system   commands that change the machine: what they name must be there
//
// In what is shown, … stands for any text in a line, and a line of it for any lines;
// the number of blanks does not count.
package tutorial
