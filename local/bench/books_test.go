package bench

import (
	"errors"
	"testing"
	"time"

	"bellhop/local/proxy"
	"bellhop/local/sandbox"
	"bellhop/shared/grant"
	"bellhop/shared/profile"
)

// second is a time in the sandbox's books.
func second(s float64) int64 {
	return noon.Add(time.Duration(s * float64(time.Second))).UnixMilli()
}

// access is a token of a family that lives a minute.
func access(family string, generation int, issued float64) sandbox.Token {
	return sandbox.Token{
		Kind: sandbox.AccessToken, Client: "id-main", Family: family, Generation: generation, Property: "hotel-" + family,
		IssuedAt: second(issued), ExpiresAt: second(issued + 60),
	}
}

func TestJudge(t *testing.T) {
	exchange := func(family string, generation int, at float64) sandbox.Presentation {
		return sandbox.Presentation{Kind: sandbox.RefreshToken, Endpoint: "token", Family: family, Generation: generation, At: second(at)}
	}
	due := dueSecond(access("a", 1, 0), profile.RefreshRule{}).Sub(noon).Seconds() // about 40 s, the grant's own jitter before
	if due < 37 || due > 40 {
		t.Fatalf("a token of a minute is due after %v s", due)
	}
	tokens := []sandbox.Token{
		access("a", 1, 0), access("a", 2, due+0.3), // 0.3 s late
		access("b", 1, 0), access("b", 2, 65), // 5 s too late for its pushes
		{Kind: sandbox.AccessToken, Client: "another", Family: "c", Generation: 1, IssuedAt: second(0), ExpiresAt: second(1)},
		{Kind: sandbox.RefreshToken, Client: "id-main", Family: "a", Generation: 1, IssuedAt: second(0)},
	}
	p := judge(tokens, []sandbox.Presentation{
		exchange("a", 1, due+0.3), exchange("a", 2, due+0.3+30), // the second comes early
		exchange("b", 1, 65), exchange("c", 1, 500),
		{Kind: sandbox.RefreshToken, Endpoint: "revoke", Family: "a", Generation: 1, At: second(900)},
	}, "id-main", noon.Add(99*time.Second), profile.RefreshRule{})
	if p.grants != 2 || p.lived != 198*time.Second || p.bare != 5*time.Second {
		t.Errorf("%d grants lived %v, %v of it without a token", p.grants, p.lived, p.bare)
	}
	if len(p.late) != 3 || p.late[0] != 0 || p.late[1] < 299*time.Millisecond || p.late[1] > 301*time.Millisecond || p.late[2] < 25*time.Second {
		t.Errorf("late by %v", p.late)
	}
}

func TestUncovered(t *testing.T) {
	token := func(issued, expires, superseded float64) sandbox.Token {
		k := sandbox.Token{IssuedAt: second(issued), ExpiresAt: second(expires)}
		if superseded > 0 {
			k.SupersededAt = second(superseded)
		}
		return k
	}
	for _, c := range []struct {
		name   string
		tokens []sandbox.Token
		bare   time.Duration
	}{
		{"one for all the time", []sandbox.Token{token(0, 200, 0)}, 0},
		{"they meet", []sandbox.Token{token(0, 60, 0), token(60, 120, 0)}, 0},
		{"in any order", []sandbox.Token{token(60, 120, 0), token(0, 60, 0)}, 0},
		{"one inside another", []sandbox.Token{token(0, 110, 0), token(20, 40, 0)}, 0},
		{"a gap", []sandbox.Token{token(0, 60, 0), token(62.5, 120, 0)}, 2500 * time.Millisecond},
		{"a gap that its death makes", []sandbox.Token{token(0, 60, 40), token(41, 120, 0)}, time.Second},
		{"the end comes in a gap", []sandbox.Token{token(0, 90, 0), token(150, 210, 0)}, 10 * time.Second},
	} {
		if lived, bare := uncovered(c.tokens, noon.Add(100*time.Second)); bare != c.bare || lived != 100*time.Second {
			t.Errorf("%s: %v of %v, want %v", c.name, bare, lived, c.bare)
		}
	}
}

func TestQuantile(t *testing.T) {
	var all []time.Duration
	for i := range 100 {
		all = append(all, time.Duration(i+1))
	}
	for share, want := range map[float64]time.Duration{0: 1, 0.5: 50, 0.99: 99, 0.991: 100, 1: 100} {
		if got := quantile(all, share); got != want {
			t.Errorf("%v of 1..100 is %d, want %d", share, got, want)
		}
	}
	if got := quantile(nil, 0.99); got != 0 {
		t.Errorf("of none: %v", got)
	}
}

func TestAccount(t *testing.T) {
	refresh := func(property string, generation, presented int, revoked int64) sandbox.Token {
		return sandbox.Token{Kind: sandbox.RefreshToken, Property: property, Generation: generation, Presented: presented, RevokedAt: revoked}
	}
	tokens := []sandbox.Token{
		refresh("ours", 1, 1, 0), refresh("ours", 2, 1, 0), refresh("ours", 3, 0, 0),
		refresh("theirs", 1, 8, 5), refresh("theirs", 2, 1, 5),
		{Kind: sandbox.AccessToken, Property: "ours", Generation: 3, Presented: 70},
	}
	if c := account(tokens, "ours"); c != (contention{presentations: 2, pairs: 2, most: 1}) || c.perGeneration() != 1 {
		t.Errorf("%+v, %v", c, c.perGeneration())
	}
	if c := account(tokens, "theirs"); c != (contention{presentations: 9, pairs: 1, most: 8, revoked: true}) || c.perGeneration() != 9 {
		t.Errorf("%+v, %v", c, c.perGeneration())
	}
	if c := account(tokens, "nobody"); c.perGeneration() != 0 {
		t.Errorf("%+v, %v", c, c.perGeneration())
	}
}

func TestCostOf(t *testing.T) {
	counts := proxy.Counts{
		Calls: []proxy.Calls{
			{Service: "dynamodb", Operation: "UpdateItem", Calls: 60}, {Service: "secretsmanager", Operation: "PutSecretValue", Calls: 20},
		},
		Capacity: []proxy.Capacity{
			{Table: "grants", Operation: "UpdateItem", Write: 60}, {Table: "grants", Index: "wake", Operation: "UpdateItem", Write: 20, Read: 5},
		},
	}
	c, err := costOf(grant.HomeSecrets, 20, counts)
	if err != nil || c.perRefresh() != 4 || c.write != 80 || c.read != 5 || c.list() != "UpdateItem 3.00, PutSecretValue 1.00" {
		t.Errorf("%+v, %v a refresh: %s, %v", c, c.perRefresh(), c.list(), err)
	}
	counts.Calls = append(counts.Calls, proxy.Calls{Service: "dynamodb", Operation: "Query", Calls: 1})
	if _, err := costOf(grant.HomeSecrets, 20, counts); !errors.Is(err, errSwept) {
		t.Errorf("a sweep's calls were taken for a refresh's: %v", err)
	}
}
