package picture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// layoutTime bounds how long a layout takes.
	layoutTime = 5 * time.Second
	// maxSVG bounds a picture, in bytes.
	maxSVG = 16 << 20
)

// running bounds how many layouts are made at a time.
var running = make(chan struct{}, 2)

// SVG lays dot out with Graphviz. Where that cannot be, the picture is a text that says
// why.
func SVG(dot []byte) []byte {
	running <- struct{}{}
	defer func() { <-running }()
	program, err := exec.LookPath("dot")
	if err != nil {
		return Text("This picture is laid out by Graphviz, which is not installed.", "On Debian: apt install graphviz",
			"The file topology.dot beside this one has what it shows.")
	}
	svg, err := layOut(program, dot)
	if err != nil {
		return Text("Graphviz could not lay this picture out:", err.Error(), "The file topology.dot beside this one has what it shows.")
	}
	return clouds(svg)
}

// layOut runs the program, confined.
func layOut(program string, dot []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), layoutTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", limits+`exec "$0" -Tsvg`, program)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=/nonexistent"}
	said := &limited{most: 4 << 10}
	cmd.Stderr = said
	out := &limited{most: maxSVG, full: cancel}
	cmd.Stdout = out
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := startConfined(cmd); err != nil {
		return nil, err
	}
	_, err = io.Copy(in, bytes.NewReader(dot))
	in.Close()
	switch wait := cmd.Wait(); {
	case out.over:
		return nil, fmt.Errorf("the picture is larger than %d MiB", maxSVG>>20)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("it takes longer than %v", layoutTime)
	case wait != nil:
		return nil, fmt.Errorf("dot: %w: %s", wait, strings.TrimSpace(said.kept.String()))
	case err != nil && !errors.Is(err, syscall.EPIPE):
		return nil, err
	}
	return out.kept.Bytes(), nil
}

// limited keeps what is written, up to most bytes.
type limited struct {
	kept bytes.Buffer
	most int
	over bool
	full func() // called when there is more
}

func (w *limited) Write(p []byte) (int, error) {
	if w.kept.Len()+len(p) > w.most {
		if w.full != nil && !w.over {
			w.full()
		}
		w.over = true
		return len(p), nil
	}
	return w.kept.Write(p)
}

// Text is a picture of lines of text.
func Text(lines ...string) []byte {
	var b bytes.Buffer
	width := 0
	for _, l := range lines {
		width = max(width, len(l))
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="Helvetica,Arial,sans-serif" font-size="14">`+"\n", 40+8*width, 40+20*len(lines))
	for i, l := range lines {
		fmt.Fprintf(&b, "<text x=\"20\" y=\"%d\">%s</text>\n", 34+20*i, html.EscapeString(l))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// cloudShape is the ellipse of a cloud, as Graphviz writes it.
var cloudShape = regexp.MustCompile(`(<g id="[^"]*" class="node cloud">\s*<title>[^<]*</title>\s*)<ellipse ([^>]*?)cx="([-0-9.]+)" cy="([-0-9.]+)" rx="([-0-9.]+)" ry="([-0-9.]+)"/>`)

// clouds draws clouds in the place of their ellipses.
func clouds(svg []byte) []byte {
	return cloudShape.ReplaceAllFunc(svg, func(m []byte) []byte {
		f := cloudShape.FindSubmatch(m)
		var v [4]float64
		for i := range v {
			v[i], _ = strconv.ParseFloat(string(f[3+i]), 64)
		}
		return fmt.Appendf(nil, `%s<path %sd="%s"/>`, f[1], f[2], cloud(v[0], v[1], v[2], v[3]))
	})
}

// outline are the corners between the arcs of a cloud of radius 1, clockwise from the
// left.
var outline = [][2]float64{{-0.92, 0.30}, {-0.95, -0.20}, {-0.55, -0.72}, {0.02, -0.82}, {0.56, -0.70}, {0.96, -0.18}, {0.93, 0.34}, {0.52, 0.80}, {-0.02, 0.86}, {-0.54, 0.80}}

// cloud is the path of a cloud around a centre, of two radii.
func cloud(cx, cy, rx, ry float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "M%.2f,%.2f", cx+rx*outline[0][0], cy+ry*outline[0][1])
	for i := range outline {
		to := outline[(i+1)%len(outline)]
		fmt.Fprintf(&b, " A%.2f,%.2f 0 0 1 %.2f,%.2f", 0.36*rx, 0.44*ry, cx+rx*to[0], cy+ry*to[1])
	}
	return b.String() + "Z"
}
