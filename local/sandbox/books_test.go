package sandbox

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestBooks_NumbersOfASmallStory(t *testing.T) {
	w := newWorld(t, Config{})
	p, token := w.connect("1001"), w.clientToken()
	w.batch(token, "k1", oneNight)
	w.batch(token, "k1", oneNight)
	w.patch(p.access, oneRate("37", "2026-12-01", "2026-12-10", "100"))
	p2 := w.pair(w.refresh(p.refresh))
	w.pass(time.Minute)
	w.batch(token, "k2", oneNight)
	w.pair(w.refresh(p2.refresh))
	w.refresh("never-issued.token")
	m := w.summary()
	w.want("codes", m.Codes, 1)
	w.want("client tokens", m.ClientTokens, 1)
	w.want("access tokens", m.Tokens[AccessToken], 4)
	w.want("refresh tokens", m.Tokens[RefreshToken], 3)
	w.want("generations", m.Refresh.Generations, 2)
	w.want("presentations", m.Refresh.Presentations, 2)
	w.want("accepted", m.Pushes[PushAccepted], 2)
	w.want("replayed", m.Pushes[PushReplayed], 1)
	w.want("expired", m.Pushes[PushExpired], 1)
	w.want("items", m.Items, 2)
	w.want("cells", m.Cells, 11)
	w.want("changes", m.Changes, 11)
	w.want("waiting", m.Waiting, 0)
	w.want("batches answered 200", m.Requests["generic/batch"]["200"], 2)
	w.want("batches answered 401", m.Requests["generic/batch"]["401"], 1)
	w.want("tokens answered 400", m.Requests["cloudbeds/token"]["400"], 1)
}

func TestBooks_ExchangesTellTheLifeOfAFamily(t *testing.T) {
	w := newWorld(t, Config{})
	first := w.connect("1001")
	w.pair(w.refresh(first.refresh))
	w.pass(10 * time.Second)
	w.pair(w.refresh(first.refresh))
	w.clientToken()
	w.clientToken()
	all, err := w.admin.Exchanges(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v (%v)", all, err)
	}
	family, own := all[0], all[1]
	w.want("account", family.Account, "owner-a")
	w.want("generations", len(family.Generations), 3)
	g := family.Generations[0]
	w.want("number", g.Generation, 1)
	w.want("presented", g.Presented, 2)
	w.want("recovered", g.Recovered, 1)
	w.want("ten seconds apart", g.Presentations[1]-g.Presentations[0], int64(10_000))
	w.want("the client's own", own.Family, "client:pms")
	w.want("its tokens", len(own.Generations), 2)
}

func TestBooks_EveryValueIssuedIsListed(t *testing.T) {
	w := newWorld(t, Config{})
	code := w.code("1001")
	p := w.pair(w.form(cbToken, codeForm(code)))
	jwt := w.clientToken()
	tokens, err := w.admin.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, v := range tokens {
		kinds[v.Value] = v.Kind
	}
	for value, kind := range map[string]string{code: AuthCode, p.access: AccessToken, p.refresh: RefreshToken, jwt: AccessToken} {
		w.want(kind, kinds[value], kind)
	}
	w.want("and nothing else", len(kinds), 4)
}

