package dynamo

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"bellhop/shared/alerttest"
	"bellhop/shared/connection"
	"bellhop/shared/consent"
	"bellhop/shared/consenttest"
	"bellhop/shared/grant"
	"bellhop/shared/invtest"
)

// set writes attributes of an item as another part of the table's code would.
func set(t *testing.T, api *dynamodb.Client, table, pk, sk string, attributes item) {
	t.Helper()
	m := key(pk, sk)
	maps.Copy(m, attributes)
	if _, err := api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: m}); err != nil {
		t.Fatal(err)
	}
}

func TestInventory_KeepsTheContract(t *testing.T) {
	invtest.Suite(t, func(t *testing.T) connection.Inventory {
		api, table := realTable(t)
		return NewInventory(api, table)
	})
}

func TestInventory_RefusesALaterRelease(t *testing.T) {
	api, table := realTable(t)
	for _, v := range []int64{0, 2} {
		set(t, api, table, "CONN#new", "META", item{"v": num(v)})
		if c, err := NewInventory(api, table).Connection(t.Context(), "new"); err == nil {
			t.Errorf("an item of version %d was read as %+v", v, c)
		}
	}
}

// A connection is found by its grant although the grant's TOKEN and episodes
// live under the same partition key.
func TestInventory_TokenIsNoConnection(t *testing.T) {
	api, table := realTable(t)
	set(t, api, table, "GRANT#grant-1", "TOKEN", item{"v": num(1)})
	set(t, api, table, "GRANT#grant-1", "EPISODE#1", item{"v": num(1)})
	inventory := NewInventory(api, table)
	if err := inventory.Add(t.Context(), invtest.Lisbon()); err != nil {
		t.Fatal(err)
	}
	found, err := inventory.ByGrant(t.Context(), "grant-1")
	if err != nil || len(found) != 1 || found[0].ID != "lisbon-1" {
		t.Errorf("ByGrant = %+v, %v; want lisbon-1 alone", found, err)
	}
}

func TestTickets_KeepTheContract(t *testing.T) {
	consenttest.Suite(t, func(t *testing.T) consenttest.World {
		api, table := realTable(t)
		use := func(ctx context.Context, digest string, at time.Time) error {
			_, err := api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
				TableName:                 &table,
				Key:                       key("TICKET#"+digest, "TICKET"),
				UpdateExpression:          aws.String("set used = :at"),
				ExpressionAttributeValues: item{":at": num(at.UnixMilli())},
			})
			return err
		}
		return consenttest.World{Store: NewTickets(api, table), Use: use}
	})
}

func TestOutbox_KeepsTheContract(t *testing.T) {
	alerttest.Suite(t, func(t *testing.T) alerttest.World {
		api, table := realTable(t)
		reconnect := func(ctx context.Context, id grant.ID, n int64, waiting int, at time.Time) error {
			_, err := api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
				TableName:        &table,
				Key:              key("GRANT#"+string(id), "EPISODE#"+strconv.FormatInt(n, 10)),
				UpdateExpression: aws.String("set v = :v, waiting = :waiting, reconnected_at = :at"),
				ExpressionAttributeValues: item{
					":v": num(1), ":waiting": num(int64(waiting)), ":at": num(at.UnixMilli()),
				},
			})
			return err
		}
		return alerttest.World{Outbox: NewOutbox(api, table), Reconnect: reconnect}
	})
}

