package emud_test

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

func TestMetrics(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", switched)
	h.mustApply("n", "[localhost]\n[[ROUTER R9]]\nf0/0 = LAN 1\n")
	if err := h.device("m", "R2").Stop(); err != nil {
		t.Fatal(err)
	}
	text, err := h.d.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	// The checks of promtool.
	if problems, err := promlint.New(bytes.NewReader(text)).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("not as Prometheus wants it: %v %v", problems, err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if families["process_cpu_seconds_total"] == nil || families["go_goroutines"] == nil {
		t.Error("nothing of the daemon itself")
	}
	for _, want := range []string{
		`dynemu_labs 2`,
		`dynemu_device_state{device="R1",lab="m",state="running",type="7200"} 1`,
		`dynemu_device_state{device="R1",lab="m",state="stopped",type="7200"} 0`,
		`dynemu_device_state{device="R2",lab="m",state="stopped",type="7200"} 1`,
		`dynemu_device_state{device="S1",lab="m",state="running",type="ETHSW"} 1`,
		`dynemu_device_answers{device="R1",lab="m"} 1`,
		`dynemu_device_answers{device="R2",lab="m"} 0`,
		`dynemu_device_uptime_seconds{device="R1",lab="m"} 1`,
		`dynemu_router_instructions_total{device="R1",lab="m"} 42`,
		`dynemu_port_packets_total{device="R9",direction="rx",lab="n",port="f0/0"} 7`,
		`dynemu_port_dropped_total{device="R9",lab="n",port="f0/0",reason="in-filter"} 3`,
		`dynemu_port_up{device="R1",lab="m",port="f1/0"} 1`,
		`dynemu_port_up{device="S1",lab="m",port="2"} 0`,
	} {
		if !strings.Contains("\n"+string(text), "\n"+want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
	for _, absent := range []string{`router_instructions_total{device="S1"`, `device_uptime_seconds{device="R2"`} {
		if strings.Contains(string(text), absent) {
			t.Errorf("a line of %s", absent)
		}
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Log("SKIP: no promtool here (Debian: prometheus); its checks were made by the library that it uses")
		return
	}
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = bytes.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// A node that hangs does not keep the numbers of the others from being shown.
func TestMetricsOfHungNode(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", switched)
	release := h.nodes.Get("m", "R1").Hang()
	defer release()
	start := time.Now()
	text, err := h.d.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	for _, want := range []string{`dynemu_device_answers{device="R1",lab="m"} 0`, `dynemu_device_uptime_seconds{device="R2",lab="m"} 1`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no line %s", want)
		}
	}
}
