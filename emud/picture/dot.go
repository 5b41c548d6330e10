// Package picture draws a lab: as a graph in the language of Graphviz, and laid out by
// its program as SVG. It knows nothing of lab files and nodes.
package picture

import (
	"bytes"
	"fmt"
	"html"
	"strings"
)

// Shape tells what a node of the picture stands for.
type Shape int

// The shapes. A Cloud is what is not a device: a LAN, or what a NIO leads to.
const (
	Router Shape = iota
	Switch
	Cloud
)

// Node is a device, a LAN or the outside end of a link.
type Node struct {
	ID    string // unlike that of any other node
	Shape Shape
	Lines []string // what is written in it
	// State is that of a device: stopped, booting, running, suspended or crashed.
	State string
	// X and Y are where it is drawn, where Placed is set: in points, to the right and
	// down. Nodes that are not placed are laid out around those that are.
	X, Y   float64
	Placed bool
}

// End is where a link ends: a node, and what is written there.
type End struct {
	ID    string
	Lines []string // without a backslash
}

// Edge is a link.
type Edge struct {
	A, B End
	// State is up, down, shut, cut or none (of a device that does not run).
	State string
}

// Graph is a picture.
type Graph struct {
	Name  string
	Title []string
	Nodes []Node
	Edges []Edge
}

// Above few nodes, links are straight lines: leading them around what is in the way takes
// minutes. Above crowd nodes, a layout that is made for many of them is used.
const (
	few   = 20
	crowd = 120
)

const font = `fontname="Helvetica,Arial,sans-serif"`

// fill and line are the colours of devices by their state.
var colours = map[string][2]string{
	"running":   {"#c8e6c9", "#2e7d32"},
	"booting":   {"#fff9c4", "#b28704"},
	"suspended": {"#d1c4e9", "#5e35b1"},
	"crashed":   {"#ffcdd2", "#c62828"},
	"stopped":   {"#eeeeee", "#757575"},
}

// links are the looks of links by their state.
var links = map[string]string{
	"up":   `color="#2e7d32"`,
	"down": `color="#b28704", style=dashed`,
	"shut": `color="#ef6c00", style=dotted`,
	"cut":  `color="#c62828", style=dotted, label="✂", fontcolor="#c62828", fontsize=14`,
	"none": `color="#9e9e9e", style=dashed`,
}

// shapes are those of Graphviz; class is what SVG tells clouds by.
var shapes = map[Shape]string{
	Router: `shape=cylinder`,
	Switch: `shape=box3d`,
	Cloud:  `shape=ellipse, class=cloud, margin="0.2,0.1", fillcolor="#e3f2fd", color="#64b5f6"`,
}

// DOT is the picture in the language of Graphviz. It names the layout to be used, so that
// `dot -Tpng` draws it as it is meant.
func (g Graph) DOT() []byte {
	var b bytes.Buffer
	layout := `layout=neato, overlap=scale, sep="+14", splines=true`
	switch {
	case len(g.Nodes) > crowd:
		layout = `layout=sfdp, overlap=prism, K=1.5, splines=line`
	case len(g.Nodes) > few:
		layout = `layout=neato, overlap=scale, sep="+14", splines=line`
	}
	for _, n := range g.Nodes {
		if n.Placed {
			layout = `layout=neato, inputscale=72, overlap=true, splines=line`
		}
	}
	title := strings.Join(g.Title, "\n")
	fmt.Fprintf(&b, "graph %s {\n", quote(g.Name))
	fmt.Fprintf(&b, "\tgraph [%s, %s, fontsize=11, label=%s, labelloc=b, bgcolor=white, pad=0.3, outputorder=nodesfirst]\n", layout, font, quote(title))
	fmt.Fprintf(&b, "\tnode [%s, fontsize=11, style=filled, penwidth=1.2, margin=\"0.15,0.06\"]\n", font)
	fmt.Fprintf(&b, "\tedge [%s, fontsize=8, penwidth=1.6, len=2.6, labelfontsize=8, labelfontcolor=black, labeldistance=3, labelangle=0]\n", font)
	for _, n := range g.Nodes {
		fmt.Fprintf(&b, "\t%s [%s, label=%s", quote(n.ID), shapes[n.Shape], quote(strings.Join(n.Lines, "\n")))
		if c, ok := colours[n.State]; ok && n.Shape != Cloud {
			fmt.Fprintf(&b, `, fillcolor="%s", color="%s"`, c[0], c[1])
		}
		if n.Placed {
			fmt.Fprintf(&b, `, pos="%.1f,%.1f!"`, n.X, -n.Y)
		}
		b.WriteString("]\n")
	}
	for i, e := range g.Edges {
		fmt.Fprintf(&b, "\t%s -- %s [%s", quote(e.A.ID), quote(e.B.ID), links[e.State])
		if i%2 != 0 { // two links that leave a node side by side
			b.WriteString(", labeldistance=4.6")
		}
		for _, end := range []struct {
			attr  string
			lines []string
		}{{"taillabel", e.A.Lines}, {"headlabel", e.B.Lines}} {
			if len(end.lines) > 0 {
				fmt.Fprintf(&b, ", %s=%s", end.attr, plate(end.lines))
			}
		}
		b.WriteString("]\n")
	}
	b.WriteString("}\n")
	return b.Bytes()
}

// quote is s as a quoted string, in which Graphviz knows escapes and entities.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "&", "&amp;").Replace(s) + `"`
}

// plate is text without a backslash on white, which stays legible on a line.
func plate(lines []string) string {
	var b strings.Builder
	b.WriteString(`<<table border="0" cellborder="0" cellpadding="0" cellspacing="0" bgcolor="white">`)
	for _, l := range lines {
		fmt.Fprintf(&b, "<tr><td>%s</td></tr>", html.EscapeString(l))
	}
	return b.String() + "</table>>"
}
