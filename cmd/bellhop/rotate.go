package main

import (
	"context"
	"errors"
	"fmt"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// rotateClient is `clients rotate`.
type rotateClient struct {
	ID    string   `arg:"" help:"Client (see clients list)."`
	Grant grant.ID `help:"Grant to try the new secret on; by default a healthy one of the client's."`
	Abort bool     `help:"Take back a new secret that was stored and not promoted, and ask for none."`
}

// rotation is what `clients rotate` prints.
type rotation struct {
	Client string   `json:"client"`
	Result string   `json:"result"` // promoted, rolled_back, unknown, aborted, unchanged
	Grant  grant.ID `json:"grant,omitempty"`
	Class  string   `json:"class,omitempty"` // of the provider's answer to the new secret
	Status int      `json:"status,omitempty"`
	Code   string   `json:"code,omitempty"`
}

// errUnsure is the end of a rotation that decided nothing: both secrets stay.
var errUnsure = errors.New("the provider did not say whether the new secret is good: both stay, the present one first; run the same again, or clients rotate --abort")

// Run changes a client's secret in two phases. The new one is stored beside the
// present one, which stays first; it is tried once; then it is promoted, or
// taken back when the provider refused it, which alone is a refusal here: a
// pipeline tells by it a bad secret from a bad hour. What was stored says how far
// an interrupted run came, so the same command again goes on from there.
func (r *rotateClient) Run(ctx context.Context, d *desk) error {
	client, err := d.inventory.Client(ctx, r.ID)
	if err != nil {
		return err
	}
	p, err := profile.ByName(client.Provider)
	if err != nil {
		return err
	}
	stored, err := d.secrets.ClientSecrets(ctx, r.ID)
	if err != nil {
		return err
	}
	if r.Abort {
		return r.abort(ctx, d, stored)
	}
	next, err := newPrompt(d.in, d.errs).secret(ctx, "new client secret")
	if err != nil {
		return err
	}
	switch {
	case stored.Next.Empty() && stored.Current.Equal(next):
		return d.print(rotation{Client: r.ID, Result: "unchanged"}.table())
	case !stored.Next.Empty() && !stored.Next.Equal(next):
		return fmt.Errorf("another secret of client %s is being tried: run with that one again, or clients rotate --abort first", r.ID)
	}
	return r.change(ctx, d, trial{desk: d, client: client, profile: p}, stored, next)
}

// change chooses where to try before anything is stored: a secret that cannot
// be tried is not taken.
func (r *rotateClient) change(ctx context.Context, d *desk, t trial, stored connection.Secrets, next secret.Text) (err error) {
	if t.grant, err = t.choose(ctx, r.Grant); err != nil {
		return err
	}
	if stored, err = d.store(ctx, r.ID, stored.Current, next); err != nil {
		return err
	}
	out, err := t.try(ctx, stored)
	if err != nil {
		fmt.Fprintln(d.errs, "bellhop:", err) // what the answer was is known all the same
	}
	return r.conclude(ctx, d, t.grant.ID, stored, out)
}

// conclude acts on the provider's answer to the new secret, and on nothing else.
func (r *rotateClient) conclude(ctx context.Context, d *desk, on grant.ID, stored connection.Secrets, out oauth.Outcome) error {
	done := rotation{Client: r.ID, Result: "unknown", Grant: on, Class: string(out.Class), Status: out.Status, Code: out.Code}
	end := errUnsure
	switch out.Class {
	case oauth.Issued:
		if _, err := d.store(ctx, r.ID, stored.Next, secret.Text{}); err != nil {
			return err
		}
		done.Result, end = "promoted", nil
	case oauth.BadClient:
		if _, err := d.store(ctx, r.ID, stored.Current, secret.Text{}); err != nil {
			return err
		}
		done.Result = "rolled_back"
		end = refuse("the provider refused the new secret of client %s: the present one stays alone", r.ID)
	}
	return errors.Join(d.print(done.table()), end)
}

func (r *rotateClient) abort(ctx context.Context, d *desk, stored connection.Secrets) error {
	done := rotation{Client: r.ID, Result: "unchanged"}
	if !stored.Next.Empty() {
		if _, err := d.store(ctx, r.ID, stored.Current, secret.Text{}); err != nil {
			return err
		}
		done.Result = "aborted"
	}
	return d.print(done.table())
}

// store writes both secrets of a client, and nothing else of it.
func (d *desk) store(ctx context.Context, client string, current, next secret.Text) (connection.Secrets, error) {
	stored, err := d.secrets.Change(ctx, client, func(s connection.Secrets) connection.Secrets {
		s.Current, s.Next = current, next
		return s
	})
	if err != nil {
		return stored, fmt.Errorf("storing the secrets: %w", err)
	}
	return stored, nil
}

func (r rotation) table() table {
	t := table{rows: [][]string{{"client", r.Client}, {"result", r.Result}}, data: r}
	if r.Grant != "" {
		t.rows = append(t.rows, []string{"tried on grant", string(r.Grant)})
	}
	if r.Class != "" {
		t.rows = append(t.rows, []string{"the provider answered", fmt.Sprintf("%s (status %d %s)", r.Class, r.Status, r.Code)})
	}
	return t
}
