package bench

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"bellhop/shared/dynamo"
	"bellhop/shared/grant"
	"bellhop/shared/sqs"
	"bellhop/shared/wake"
)

var noon = time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)

// tables is a stand-in that serves, and the product's clients of it.
func tables(t *testing.T) (*standIn, aws.Config) {
	t.Helper()
	s := newStandIn("grants")
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	if err := writePattern(t.Context(), server.URL, noon); err != nil {
		t.Fatal(err)
	}
	return s, aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}

// What the product's own adapters read from the stand-in is what was put there.
func TestStandIn_ReadByTheProduct(t *testing.T) {
	s, config := tables(t)
	s.fill(1000, 60, noon)
	index := dynamo.NewWakes(dynamo.NewClient(config), "grants")
	found := map[string]time.Time{}
	for _, shard := range wake.Shards() {
		due, err := index.Due(t.Context(), shard, noon.Add(40*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range due {
			found[d.PK] = d.At
		}
	}
	if len(found) != 41 || !found["GRANT#grant-000040"].Equal(noon.Add(40*time.Second)) {
		t.Errorf("%d grants are due within 40 s of 60 that are in as many seconds: %v", len(found), found)
	}
	g, err := dynamo.NewGrants(dynamo.NewClient(config), "grants").Read(t.Context(), "grant-000007")
	if err != nil || g.ID != "grant-000007" || g.Client != "main" || g.Generation != 7 || !g.WakeAt.Equal(noon.Add(7*time.Second)) {
		t.Errorf("%+v, %v", g, err)
	}
	if _, err := dynamo.NewGrants(dynamo.NewClient(config), "grants").Read(t.Context(), "nobody"); err != grant.ErrNotFound {
		t.Errorf("a grant that is not there: %v", err)
	}
	if other, err := dynamo.NewWakes(dynamo.NewClient(config), "rates").Due(t.Context(), "0", noon.Add(time.Hour)); err != nil || len(other) != 0 {
		t.Errorf("the rates table: %v, %v", other, err)
	}
}

// A shard that is larger than a page is read page by page, each once.
func TestStandIn_Pages(t *testing.T) {
	s, config := tables(t)
	const due = 3000 // about 190 a shard, of 50 bytes each
	s.pageBytes = 4 << 10
	s.fill(due, due, noon)
	index := dynamo.NewWakes(dynamo.NewClient(config), "grants")
	seen := map[string]bool{}
	for _, shard := range wake.Shards()[:2] {
		found, err := index.Due(t.Context(), shard, noon.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != len(s.shards[shard]) {
			t.Errorf("shard %s: %d of %d entries", shard, len(found), len(s.shards[shard]))
		}
		for _, d := range found {
			seen[d.PK] = true
		}
	}
	if got := s.booked(due, invocation{}); got.queries != 2 || got.pages < 4 || len(seen) != len(s.shards["0"])+len(s.shards["1"]) {
		t.Errorf("%d queries went on %d times and found %d", got.queries, got.pages, len(seen))
	}
}

func TestStandIn_TakesMessages(t *testing.T) {
	s, config := tables(t)
	var messages []sqs.Message
	for i := range 25 {
		messages = append(messages, sqs.Message{Body: fmt.Sprintf("message %d", i), Group: "main"})
	}
	if err := sqs.New(sqs.NewClient(config), *config.BaseEndpoint+"/refresh").SendBatch(t.Context(), messages); err != nil {
		t.Fatal(err)
	}
	if got := s.booked(0, invocation{}); got.sends != 3 || got.wakes != 25 {
		t.Errorf("%d messages in %d calls, want 25 in 3", got.wakes, got.sends)
	}
}

// What a sweep does not ask for is refused, not guessed at.
func TestStandIn_RefusesWhatItDoesNotKnow(t *testing.T) {
	_, config := tables(t)
	store := dynamo.NewGrants(dynamo.NewClient(config), "grants")
	if err := store.Release(t.Context(), grant.ReleaseWrite{ID: "grant-000001", Me: "me"}); err == nil {
		t.Error("an update was taken")
	}
}
