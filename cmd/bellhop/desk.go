package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/connection"
	"bellhop/shared/consent"
	"bellhop/shared/grant"
	"bellhop/shared/ledger"
	"bellhop/shared/refresh"
	"bellhop/shared/sqs"
)

// desk is one stack, opened, with everything that the commands do to it.
type desk struct {
	inventory connection.Inventory
	grants    grant.Store
	rates     ledger.Store
	secrets   clientSecrets
	sealer    sealer
	keys      keyring
	episodes  episodes
	homes     clearer
	lanes     forgetter
	buckets   bucket.Store
	cycle     refresh.Config // of the refresh cycle that the functions run
	tickets   tickets
	wakes     sender // the refresh queue
	updates   sender // the rates queue
	defaults  defaults
	now       func() time.Time
	wait      func(ctx context.Context, d time.Duration) error

	in   io.Reader
	out  io.Writer
	errs io.Writer
	json bool
}

// defaults are what the stack's outputs say.
type defaults struct {
	RedirectURI string
	PublicURL   string
	TokenHome   string
}

// clientSecrets reads and writes a client's secrets where the functions read
// them. Change keeps what it is not asked to change, and returns what is stored
// then.
type clientSecrets interface {
	ClientSecrets(ctx context.Context, client string) (connection.Secrets, error)
	Change(ctx context.Context, client string, edit func(connection.Secrets) connection.Secrets) (connection.Secrets, error)
}

// sealer seals what is kept in the table beside a connection.
type sealer interface {
	SealBytes(ctx context.Context, label string, plain []byte) (grant.Sealed, error)
}

// tickets keeps reconnect tickets, as digests: their text is shown once.
type tickets interface {
	PutTicket(ctx context.Context, t consent.Ticket) error
}

// sender puts one message on a queue.
type sender interface {
	Send(ctx context.Context, m sqs.Message) error
}

// refusal is an answer of no: the command was understood and must not be
// carried out.
type refusal struct{ why string }

// Error implements error.
func (r *refusal) Error() string { return r.why }

// refuse makes a refusal that says what to do.
func refuse(format string, args ...any) error { return &refusal{fmt.Sprintf(format, args...)} }

func isUnknown(err error) bool {
	return errors.Is(err, connection.ErrUnknown) || errors.Is(err, connection.ErrUnknownClient) || errors.Is(err, grant.ErrNotFound) || errors.Is(err, errNoKey)
}

func isTaken(err error) bool {
	return errors.Is(err, connection.ErrExists) || errors.Is(err, connection.ErrClientExists) || errors.Is(err, grant.ErrExists)
}

// table is one answer: rows for people, any value for programs.
type table struct {
	head []string
	rows [][]string
	data any
}

// print writes t as the person asked.
func (d *desk) print(t table) error {
	if d.json {
		e := json.NewEncoder(d.out)
		e.SetIndent("", "  ")
		return e.Encode(t.data)
	}
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	if t.head != nil {
		row(w, t.head)
	}
	for _, r := range t.rows {
		row(w, r)
	}
	return w.Flush()
}

func row(w io.Writer, cells []string) {
	for i, c := range cells {
		if i > 0 {
			fmt.Fprint(w, "\t")
		}
		fmt.Fprint(w, c)
	}
	fmt.Fprintln(w)
}

// ago says how long before now t was, or "-" for never.
func ago(now, t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := now.Sub(t).Round(time.Second)
	if d < 0 {
		return "in " + (-d).String()
	}
	return d.String() + " ago"
}
