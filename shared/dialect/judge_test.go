package dialect

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"bellhop/shared/ledger"
)

// twoItems is a call that the answers below are about.
func twoItems(t testing.TB, provider string) (Target, []Item) {
	t.Helper()
	pages := pagesOf(
		desire{"DBL", "BAR", 1, 2, map[ledger.Field]int64{ledger.Price: 100}},
		desire{"DBL", "NRF", 1, 2, map[ledger.Field]int64{ledger.Price: 200}},
	)
	to := target(t, provider, "EUR")
	chunks, _ := Render(of(t, provider), to, pages, dirty(pages))
	return to, chunks[0].Items
}

// verdicts are answers that mean the same at every provider that speaks HTTP.
var verdicts = []struct {
	name    string
	answer  Answer
	kind    Kind
	retry   time.Duration // from now; 0 for not said
	scopes  []string
	replays bool
}{
	{name: "never left", answer: Answer{At: at}, kind: Outage},
	{name: "no answer", answer: Answer{Sent: true, At: at}, kind: Unknown},
	{name: "redirect", answer: answer(307, "", "Location", "https://evil.example"), kind: Denied},
	{name: "bad request", answer: answer(400, `{"message":"nonsense"}`), kind: Refused},
	{name: "no token", answer: answer(401, "", "WWW-Authenticate", `Bearer error="invalid_token"`), kind: Unauthorized},
	{name: "unpaid", answer: answer(402, ""), kind: Denied},
	{name: "forbidden", answer: answer(403, ""), kind: Denied},
	{name: "scope", answer: answer(403, "", "WWW-Authenticate", `Bearer realm="x", error="insufficient_scope", scope="a:b c:d"`), kind: ScopeMissing, scopes: []string{"a:b", "c:d"}},
	{name: "scope without names", answer: answer(403, "", "WWW-Authenticate", `Bearer error="insufficient_scope"`), kind: ScopeMissing},
	{name: "a scope in a 401 is no scope error", answer: answer(401, "", "WWW-Authenticate", `Bearer error="insufficient_scope"`), kind: Unauthorized},
	{name: "not found", answer: answer(404, ""), kind: Denied},
	{name: "timeout of the server", answer: answer(408, ""), kind: Unknown},
	{name: "still at work on this key", answer: answer(409, ""), kind: Unknown},
	{name: "too large", answer: answer(413, ""), kind: Refused},
	{name: "cannot be processed", answer: answer(422, ""), kind: Refused},
	{name: "throttled for seconds", answer: answer(429, "", "Retry-After", "17"), kind: Throttled, retry: 17 * time.Second},
	{name: "throttled without a word", answer: answer(429, ""), kind: Throttled},
	{name: "throttled until a date", answer: answer(429, "", "Retry-After", at.Add(time.Minute).Format(http.TimeFormat)), kind: Throttled, retry: time.Minute},
	{name: "a date counts from the server's clock", answer: answer(429, "", "Date", at.Add(-time.Hour).Format(http.TimeFormat), "Retry-After", at.Add(-time.Hour+time.Minute).Format(http.TimeFormat)), kind: Throttled, retry: time.Minute},
	{name: "throttled for ten years", answer: answer(429, "", "Retry-After", "315360000"), kind: Throttled, retry: longestWait},
	{name: "nonsense in Retry-After", answer: answer(429, "", "Retry-After", "soon"), kind: Throttled},
	{name: "negative Retry-After", answer: answer(429, "", "Retry-After", "-5"), kind: Throttled, retry: -1},
	{name: "broke down", answer: answer(500, `{"error":"server_error"}`), kind: Failed},
	{name: "broke down, from its store", answer: answer(500, "", "Idempotent-Replayed", "true"), kind: Failed, replays: true},
	{name: "gateway", answer: answer(502, "<html>"), kind: Unknown},
	{name: "unavailable with a time", answer: answer(503, "", "Retry-After", "3"), kind: Outage, retry: 3 * time.Second},
	{name: "unavailable without", answer: answer(503, ""), kind: Unknown},
	{name: "gateway timeout", answer: answer(504, ""), kind: Unknown},
	{name: "not JSON", answer: answer(200, "OK"), kind: Unknown},
	{name: "half of it", answer: answer(200, `{"success":true,"jobRefe`), kind: Unknown},
	{name: "nothing", answer: answer(200, ""), kind: Unknown},
	{name: "too long", answer: Answer{Sent: true, Status: 200, Header: http.Header{}, Body: []byte(`{}`), Cut: true, At: at}, kind: Unknown},
}

