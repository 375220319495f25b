package dynamo

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	_ "embed"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/shared/consent"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/wake"
)

// ticketed is a store with the tickets and episodes that the suite asks for.
type ticketed struct {
	*Grants
	tickets *Tickets
}

func (s ticketed) AddTicket(ctx context.Context, digest string, id grant.ID) error {
	return s.tickets.PutTicket(ctx, consent.Ticket{
		Digest: digest, Grant: id, Created: time.Now(), Expires: time.Now().Add(time.Hour),
	})
}

func (s ticketed) Episode(ctx context.Context, id grant.ID, n int64) (granttest.Episode, error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table, Key: outboxKey(id, n), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return granttest.Episode{}, err
	}
	return granttest.Episode{Waiting: int(getNum(out.Item, "waiting")), Reconnected: getTime(out.Item, "reconnected_at")}, nil
}

func TestGrants_IsAStore(t *testing.T) {
	api, table := realTable(t)
	granttest.StoreSuite(t, func(t *testing.T) grant.Store {
		empty(t, api, table)
		return ticketed{NewGrants(api, table), NewTickets(api, table)}
	})
}

// empty clears the table between two stories.
func empty(t *testing.T, api *dynamodb.Client, table string) {
	t.Helper()
	out, err := api.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range out.Items {
		if _, err := api.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
			TableName: &table, Key: item{"pk": m["pk"], "sk": m["sk"]},
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestIndex_FindsWhatIsDue(t *testing.T) {
	api, table := realTable(t)
	s := NewGrants(api, table)
	noon := time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)
	at := func(id grant.ID, wakeAt time.Time) {
		t.Helper()
		if err := s.Create(t.Context(), granttest.Living(id, func(g *grant.Grant) { g.WakeAt, g.AlertDue = wakeAt, wakeAt })); err != nil {
			t.Fatal(err)
		}
	}
	at("late", noon.Add(-time.Hour))
	at("now", noon)
	at("soon", noon.Add(time.Millisecond))
	at("never", time.Time{})
	shard := func(id string) []wake.Due {
		due, err := NewWakes(api, table).Due(t.Context(), wake.Shard(id), noon)
		if err != nil {
			t.Fatal(err)
		}
		return due
	}
	for id, found := range map[string]bool{"late": true, "now": true, "soon": false, "never": false} {
		is := slices.ContainsFunc(shard(id), func(d wake.Due) bool { return d.PK == "GRANT#"+id && d.SK == "TOKEN" })
		if is != found {
			t.Errorf("%q found: %v, want %v", id, is, found)
		}
	}
	alerts, err := NewAlerts(api, table).Due(t.Context(), wake.AlertShard, noon)
	if err != nil || len(alerts) != 2 || !alerts[0].At.Equal(noon.Add(-time.Hour)) {
		t.Errorf("alerts due: %v, %v", alerts, err)
	}
}

// TestGrants_RefusesALaterRelease: an item that a later release wrote is not
// guessed at.
func TestGrants_RefusesALaterRelease(t *testing.T) {
	m := grantItem(granttest.Living("g", nil))
	m["v"] = num(version + 1)
	if _, err := grantOf(m); err == nil {
		t.Error("an item of a later version was read")
	}
}

// TestGrants_ReadsAFormerRelease: what it did not write is zero, and an item of
// ours without those fields is written as it wrote it.
func TestGrants_ReadsAFormerRelease(t *testing.T) {
	g := granttest.Living("g", func(g *grant.Grant) {
		g.Inline, g.Ref, g.Placement = nil, "1/v", grant.Placement{Epoch: 1, Writes: 2, Since: time.UnixMilli(1)}
	})
	m := grantItem(g)
	for _, added := range []string{"token_url", "asks", "held", "refresh_expires", "refresh_renewed", "foretold_dies", "foretold_days"} {
		if _, there := m[added]; there {
			t.Errorf("%q is written although nothing is known of it", added)
		}
	}
	got, err := grantOf(m)
	if err != nil {
		t.Fatal(err)
	}
	granttest.Same(t, got, g)
	if got.TokenURL != "" || got.Asks != nil || got.Held != "" || !got.RefreshExpires.IsZero() || got.RefreshRenewed || got.Foretold != (grant.Foretold{}) {
		t.Errorf("an item of a former release says %+v", got)
	}
}

// spy is a DynamoDB that takes everything and remembers the expressions.
type spy struct {
	API
	seen []string
}

func (s *spy) UpdateItem(_ context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	s.note(in.ConditionExpression, in.UpdateExpression)
	return &dynamodb.UpdateItemOutput{Attributes: grantItem(granttest.Living("g", nil))}, nil
}

func (s *spy) DeleteItem(_ context.Context, in *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	s.note(in.ConditionExpression)
	return &dynamodb.DeleteItemOutput{}, nil
}

func (s *spy) TransactWriteItems(_ context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	for _, w := range in.TransactItems {
		s.note(w.Update.ConditionExpression, w.Update.UpdateExpression)
	}
	return &dynamodb.TransactWriteItemsOutput{}, nil
}

func (s *spy) note(expressions ...*string) {
	for _, e := range expressions {
		s.seen = append(s.seen, aws.ToString(e))
	}
}

//go:embed testdata/reserved.txt
var reserved string

// TestGrants_NoReservedWords: DynamoDB refuses an expression that names an
// attribute by a word that it keeps to itself; its stand-ins do not.
func TestGrants_NoReservedWords(t *testing.T) {
	api := &spy{}
	everyWrite(t, NewGrants(api, "t"))
	words := regexp.MustCompile(`[:#]?[A-Za-z_][A-Za-z_0-9]*`)
	ours := []string{"SET", "REMOVE", "AND", "OR", "SIZE"} // used as what they are
	kept := strings.Fields(reserved)
	for _, e := range api.seen {
		for _, w := range words.FindAllString(e, -1) {
			up := strings.ToUpper(w)
			if !slices.Contains(ours, up) && slices.Contains(kept, up) {
				t.Errorf("%q is reserved, in %q", w, e)
			}
		}
	}
}

// everyWrite calls each write with all it can carry.
func everyWrite(t *testing.T, s *Grants) {
	t.Helper()
	now, n := time.Unix(1_800_000_000, 0), []grant.Nonce{"x"}
	a := granttest.Kept(1)
	times := grant.Times{Issued: now, Expires: now, RefreshAt: now, WakeAt: now, RefreshExpires: now, RefreshRenewed: true}
	_, leaseErr := s.Lease(t.Context(), grant.LeaseWrite{ID: "g", Me: "me", At: now, Deadline: now})
	release := grant.ReleaseWrite{ID: "g", Me: "me", WakeAt: now, Held: "budget", Failed: true}
	for _, err := range []error{
		leaseErr,
		s.Release(t.Context(), release),
		s.Abandon(t.Context(), release),
		s.Commit(t.Context(), grant.CommitWrite{ID: "g", Me: "me", Times: times, Scopes: []string{"s"}, Missing: []string{"s"},
			DropAsides: n, DropAttempts: n, AlertDue: now, Opens: true}),
		s.Commit(t.Context(), grant.CommitWrite{ID: "g", Me: "me", Times: grant.Times{}, Cured: true}),
		s.KeepAside(t.Context(), grant.AsideWrite{ID: "g", Me: "me", Aside: a, WakeAt: now}),
		s.Roll(t.Context(), grant.RollWrite{ID: "g", Me: "me", Aside: "x", Former: &a, Times: times, AlertDue: now}),
		s.Roll(t.Context(), grant.RollWrite{ID: "g", Me: "me", Aside: "x", Reread: &a, Times: times}),
		s.Refuse(t.Context(), grant.RefuseWrite{ID: "g", Me: "me", WakeAt: now}),
		s.Verdict(t.Context(), grant.VerdictWrite{ID: "g", Me: "me", Health: grant.ScopeUpdateRequired, At: now, PassedOver: n}),
		s.Judge(t.Context(), grant.JudgeWrite{ID: "g", Health: grant.ReauthorizationRequired, At: now}),
		s.Hasten(t.Context(), grant.HastenWrite{ID: "g", At: now}),
		s.Settle(t.Context(), grant.SettleWrite{ID: "g", Ref: "r"}),
		s.Consent(t.Context(), grant.ConsentWrite{ID: "g", Times: times, Missing: []string{"s"}, Ticket: "t", Episode: 1, At: now}),
		s.SetEnabled(t.Context(), "g", true, now),
		s.Retry(t.Context(), grant.RetryWrite{ID: "g", At: now}),
		s.Revoke(t.Context(), grant.RevokeWrite{ID: "g", Me: "me", Asides: n}),
		s.SetHome(t.Context(), "g", grant.HomeSealed),
		s.Foretell(t.Context(), grant.ForetellWrite{ID: "g", Foretold: grant.Foretold{Dies: now, Days: 7}}),
		s.Remove(t.Context(), grant.RemoveWrite{ID: "g", At: now}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
}

// TestGrants_ConsentMeetsAnotherWrite: a transaction that met a write in the
// same instant is sent again, and says nothing about the consent.
func TestGrants_ConsentMeetsAnotherWrite(t *testing.T) {
	api := &busy{conflicts: 2}
	s := NewGrants(api, "t")
	if err := s.Consent(t.Context(), grant.ConsentWrite{ID: "g", Ticket: "t"}); err != nil {
		t.Fatal(err)
	}
	if len(api.tokens) != 3 || api.tokens[0] != api.tokens[2] {
		t.Errorf("sent with tokens %v, want one and the same three times", api.tokens)
	}
}

// busy is a DynamoDB whose items are being written by others.
type busy struct {
	API
	conflicts int
	tokens    []string
}

func (b *busy) TransactWriteItems(_ context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	b.tokens = append(b.tokens, aws.ToString(in.ClientRequestToken))
	if b.conflicts--; b.conflicts >= 0 {
		return nil, &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{
			{Code: aws.String("TransactionConflict")}, {Code: aws.String("None")},
		}}
	}
	return &dynamodb.TransactWriteItemsOutput{}, nil
}