// An open episode stays in the alert index until it is over, so that the sweep
// finds it even when nothing flags its grant.
func TestOutbox_OpenEpisodesStayInTheIndex(t *testing.T) {
	api, table := realTable(t)
	outbox, index := NewOutbox(api, table), NewAlerts(api, table)
	e := alerttest.Lost(1)
	if _, err := outbox.Open(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if due, err := index.Due(t.Context(), "0", e.Due); err != nil || len(due) != 1 || due[0].PK != "GRANT#grant-1" || due[0].SK != "EPISODE#1" {
		t.Errorf("due = %+v, %v; want the episode", due, err)
	}
	if err := outbox.Look(t.Context(), "grant-1", 1, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if due, err := index.Due(t.Context(), "0", e.Due.Add(time.Hour)); err != nil || len(due) != 0 {
		t.Errorf("due = %+v, %v; want none", due, err)
	}
}

// Settling takes the flag that was read, never one that came later.
func TestOutbox_SettleLeavesALaterFlag(t *testing.T) {
	api, table := realTable(t)
	outbox := NewOutbox(api, table)
	read := time.UnixMilli(1_763_712_000_000)
	for _, c := range []struct {
		name  string
		flag  time.Time
		stays bool
	}{{"the flag that was read", read, false}, {"a later flag", read.Add(time.Millisecond), true}} {
		set(t, api, table, "GRANT#g", "TOKEN", item{
			"alert_due": num(c.flag.UnixMilli()), "alert_shard": str("0"),
		})
		if err := outbox.Settle(t.Context(), "g", read); err != nil {
			t.Fatal(err)
		}
		due, err := NewAlerts(api, table).Due(t.Context(), "0", c.flag)
		if err != nil || (len(due) == 1) != c.stays {
			t.Errorf("%s: in the index %+v (%v), want it to stay: %v", c.name, due, err, c.stays)
		}
	}
}

// A webhook is remembered by its connection and id, and only once it was taken.
func TestRates_Remembers(t *testing.T) {
	api, table := realTable(t)
	rates := NewRates(api, table)
	ask := func(id connection.ID, event string, want bool) {
		t.Helper()
		if was, err := rates.Remembers(t.Context(), id, event); err != nil || was != want {
			t.Errorf("Remembers(%s, %s) = %v, %v; want %v", id, event, was, err, want)
		}
	}
	ask("lisbon-1", "msg_1", false)
	if _, err := rates.Seen(t.Context(), "lisbon-1", "msg_1", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	ask("lisbon-1", "msg_1", true)
	ask("lisbon-1", "msg_2", false)
	ask("lisbon-2", "msg_1", false)
}

// The three parts of a consent's transaction are written by one store and read
// by three: a ticket is used, an episode knows what waited, and neither happens
// twice.
func TestConsent_TicketAndEpisodeAreTheSameItems(t *testing.T) {
	api, table := realTable(t)
	grants, tickets, outbox := NewGrants(api, table), NewTickets(api, table), NewOutbox(api, table)
	now := time.UnixMilli(1_763_712_000_000)
	e := alerttest.Lost(1)
	dead := grant.Grant{
		ID: "grant-1", Provider: "cloudbeds", Enabled: true, Health: grant.ReauthorizationRequired, Reason: grant.Revoked,
		Generation: 3, Epoch: 1, Episode: 1, EpisodeSince: e.Since, AlertDue: e.Since,
	}
	ticket := consent.NewTicket(consent.Random(), dead, now, time.Hour)
	if err := errors.Join(grants.Create(t.Context(), dead), tickets.PutTicket(t.Context(), ticket)); err != nil {
		t.Fatal(err)
	}
	if _, err := outbox.Open(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	write := grant.ConsentWrite{
		ID: "grant-1", Epoch: 1, Sealed: grant.Sealed{Key: "k1", Data: []byte("first")}, Ticket: ticket.Digest,
		Times:   grant.Times{Issued: now, Expires: now.Add(time.Hour), RefreshAt: now.Add(time.Hour), WakeAt: now.Add(time.Hour)},
		Account: "4711", Episode: 1, Waiting: 184, At: now,
	}
	if err := grants.Consent(t.Context(), write); err != nil {
		t.Fatal(err)
	}
	if got, err := tickets.Ticket(t.Context(), ticket.Digest); err != nil || !got.Used.Equal(now) {
		t.Errorf("the ticket: %+v, %v", got, err)
	}
	open, err := outbox.Episodes(t.Context(), "grant-1")
	if err != nil || len(open) != 1 || open[0].Waiting != 184 || !open[0].Recovered.Equal(now) {
		t.Errorf("the episode: %+v, %v", open, err)
	}
	write.Epoch, write.Sealed.Data = 2, []byte("second")
	if err := grants.Consent(t.Context(), write); !errors.Is(err, grant.ErrTicket) {
		t.Errorf("the ticket worked twice: %v", err)
	}
	g, err := grants.Read(t.Context(), "grant-1")
	if err != nil || g.Health != grant.OK || g.Epoch != 2 || !g.AlertDue.Equal(now) {
		t.Errorf("the grant: %+v, %v", g, err)
	}
	if err := outbox.Settle(t.Context(), "grant-1", g.AlertDue); err != nil {
		t.Fatal(err)
	}
	if g, err := grants.Read(t.Context(), "grant-1"); err != nil || !g.AlertDue.IsZero() {
		t.Errorf("the flag stands: %v, %v", g.AlertDue, err)
	}
}
