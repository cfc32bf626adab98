package telemetry

import (
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is every metric of one server. All names begin with zas_; no label holds a bucket, key, repository or user.
type Metrics struct {
	registry *prometheus.Registry
	panics   prometheus.Counter

	requests *prometheus.CounterVec   // protocol, operation, status
	duration *prometheus.HistogramVec // protocol, operation
	inFlight *prometheus.GaugeVec     // protocol
	bytes    *prometheus.CounterVec   // protocol, operation, direction

	operations *prometheus.CounterVec   // store, operation, result
	storeTime  *prometheus.HistogramVec // store, operation
	storeBytes *prometheus.CounterVec   // store, direction
	attempts   prometheus.Counter
}

// NewMetrics makes the metrics of one server.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "zas_http_panics_total", Help: "Requests that ended in a panic: each is a defect."}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "zas_http_requests_total", Help: "Requests answered."}, []string{"protocol", "operation", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "zas_http_request_duration_seconds", Help: "Time from a request's header to the end of its answer.",
			Buckets: latencies()}, []string{"protocol", "operation"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "zas_http_requests_in_flight", Help: "Requests being served."}, []string{"protocol"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "zas_http_body_bytes_total", Help: "Bytes of request bodies read and of response bodies written."},
			[]string{"protocol", "operation", "direction"}),
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "zas_store_operations_total", Help: "Calls of the stores. A refused transaction was ended by its caller."},
			[]string{"store", "operation", "result"}),
		storeTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "zas_store_operation_duration_seconds", Help: "Time of the stores' calls.",
			Buckets: latencies()}, []string{"store", "operation"}),
		storeBytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "zas_store_bytes_total", Help: "Bytes committed to the store of extents."}, []string{"store", "direction"}),
		attempts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "zas_store_transaction_attempts_total", Help: "Runs of transactions' bodies; above the updates: reruns."}),
	}
	m.registry.MustRegister(m.panics, m.requests, m.duration, m.inFlight, m.bytes, m.operations, m.storeTime, m.storeBytes, m.attempts,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// latencies are the bucket bounds in seconds: from an inline read to a slow multipart completion.
func latencies() []float64 {
	return []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
}

// Handler serves the metrics in Prometheus' formats.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// Build publishes the program's version.
func (m *Metrics) Build(version, goVersion string) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "zas_build_info", Help: "The version of the program, as labels of the constant 1.",
		ConstLabels: prometheus.Labels{"version": version, "go": goVersion},
	}, func() float64 { return 1 }))
}

// Gauge publishes a number that is read when metrics are asked for. read must be quick and safe for concurrent use.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "zas_" + name, Help: help}, read))
}

// Counter publishes a number that only grows and is read when metrics are asked for, as Gauge.
func (m *Metrics) Counter(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "zas_" + name, Help: help}, read))
}

// httpSeries are the metrics of one protocol, with the children looked up once for each operation and status.
type httpSeries struct {
	metrics  *Metrics
	protocol string
	inFlight prometheus.Gauge

	mu       sync.Mutex                            // serialises changes of children
	children atomic.Pointer[map[seriesKey]*series] // copied on change: there are few, and requests are many
}

type seriesKey struct {
	operation string
	status    int
}

type series struct {
	requests prometheus.Counter
	duration prometheus.Observer
	received prometheus.Counter
	sent     prometheus.Counter
}

func (m *Metrics) newHTTPSeries(protocol string) *httpSeries {
	s := &httpSeries{metrics: m, protocol: protocol, inFlight: m.inFlight.WithLabelValues(protocol)}
	s.children.Store(&map[seriesKey]*series{})
	return s
}

func (s *httpSeries) observe(operation string, o outcome) {
	key := seriesKey{operation: operation, status: o.w.status}
	child := (*s.children.Load())[key]
	if child == nil {
		child = s.add(key)
	}
	child.requests.Inc()
	child.duration.Observe(o.took.Seconds())
	child.received.Add(float64(o.received()))
	child.sent.Add(float64(o.w.sent))
}

func (s *httpSeries) add(key seriesKey) *series {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := *s.children.Load()
	if child := old[key]; child != nil {
		return child
	}
	child := &series{
		requests: s.metrics.requests.WithLabelValues(s.protocol, key.operation, strconv.Itoa(key.status)),
		duration: s.metrics.duration.WithLabelValues(s.protocol, key.operation),
		received: s.metrics.bytes.WithLabelValues(s.protocol, key.operation, "received"),
		sent:     s.metrics.bytes.WithLabelValues(s.protocol, key.operation, "sent"),
	}
	grown := maps.Clone(old)
	grown[key] = child
	s.children.Store(&grown)
	return child
}
