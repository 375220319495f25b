// Package wake is how Bellhop keeps its appointments. Whatever must happen
// later has a second at which it must be looked at, written into its item in
// the same write that made it necessary; once a minute the sweep finds what is
// due soon and sends it a message that arrives in that second.
//
// A wake is a hint: whoever gets one reads the item and acts only if it is due,
// so a duplicate costs one read and a lost one a minute.
package wake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
)

// Kind is what is to be looked at.
type Kind string

// The kinds.
const (
	Grant    Kind = "grant"    // on the refresh queue
	Lane     Kind = "lane"     // on the rates queue, like the next two
	Job      Kind = "job"      // an asynchronous call at a provider
	Readback Kind = "readback" // a read-back's next page
	Alert    Kind = "alert"    // on the alerts queue
)

// version is the format's.
const version = 1

// Message is one wake. Which fields it has depends on its kind: Grant for
// grants, Grant or Bucket for alerts, Connection for the others, Job for a job,
// Hops for a grant or a lane, Generation and Client for a grant.
type Message struct {
	Kind       Kind
	Grant      grant.ID
	Bucket     string // names a bucket.Bucket
	Connection connection.ID
	Job        string
	At         time.Time // the second that it stands for; an alert has none
	// Hops counts how often in a row this wake was sent on by whom it woke.
	Hops int
	// Generation of the grant and its client, as its sender saw them: with them
	// the grant is leased without being read before. Generation 0 and no client
	// when the sender does not know.
	Generation int64
	Client     string
}

// ErrNotWake says that a message is no wake at all: on the rates queue, it is a
// rate update then.
var ErrNotWake = errors.New("message is not a wake")

// wire is a wake as it travels. Times are Unix milliseconds.
type wire struct {
	V          int           `json:"v"`
	Wake       Kind          `json:"wake"`
	Grant      grant.ID      `json:"grant,omitempty"`
	Bucket     string        `json:"bucket,omitempty"`
	Connection connection.ID `json:"connection,omitempty"`
	Job        string        `json:"job,omitempty"`
	At         int64         `json:"at,omitempty"`
	Hops       int           `json:"hops,omitempty"`
	Generation int64         `json:"generation,omitempty"`
	Client     string        `json:"client,omitempty"`
}

// Encode writes a wake as the body of a queue message.
func Encode(m Message) string {
	w := wire{
		V: version, Wake: m.Kind, Grant: m.Grant, Bucket: m.Bucket, Connection: m.Connection, Job: m.Job, Hops: m.Hops,
		Generation: m.Generation, Client: m.Client,
	}
	if !m.At.IsZero() {
		w.At = m.At.UnixMilli()
	}
	b, err := json.Marshal(w)
	if err != nil {
		panic(err) // strings and numbers alone
	}
	return string(b)
}

// Decode reads the body of a queue message. It is strict: an unknown field, a
// missing one or another version is an error, because a wake that is half
// understood would be acted upon half. [ErrNotWake] when there is no "wake".
func Decode(body string) (Message, error) {
	var probe struct {
		Wake *Kind `json:"wake"`
	}
	if err := json.Unmarshal([]byte(body), &probe); err != nil || probe.Wake == nil {
		return Message{}, ErrNotWake
	}
	var w wire
	d := json.NewDecoder(bytes.NewReader([]byte(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(&w); err != nil {
		return Message{}, fmt.Errorf("reading a wake: %w", err)
	}
	if w.V != version {
		return Message{}, fmt.Errorf("wake has version %d, this release knows %d", w.V, version)
	}
	m := Message{
		Kind: w.Wake, Grant: w.Grant, Bucket: w.Bucket, Connection: w.Connection, Job: w.Job, Hops: w.Hops,
		Generation: w.Generation, Client: w.Client,
	}
	if w.At != 0 {
		m.At = time.UnixMilli(w.At)
	}
	return m, m.check()
}

// check refuses a wake whose fields do not fit its kind.
func (m Message) check() error {
	fits := map[Kind]bool{
		Grant:    m.Grant != "" && m.Connection == "" && m.Job == "" && !m.At.IsZero(),
		Lane:     m.Grant == "" && m.Connection != "" && m.Job == "" && !m.At.IsZero(),
		Job:      m.Grant == "" && m.Connection != "" && m.Job != "" && !m.At.IsZero(),
		Readback: m.Grant == "" && m.Connection != "" && m.Job == "" && !m.At.IsZero(),
		Alert:    (m.Grant != "") != (m.Bucket != "") && m.Connection == "" && m.Job == "",
	}
	fit, known := fits[m.Kind]
	seen := m.Generation != 0 || m.Client != "" // what the sender saw of a grant
	switch {
	case !known:
		return fmt.Errorf("wake of unknown kind %q", m.Kind)
	case !fit || m.Hops < 0 || m.Hops > 0 && m.Kind != Lane && m.Kind != Grant,
		m.Bucket != "" && m.Kind != Alert, seen && m.Kind != Grant, m.Generation < 0:
		return fmt.Errorf("wake of kind %q has the wrong fields", m.Kind)
	}
	return nil
}
