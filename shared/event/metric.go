package event

import (
	"encoding/json"
	"io"
	"time"
)

// Namespace is where CloudWatch puts the metrics; the template's alarms name
// it.
const Namespace = "Bellhop"

// Metric is one of the metrics below. Each has the dimension Stack, some have
// Provider too: every distinct set of values costs as its own metric, so
// neither connection nor grant is ever one.
type Metric string

// The metrics. The template's alarms may name these alone; a test holds them
// together.
const (
	Refreshes            Metric = "Refreshes"            // pairs committed
	RefreshFailures      Metric = "RefreshFailures"      // exchanges that brought no pair
	Reauthorizations     Metric = "Reauthorizations"     // grants that need a person, counted once each
	ExchangeLatency      Metric = "ExchangeLatency"      // milliseconds
	PairsNotSettled      Metric = "PairsNotSettled"      // pairs that stay inline although they should not
	SecretsNotRetired    Metric = "SecretsNotRetired"    // deletions of former secrets that failed
	SecretsManagerWrites Metric = "SecretsManagerWrites" // versions written
	UpdatesRefused       Metric = "UpdatesRefused"       // rate updates that were not taken
	CellsAccepted        Metric = "CellsAccepted"        // fields of cells that the provider took
	ChunksSent           Metric = "ChunksSent"           // provider calls
	ChunksPutBack        Metric = "ChunksPutBack"        // calls whose cells wait
	AlertFailures        Metric = "AlertFailures"        // messages that a channel did not take
	WebhooksRefused      Metric = "WebhooksRefused"      // requests whose signature did not hold
)

// AllMetrics lists the names, for the page and the tests.
func AllMetrics() []Metric {
	return []Metric{Refreshes, RefreshFailures, Reauthorizations, ExchangeLatency, PairsNotSettled,
		SecretsNotRetired, SecretsManagerWrites, UpdatesRefused, CellsAccepted, ChunksSent, ChunksPutBack, AlertFailures, WebhooksRefused}
}

// meter writes embedded metrics: one JSON object a line.
type meter struct {
	w     io.Writer // safe for concurrent use
	stack string
}

// Count adds n to a metric. Provider is its second dimension; empty leaves it
// with Stack alone.
func (l *Log) Count(m Metric, n float64, provider string) { l.put(m, n, "Count", provider) }

// Observe records a duration.
func (l *Log) Observe(m Metric, d time.Duration, provider string) {
	l.put(m, float64(d.Microseconds())/1000, "Milliseconds", provider)
}

// put writes one line of the embedded metric format
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
// The set without Provider comes always, so that an alarm needs no list of
// providers. The level keeps Lambda's log filter from dropping the line.
func (l *Log) put(m Metric, n float64, unit, provider string) {
	if l == nil || l.meter == nil {
		return
	}
	sets := [][]string{{"Stack"}}
	line := map[string]any{"level": "INFO", "Stack": l.meter.stack, string(m): n}
	if provider != "" {
		sets = append(sets, []string{"Stack", "Provider"})
		line["Provider"] = provider
	}
	line["_aws"] = map[string]any{
		"Timestamp": time.Now().UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{
			"Namespace":  Namespace,
			"Dimensions": sets,
			"Metrics":    []any{map[string]string{"Name": string(m), "Unit": unit}},
		}},
	}
	b, err := json.Marshal(line)
	if err != nil {
		return // not a finite number: there is nothing to say
	}
	_, _ = l.meter.w.Write(append(b, '\n'))
}