func TestJudge_WhatHTTPSays(t *testing.T) {
	for _, provider := range []string{"generic", "cloudbeds"} {
		to, items := twoItems(t, provider)
		for _, row := range verdicts {
			t.Run(provider+"/"+row.name, func(t *testing.T) {
				o := of(t, provider).Judge(to, items, row.answer)
				if o.Kind != row.kind || o.Replayed != row.replays || !reflect.DeepEqual(o.Scopes, row.scopes) && len(o.Scopes)+len(row.scopes) > 0 {
					t.Errorf("outcome is %+v, want %s", o, row.kind)
				}
				want := time.Time{}
				if row.retry != 0 {
					want = at.Add(max(row.retry, 0))
				}
				if !o.RetryAt.Equal(want) {
					t.Errorf("retry at %v, want %v", o.RetryAt, want)
				}
			})
		}
	}
}

func TestGeneric_ItemByItem(t *testing.T) {
	to, items := twoItems(t, "generic")
	for _, row := range []struct {
		name, body string
		status     int
		want       Outcome
	}{
		{"all applied", `{"results":[{"index":0,"status":"applied"},{"index":1,"status":"applied"}]}`, 200, Outcome{Kind: Applied}},
		{"in any order", `{"results":[{"index":1,"status":"applied"},{"index":0,"status":"rejected","code":"derived_rate_plan","message":"is derived"}]}`, 200,
			Outcome{Kind: Applied, Rejected: []Rejection{{0, "derived_rate_plan is derived"}}}},
		{"one is not mentioned", `{"results":[{"index":1,"status":"applied"}]}`, 200, Outcome{Kind: Failed, Why: "the answer does not say what became of every item"}},
		{"one is mentioned twice", `{"results":[{"index":1,"status":"applied"},{"index":1,"status":"applied"}]}`, 200, Outcome{Kind: Failed, Why: "the answer does not say what became of every item"}},
		{"an index of nothing", `{"results":[{"index":0,"status":"applied"},{"index":2,"status":"applied"}]}`, 200, Outcome{Kind: Failed, Why: "the answer does not say what became of every item"}},
		{"a status that nobody knows", `{"results":[{"index":0,"status":"applied"},{"index":1,"status":"maybe"}]}`, 200, Outcome{Kind: Failed, Why: "the answer does not say what became of every item"}},
		{"a job", `{"job_id":"j-1"}`, 202, Outcome{Kind: Accepted, Job: "j-1"}},
		{"a job without a name", `{}`, 202, Outcome{Kind: Failed, Why: "the answer does not say what became of every item"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := (generic{}).Judge(to, items, answer(row.status, row.body)); !reflect.DeepEqual(got, row.want) {
				t.Errorf("outcome is %+v, want %+v", got, row.want)
			}
		})
	}
}

func TestCloudbeds_ErrorsInside200(t *testing.T) {
	to, items := twoItems(t, "cloudbeds")
	for message, want := range map[string]Outcome{
		"Rate limit exceeded":                              {Kind: Throttled},
		"Something went wrong, please try again.":          {Kind: Outage},
		"Property not found":                               {Kind: Denied},
		"rates[3]: rate ID \"9\" is derived and cannot be": {Kind: Refused, Shared: true},
		"Parameter rateID is invalid":                      {Kind: Refused, Shared: true},
		"a maximum of 30 intervals is allowed":             {Kind: Refused},
		"Ungültiger Wert":                                  {Kind: Refused},
		"":                                                 {Kind: Refused},
		"Access token has expired":                         {Kind: Unauthorized},
		"Down for maintenance":                             {Kind: Outage},
	} {
		b := `{"success":false,"message":` + quote(message) + `}`
		got := (cloudbeds{}).Judge(to, items, answer(200, b))
		want.Why = message
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: outcome is %+v, want %+v", message, got, want)
		}
	}
	for body, want := range map[string]Outcome{
		`{"success":true,"jobReferenceID":"a-1"}`: {Kind: Accepted, Job: "a-1"},
		`{"success":true,"jobReferenceID":77}`:    {Kind: Accepted, Job: "77"},
		`{"success":true}`:                        {Kind: Applied},
	} {
		if got := (cloudbeds{}).Judge(to, items, answer(200, body)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: outcome is %+v, want %+v", body, got, want)
		}
	}
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }

