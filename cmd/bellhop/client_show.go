package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/profile"
)

// showClient is `clients show`.
type showClient struct {
	ID string `arg:"" help:"Client (see clients list)."`
}

// clientStatus is what its grants share at the provider's token endpoint.
type clientStatus struct {
	Client    string         `json:"client"`
	Provider  string         `json:"provider"`
	ClientID  string         `json:"client_id"`
	Grants    int            `json:"grants"`
	Secrets   string         `json:"secrets"` // "one", or "two" while one is being changed
	Budgets   []budgetStatus `json:"budgets,omitempty"`
	Held      string         `json:"held,omitempty"` // why no exchange is made now
	NextFree  time.Time      `json:"next_free,omitzero"`
	Refused   int            `json:"refused_lately,omitempty"` // grants whose credential was called invalid
	Suspected bool           `json:"suspected,omitempty"`      // their refusals are not believed at present
	Trouble   *troubleStatus `json:"trouble,omitempty"`
}

// budgetStatus is one sliding window, in exchanges: what a provider counts in
// credits is divided by what an exchange costs.
type budgetStatus struct {
	Calls  int    `json:"calls"`
	Window string `json:"window"`
	Left   int    `json:"left"` // for refreshing; more are kept for people who reconnect
}

// troubleStatus is an episode in which the provider refuses our registration.
type troubleStatus struct {
	Since         time.Time `json:"since"`
	Status        int       `json:"status"`
	Code          string    `json:"code"`
	SecretVersion string    `json:"secret_version"`
	Payload       string    `json:"payload_digest"`
}

// Run shows one client. It counts its grants on the way, and tells the bucket.
func (s *showClient) Run(ctx context.Context, d *desk) error {
	client, err := d.inventory.Client(ctx, s.ID)
	if err != nil {
		return err
	}
	p, err := profile.ByName(client.Provider)
	if err != nil {
		return err
	}
	stored, err := d.secrets.ClientSecrets(ctx, s.ID)
	if err != nil {
		return err
	}
	grants := 0
	if err := d.grantsOf(ctx, client, func(grant.Grant) bool { grants++; return true }); err != nil {
		return err
	}
	b, err := bucket.Change(ctx, d.buckets, bucket.OfClient(s.ID), func(b bucket.Bucket) bucket.Bucket {
		b.Grants = grants
		return b
	})
	if err != nil {
		return err
	}
	is := clientStatus{Client: client.ID, Provider: client.Provider, ClientID: client.ClientID, Grants: grants,
		Secrets: map[bool]string{true: "one", false: "two"}[stored.Next.Empty()]}
	return d.print(is.of(b, p.Token, stored.Version, d.now()).table(d.now()))
}

// grantsOf visits a client's grants, each once, until visit has seen enough. A
// connection whose grant is gone, because it is being removed, leads to none.
func (d *desk) grantsOf(ctx context.Context, client connection.Client, visit func(grant.Grant) (more bool)) error {
	seen := map[grant.ID]bool{}
	var failed error
	err := d.inventory.All(ctx, func(c connection.Connection) bool {
		if c.Provider != client.Provider || seen[c.Grant] {
			return true
		}
		seen[c.Grant] = true
		g, err := d.grants.Read(ctx, c.Grant)
		if errors.Is(err, grant.ErrNotFound) {
			return true
		}
		failed = err
		return err == nil && (g.Client != client.ID || visit(g))
	})
	return errors.Join(err, failed)
}

// of adds what the bucket says to a grant that would present the stored secret:
// another version than the refused one would be let through sooner.
func (s clientStatus) of(b bucket.Bucket, t profile.Token, secretVersion string, now time.Time) clientStatus {
	rules := bucket.RulesOf(t)
	for _, w := range rules.Windows {
		s.Budgets = append(s.Budgets, budgetStatus{Calls: w.Exchanges(), Window: w.Span.String(), Left: left(b, rules, w, now)})
	}
	if _, answer := b.Take(rules, bucket.Ask{Nonce: "show", SecretVersion: secretVersion}, now); !answer.Goes() {
		s.Held, s.NextFree = answer.Why, answer.At
	}
	s.Refused, s.Suspected = len(b.Suspects.Recent), b.Suspected()
	if b.Troubled() {
		s.Trouble = &troubleStatus{Since: b.Trouble.Since, Status: b.Trouble.Status, Code: b.Trouble.Code,
			SecretVersion: b.Trouble.SecretVersion, Payload: b.Trouble.Payload}
	}
	return s
}

// left is how many exchanges one window would let through now, found by asking
// it that often: nothing else knows what is kept for codes.
func left(b bucket.Bucket, r bucket.Rules, w bucket.Window, now time.Time) int {
	open := bucket.Bucket{Name: b.Name, Calls: b.Calls}
	r = bucket.Rules{Windows: []bucket.Window{w}, CodeShare: r.CodeShare}
	for n := range w.Exchanges() {
		next, answer := open.Take(r, bucket.Ask{Nonce: "show-" + strconv.Itoa(n)}, now)
		if !answer.Goes() {
			return n
		}
		open = next
	}
	return w.Exchanges()
}

func (s clientStatus) table(now time.Time) table {
	rows := [][]string{{"client", s.Client}, {"provider", s.Provider}, {"client id", s.ClientID}, {"grants", strconv.Itoa(s.Grants)},
		{"client secrets", s.Secrets}}
	for _, b := range s.Budgets {
		rows = append(rows, []string{"budget", fmt.Sprintf("%d of %d calls in %s are left", b.Left, b.Calls, b.Window)})
	}
	exchanges := "now"
	if s.Held != "" {
		exchanges = ago(now, s.NextFree) + " (held: " + s.Held + ")"
	}
	rows = append(rows, []string{"exchanges", exchanges})
	if s.Refused > 0 {
		rows = append(rows, []string{"refused lately", fmt.Sprintf("%d grants%s", s.Refused, map[bool]string{true: ", not believed: one is probed each minute"}[s.Suspected])})
	}
	if t := s.Trouble; t != nil {
		rows = append(rows, []string{"registration refused", strings.TrimSpace(fmt.Sprintf("since %s: status %d %s", ago(now, t.Since), t.Status, t.Code))},
			[]string{"by secret version", t.SecretVersion}, []string{"request digest", t.Payload}, []string{"what to do", "bellhop clients rotate " + s.Client})
	}
	return table{rows: rows, data: s}
}
