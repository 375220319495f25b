package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"bellhop/shared/connection"
	"bellhop/shared/dialect"
	"bellhop/shared/drain"
	"bellhop/shared/grant"
	"bellhop/shared/invtest"
	"bellhop/shared/ledger"
	"bellhop/shared/ledgertest"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
	"bellhop/shared/secrettest"
	"bellhop/shared/sqs"
	"bellhop/shared/wake"
)

var start = time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)

// provider is generic's rate API: it remembers the price of every first night.
type provider struct {
	mu     sync.Mutex
	prices map[string]string // "property/room/plan/from" -> price
	calls  int
	slow   string // a property whose calls hang
	hang   chan struct{}
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var b struct {
		Property string `json:"property"`
		Items    []struct {
			Room  string `json:"room_type"`
			Plan  string `json:"rate_plan"`
			From  string `json:"from"`
			Price string `json:"price"`
		} `json:"items"`
	}
	body, _ := io.ReadAll(r.Body)
	if err := json.Unmarshal(body, &b); err != nil {
		panic(err)
	}
	if b.Property == p.slow && p.hang != nil {
		<-p.hang
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	results := []map[string]any{}
	for i, item := range b.Items {
		p.prices[b.Property+"/"+item.Room+"/"+item.Plan+"/"+item.From] = item.Price
		results = append(results, map[string]any{"index": i, "status": "applied"})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"results": results})
}

func (p *provider) price(key string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.prices[key]
}

type liveGrants struct{}

func (liveGrants) Read(_ context.Context, id grant.ID) (grant.Grant, error) {
	return grant.Grant{
		ID: id, Client: "generic", Enabled: true, Health: grant.OK, Generation: 1,
		Issued: start, Expires: start.Add(time.Hour),
	}, nil
}

func (liveGrants) Judge(context.Context, grant.JudgeWrite) error   { return nil }
func (liveGrants) Hasten(context.Context, grant.HastenWrite) error { return nil }

type openVault struct{}

func (openVault) Open(context.Context, grant.Grant) (grant.Pair, error) {
	return grant.Pair{Access: secret.New(secrettest.Mint("t"))}, nil
}

// shelf keeps what is sent to a queue.
type shelf struct {
	mu   sync.Mutex
	sent []string
	err  error
}

func (s *shelf) Send(_ context.Context, m sqs.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.sent = append(s.sent, m.Body)
	}
	return s.err
}

type nowhere struct{}

func (nowhere) Send(context.Context, wake.Send) error { return nil }

// world is a pusher with two connections of one property and one of another.
type world struct {
	t         *testing.T
	pusher    *pusher
	ledger    *ledgertest.Memory
	inventory *invtest.Memory
	provider  *provider
	rejected  *shelf
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, ledger: ledgertest.NewMemory(), inventory: &invtest.Memory{}, rejected: &shelf{},
		provider: &provider{prices: map[string]string{}},
	}
	server := httptest.NewServer(w.provider)
	t.Cleanup(server.Close)
	client := connection.Client{ID: "generic", Provider: "generic", Endpoints: profile.Endpoints{API: server.URL}}
	if err := w.inventory.AddClient(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	for id, property := range map[connection.ID]string{"lisbon-1": "lisbon", "lisbon-2": "lisbon", "porto-1": "porto"} {
		err := w.inventory.Add(t.Context(), connection.Connection{
			ID: id, Property: property, Provider: "generic", Grant: grant.ID(id), RemoteProperty: "R-" + string(id),
			Zone: "Europe/Lisbon", Currency: "EUR",
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	now := func() time.Time { return start }
	var names, mu = 0, sync.Mutex{}
	w.pusher = &pusher{
		drainer: &drain.Drainer{
			Ledger: w.ledger, Inventory: w.inventory, Grants: liveGrants{}, Tokens: drain.NewTokens(openVault{}),
			Sender: dialect.NewSender(nil, time.Now), Rates: nowhere{}, Refresh: nowhere{}, Now: now,
			Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
			Fresh: func() string {
				mu.Lock()
				defer mu.Unlock()
				names++
				return "n" + strconv.Itoa(names)
			},
		},
		inventory: w.inventory, rejected: w.rejected, now: now,
	}
	return w
}

// handle brings a batch of bodies, and returns the indexes of those that come
// again.
func (w *world) handle(bodies ...string) []string {
	w.t.Helper()
	var e events.SQSEvent
	for i, body := range bodies {
		e.Records = append(e.Records, events.SQSMessage{MessageId: "m" + strconv.Itoa(i), Body: body})
	}
	out, err := w.pusher.Handle(w.t.Context(), e)
	if err != nil {
		w.t.Fatal(err)
	}
	if out.BatchItemFailures == nil {
		w.t.Error("the list of failures is nil: some read null as all of them")
	}
	failed := []string{}
	for _, f := range out.BatchItemFailures {
		failed = append(failed, f.ItemIdentifier)
	}
	return failed
}

// rejections decodes what is on the rejected queue.
func (w *world) rejections() []rejection {
	w.t.Helper()
	var all []rejection
	for _, body := range w.rejected.sent {
		var r rejection
		if err := json.Unmarshal([]byte(body), &r); err != nil {
			w.t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// says is a message with one price for one night.
func says(connection string, revision int, price string) string {
	return `{"v":1,"connection":"` + connection + `","revision":` + strconv.Itoa(revision) + `,"currency":"EUR","updates":[` +
		`{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-01","to":"2026-12-03","price":"` + price + `"}]}`
}

// entry is what the ledger has of the first night's price.
func (w *world) entry(id connection.ID) ledger.Entry {
	w.t.Helper()
	pages, err := w.ledger.Pages(w.t.Context(), id, []ledger.PageKey{{Room: "DBL", Plan: "BAR", Month: "2026-12"}})
	if err != nil {
		w.t.Fatal(err)
	}
	return pages[0].Days[1][ledger.Price]
}

// errDown is a table that does not answer.
var errDown = errors.New("table is down")