func TestGeneric_Jobs(t *testing.T) {
	to, items := twoItems(t, "generic")
	job := ledger.Job{ID: "j", Runs: []ledger.Run{items[0].Run, items[1].Run}}
	for body, want := range map[string]JobOutcome{
		`{"status":"processing","results":[]}`: {Kind: Accepted, RetryAt: at.Add(2 * time.Second)},
		`{"status":"failed"}`:                  {Kind: Failed, Why: "the job failed"},
		`{"status":"sleeping"}`:                {Kind: Unknown, Why: "the job's state is not known: sleeping"},
		`half`:                                 {Kind: Unknown, Why: "the job's state cannot be read"},
		`{"status":"done","results":[{"index":0,"status":"applied"},{"index":1,"status":"rejected","code":"no"},{"index":7,"status":"rejected"}]}`: {
			Kind: Applied, Rejected: []RejectedRun{{Run: items[1].Run, Why: "no"}},
		},
	} {
		if got := (generic{}).JudgePoll(to, job, answer(200, body, "Retry-After", "2")); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: outcome is %+v, want %+v", body, got, want)
		}
	}
}

func TestCloudbeds_Jobs(t *testing.T) {
	to, _ := twoItems(t, "cloudbeds")
	first := func(day int) ledger.Date { d, _ := ledger.DateOf("2026-12", day); return d }
	bar := ledger.Run{Room: "DBL", Plan: "BAR", From: first(1), To: first(2)}
	const update = `{"rateID":"1001","startDate":"2026-12-01","endDate":"2026-12-02",`
	in := func(status, updates string) string {
		return `{"success":true,"data":[{"jobReferenceID":"other","status":"completed"},{"jobReferenceID":"j","status":"` + status + `","updates":[` + updates + `]}]}`
	}
	for body, want := range map[string]JobOutcome{
		in("in_progress", ""):                                {Kind: Accepted},
		in("completed", update+`"action":"updated"}`):        {Kind: Applied},
		in("completed", update+`"success":true}`):            {Kind: Applied},
		in("error", ""):                                      {Kind: Failed, Why: "the job failed"},
		in("error", update+`"success":false,"message":"x"}`): {Kind: Failed, Why: "the job failed"},
		in("error", update+`"action":"error","message":"rate is derived"}`): {
			Kind: Applied, Rejected: []RejectedRun{{bar, "rate is derived"}},
		},
		in("error", update+`"action":"error","message":"locked"},`+update+`"action":"updated"}`): {
			Kind: Applied, Rejected: []RejectedRun{{bar, "locked"}},
		},
		in("error", update+`"action":"updated"},{"rateID":"not ours","action":"error"}`): {Kind: Applied},
		in("dreaming", ""):                        {Kind: Unknown, Why: "the job's state is not known: dreaming"},
		`{"success":true,"data":[]}`:              {Kind: Failed, Why: "the job is not known any more"},
		`{"success":false,"message":"try again"}`: {Kind: Outage, Why: "try again"},
		`{"success":false,"message":"huh"}`:       {Kind: Unknown, Why: "huh"},
		`{}`:                                      {Kind: Unknown, Why: "the job's state cannot be read"},
	} {
		if got := (cloudbeds{}).JudgePoll(to, ledger.Job{ID: "j"}, answer(200, body)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\noutcome is %+v\nwant %+v", body, got, want)
		}
	}
}

func TestJudgePoll_WhatHTTPSays(t *testing.T) {
	for _, provider := range []string{"generic", "cloudbeds"} {
		to, _ := twoItems(t, provider)
		for status, want := range map[int]Kind{
			401: Unauthorized, 404: Failed, 410: Failed, 429: Throttled, 500: Unknown, 503: Unknown, 400: Unknown, 0: Unknown,
		} {
			if got := of(t, provider).JudgePoll(to, ledger.Job{ID: "j"}, answer(status, "")); got.Kind != want {
				t.Errorf("%s %d: %s, want %s", provider, status, got.Kind, want)
			}
		}
	}
}

func TestClean_WordsFromOutside(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                      "plain",
		"two\nlines\tand\x00nothing": "two lines and nothing",
		"  wide   open ":             "wide open",
		"bad \xff utf-8":             "bad utf-8",
		strings.Repeat("ü", 300):     strings.Repeat("ü", maxWhy/2),
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAuthParam(t *testing.T) {
	for challenge, want := range map[string]string{
		`Bearer scope="a b"`:              "a b",
		`Bearer error="x", scope="a"`:     "a",
		`Bearer xscope="no", scope="yes"`: "yes",
		`Bearer scope="open`:              "",
		`Basic realm="scope"`:             "",
		``:                                "",
		`scope="alone"`:                   "alone",
		`Bearer xscope="a", yscope="b", zscope="c"`: "",
	} {
		if got := authParam(challenge, "scope"); got != want {
			t.Errorf("scope of %q is %q, want %q", challenge, got, want)
		}
	}
}