func TestBooks_RequestsKeepNoSecrets_AndCountWhatIsUnknown(t *testing.T) {
	w := newWorld(t, Config{})
	w.send("GET", authorize+authorizeQuery().Encode(), "", nil)
	w.want("path without query", w.lastRequest().Path, "/cloudbeds/oauth/authorize")
	w.want("unknown path", w.send("GET", "/generic/v3/rates", "", nil).status, 404)
	w.want("in the books", w.lastRequest().Endpoint, "unknown")
	p := w.connect("1001")
	w.refresh(p.refresh)
	requests, err := w.admin.Requests(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(requests)
	if strings.Contains(string(text), p.refresh) {
		t.Error("a token in the list of requests")
	}
	some, err := w.admin.Requests(t.Context(), len(requests)-1)
	if err != nil || len(some) != 1 || some[0].GrantType != "refresh_token" {
		t.Errorf("after all but one: %+v (%v)", some, err)
	}
}

func TestToken_EarliestEndIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		token Token
		want  string
	}{
		"alive":                       {Token{ExpiresAt: 101}, ReasonOK},
		"expired at the millisecond":  {Token{ExpiresAt: 100}, ReasonExpired},
		"expired, then revoked":       {Token{ExpiresAt: 80, RevokedAt: 90}, ReasonExpired},
		"revoked, then expired":       {Token{ExpiresAt: 90, RevokedAt: 80}, ReasonRevoked},
		"superseded, then all others": {Token{ExpiresAt: 90, RevokedAt: 90, SupersededAt: 80}, ReasonSuperseded},
		"to be expired":               {Token{ExpiresAt: 1000, SupersededAt: 0}, ReasonOK},
	} {
		if got := c.token.ended(100); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestToken_GraceBoundary(t *testing.T) {
	detect, refuse := &Switches{ReuseGrace: 30, Reuse: ReuseDetect}, &Switches{ReuseGrace: 30, Reuse: ReuseRefuse}
	used := Token{SupersededAt: 100, Presented: 1}
	for _, c := range []struct {
		name  string
		token Token
		at    int64
		w     *Switches
		want  string
	}{
		{"live", Token{}, 100, detect, ReasonOK},
		{"at once", used, 100, detect, ReasonRecovery},
		{"last millisecond", used, 129, detect, ReasonRecovery},
		{"over, detecting", used, 130, detect, ReasonReuse},
		{"over, refusing", used, 130, refuse, ReasonSuperseded},
		{"never presented", Token{SupersededAt: 100}, 129, detect, ReasonSibling},
		{"never presented, over", Token{SupersededAt: 100}, 130, detect, ReasonReuse},
		{"revoked in the grace", Token{SupersededAt: 100, RevokedAt: 101, Presented: 1}, 110, detect, ReasonRevoked},
		{"expired", Token{ExpiresAt: 100}, 100, detect, ReasonExpired},
	} {
		if got := c.token.refreshable(c.at, c.w); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestPrice_IsTextFromEndToEnd(t *testing.T) {
	for _, c := range []struct {
		text, iso, want string
		err             error
	}{
		{"129", "EUR", "129.00", nil}, {"129.5", "EUR", "129.50", nil}, {"0", "EUR", "0.00", nil},
		{"129", "JPY", "129", nil}, {"1.234", "KWD", "1.234", nil}, {"999999999999.99", "EUR", "999999999999.99", nil},
		{"129.005", "EUR", "", errPrecise}, {"129.0", "JPY", "", errPrecise}, {"129.000", "EUR", "", errPrecise},
		{"-1", "EUR", "", errPrice}, {"", "EUR", "", errPrice}, {"1.", "EUR", "", errPrice}, {".5", "EUR", "", errPrice},
		{"01", "EUR", "", errPrice}, {"1e2", "EUR", "", errPrice}, {"1,5", "EUR", "", errPrice}, {"1000000000000", "EUR", "", errPrice},
	} {
		got, err := price(c.text, c.iso)
		if got != c.want || err != c.err {
			t.Errorf("%q %s: %q, %v; want %q, %v", c.text, c.iso, got, err, c.want, c.err)
		}
	}
}

func TestDates_InclusiveAndBounded(t *testing.T) {
	days, ok := dates("2028-02-28", "2028-03-01", 3)
	if !ok || strings.Join(days, " ") != "2028-02-28 2028-02-29 2028-03-01" {
		t.Errorf("%v %v", days, ok)
	}
	for _, c := range [][2]string{{"2028-02-28", "2028-03-02"}, {"2028-03-02", "2028-03-01"}, {"2027-02-29", "2027-03-01"}, {"", ""}} {
		if _, ok := dates(c[0], c[1], 3); ok {
			t.Errorf("taken: %v", c)
		}
	}
}

func TestCells_WhatIsDueTogetherIsAppliedOldestFirst(t *testing.T) {
	c, p := newCells(), &Property{Persona: Generic, ID: "P1"}
	one := nights{roomType: "DBL", ratePlan: "BAR", dates: []string{"2026-12-01"}}
	for _, v := range []struct {
		due   int64
		value string
	}{{30, "late"}, {10, "early"}, {20, "first of two"}, {20, "second of two"}, {40, "later still"}} {
		one.values = []fieldValue{{FieldPrice, v.value}}
		c.schedule(p, one, 1, v.due)
	}
	c.settle(30)
	var order []string
	for i, change := range c.history {
		order = append(order, change.Value)
		if change.N != i+1 {
			t.Errorf("change %d has number %d", i, change.N)
		}
	}
	if got := strings.Join(order, ", "); got != "early, first of two, second of two, late" {
		t.Errorf("applied: %s", got)
	}
	if len(c.waiting) != 1 {
		t.Errorf("%d wait", len(c.waiting))
	}
}
