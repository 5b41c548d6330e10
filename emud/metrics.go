package emud

import (
	"bytes"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"dynemu/emud/node"
)

// metricsWait is how long metrics wait for a node: one that hangs must not take the
// others' numbers away.
const metricsWait = 2 * time.Second

// The metrics, beside those of the daemon's own process.
var (
	deviceLabels = []string{"lab", "device"}
	portLabels   = []string{"lab", "device", "port"}

	metricBuild     = metric("build_info", "The program that runs, always 1.", "version")
	metricLabs      = metric("labs", "Labs that this daemon has.")
	metricState     = metric("device_state", "State of a router or switch: 1 for the one that it is in.", "lab", "device", "type", "state")
	metricAnswers   = metric("device_answers", "Whether the device runs and has answered this time.", deviceLabels...)
	metricUptime    = metric("device_uptime_seconds", "Time since the device was started.", deviceLabels...)
	metricCPU       = metric("device_cpu_seconds_total", "Processor time that the device has used since it was started.", deviceLabels...)
	metricShare     = metric("device_cpu_ratio", "How much of one processor the device uses, lately.", deviceLabels...)
	metricMemory    = metric("device_memory_bytes", "Memory that the device's process uses.", deviceLabels...)
	metricShared    = metric("device_memory_shared_bytes", "The part of it that is backed by files: the program and the image.", deviceLabels...)
	metricGuest     = metric("router_memory_bytes", "Memory that the router's guest uses.", deviceLabels...)
	metricExecuted  = metric("router_instructions_total", "Instructions that the router has executed since it was started.", deviceLabels...)
	metricIdle      = metric("router_idle_ratio", "How much of the time the router had nothing to do, lately.", deviceLabels...)
	metricUp        = metric("port_up", "Whether the link of a port is up.", portLabels...)
	metricPackets   = metric("port_packets_total", "Frames that the device has received (rx) and sent (tx).", "lab", "device", "port", "direction")
	metricBytes     = metric("port_bytes_total", "Bytes that the device has received (rx) and sent (tx).", "lab", "device", "port", "direction")
	metricDrops     = metric("port_drops_total", "Frames that arrived (rx) or were sent (tx) and went nowhere.", "lab", "device", "port", "direction")
	metricDropped   = metric("port_dropped_total", "The same frames by reason.", "lab", "device", "port", "reason")
	metricEventRead = metric("event_readers", "Readers of the file events.")
)

func metric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("dynemu_"+name, help, labels, nil)
}

// Metrics are the counters of all devices and of the daemon itself, in the text format
// of Prometheus.
func (d *Daemon) Metrics() ([]byte, error) {
	r := prometheus.NewPedanticRegistry()
	for _, c := range []prometheus.Collector{d, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	families, err := r.Gather()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// Describe implements prometheus.Collector.
func (d *Daemon) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range []*prometheus.Desc{metricBuild, metricLabs, metricState, metricAnswers, metricUptime, metricCPU, metricShare, metricMemory,
		metricShared, metricGuest, metricExecuted, metricIdle, metricUp, metricPackets, metricBytes, metricDrops, metricDropped, metricEventRead} {
		ch <- m
	}
}

// Collect implements prometheus.Collector.
func (d *Daemon) Collect(ch chan<- prometheus.Metric) {
	gauge := func(m *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(m, prometheus.GaugeValue, v, labels...)
	}
	labs := d.Labs()
	gauge(metricBuild, 1, d.opt.Version)
	gauge(metricLabs, float64(len(labs)))
	d.events.mu.Lock()
	gauge(metricEventRead, float64(len(d.events.all)))
	d.events.mu.Unlock()
	var devices []*Device
	for _, l := range labs {
		devices = append(devices, l.Devices()...)
	}
	parallel(len(devices), parallelStops, func(i int) { devices[i].collect(ch) })
}

// states are all that a device can be in.
var states = []node.State{node.Stopped, node.Booting, node.Running, node.Suspended, node.Crashed}

func (dev *Device) collect(ch chan<- prometheus.Metric) {
	send := func(m *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(m, kind, v, append([]string{dev.lab.name, dev.name}, labels...)...)
	}
	gauge := func(m *prometheus.Desc, v float64, labels ...string) { send(m, prometheus.GaugeValue, v, labels...) }
	count := func(m *prometheus.Desc, v float64, labels ...string) { send(m, prometheus.CounterValue, v, labels...) }
	s := dev.wants()
	now, _ := dev.State()
	for _, state := range states {
		gauge(metricState, truth(state == now), s.kind(), string(state))
	}
	for _, p := range dev.Ports() {
		gauge(metricUp, truth(dev.LinkState(p) == linkUp), p.Name)
	}
	st, ok := dev.statusSoon(metricsWait)
	gauge(metricAnswers, truth(ok))
	if !ok {
		return
	}
	gauge(metricUptime, st.Uptime.Seconds())
	count(metricCPU, st.CPU.Seconds())
	gauge(metricShare, st.CPUShare)
	gauge(metricMemory, float64(st.Memory))
	gauge(metricShared, float64(st.Shared))
	if s.sw == nil {
		gauge(metricGuest, float64(st.Guest))
		gauge(metricIdle, st.IdleShare)
		count(metricExecuted, float64(st.Instructions))
	}
	for name, p := range st.Ports {
		count(metricPackets, float64(p.RxFrames), name, "rx")
		count(metricPackets, float64(p.TxFrames), name, "tx")
		count(metricBytes, float64(p.RxBytes), name, "rx")
		count(metricBytes, float64(p.TxBytes), name, "tx")
		count(metricDrops, float64(p.RxDrops), name, "rx")
		count(metricDrops, float64(p.TxDrops), name, "tx")
		for reason, n := range p.Dropped {
			count(metricDropped, float64(n), name, reason)
		}
	}
}

// statusSoon is what the node says of itself; ok is false when there is none, or when it
// does not answer in time.
func (dev *Device) statusSoon(wait time.Duration) (st NodeStatus, ok bool) {
	n := dev.running()
	if n == nil {
		return st, false
	}
	type answer struct {
		st  NodeStatus
		err error
	}
	got := make(chan answer, 1)
	go func() {
		st, err := n.Status()
		got <- answer{st, err}
	}()
	select {
	case a := <-got:
		return a.st, a.err == nil
	case <-time.After(wait):
		return st, false
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
