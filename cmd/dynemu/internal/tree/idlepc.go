package tree

import (
	"regexp"
	"strconv"
	"strings"
)

// IdlePCValue is a line of the table of idle-PC values.
type IdlePCValue struct {
	PC    string `json:"pc"`
	Count int    `json:"count"`
	// Best marks those that are likely good.
	Best bool `json:"best"`
}

var idlePCLine = regexp.MustCompile(`^([* ]) +\d+: (0x[0-9a-f]+) \[(\d+)\]$`)

// ParseIdlePC reads the table of the files get and show, which is empty where there are no values.
func ParseIdlePC(text string) (values []IdlePCValue) {
	for line := range strings.Lines(text) {
		if m := idlePCLine.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			n, _ := strconv.Atoi(m[3])
			values = append(values, IdlePCValue{m[2], n, m[1] == "*"})
		}
	}
	return values
}
