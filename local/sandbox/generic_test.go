package sandbox

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

const oneNight = `{"property":"P1","currency":"EUR","items":[{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-01","to":"2026-12-01","price":"129"}]}`

func TestBatch_AppliesEveryField_AndReadsBack(t *testing.T) {
	w := newWorld(t, Config{})
	token := w.clientToken()
	r := w.batch(token, "k1", `{"property":"P1","currency":"EUR","items":[
		{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-01","to":"2026-12-03","price":"129.00","prices":{"1":"109.5"},
		 "min_stay":2,"min_stay_through":1,"max_stay":14,"closed_to_arrival":false,"closed_to_departure":true,"stop_sell":false},
		{"room_type":"DBL","from":"2026-12-01","to":"2026-12-01","available":3}]}`)
	w.want("status", r.status, 200)
	w.want("body", r.body, `{"results":[{"index":0,"status":"applied"},{"index":1,"status":"applied"}]}`+"\n")
	w.want("inclusive end", w.value("P1", "DBL", "BAR", "2026-12-03", FieldPrice), "129.00")
	w.want("no day more", w.value("P1", "DBL", "BAR", "2026-12-04", FieldPrice), "")

	read := w.send("GET", "/generic/v2/rates?property=P1&from=2026-12-01&to=2026-12-01", "", bearerHeader(token))
	w.want("read back", read.body, `{"items":[{"available":3,"date":"2026-12-01","room_type":"DBL"},`+
		`{"closed_to_arrival":false,"closed_to_departure":true,"date":"2026-12-01","max_stay":14,"min_stay":2,"min_stay_through":1,`+
		`"price":"129.00","prices":{"1":"109.50"},"rate_plan":"BAR","room_type":"DBL","stop_sell":false}],"next":""}`+"\n")
}

func TestBatch_AbsentFieldsStay_AndLaterItemsWin(t *testing.T) {
	w := newWorld(t, Config{})
	token := w.clientToken()
	w.batch(token, "k1", oneNight)
	w.batch(token, "k2", `{"property":"P1","currency":"EUR","items":[
		{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-01","to":"2026-12-01","min_stay":2},
		{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-01","to":"2026-12-01","min_stay":3}]}`)
	w.want("price", w.value("P1", "DBL", "BAR", "2026-12-01", FieldPrice), "129.00")
	w.want("min_stay", w.value("P1", "DBL", "BAR", "2026-12-01", FieldMinStay), "3")
	history, err := w.admin.History(t.Context(), Change{CellID: CellID{Property: "P1"}, Field: FieldMinStay})
	if err != nil || len(history) != 2 || history[0].Value != "2" || history[1].Value != "3" {
		t.Errorf("history %+v (%v)", history, err)
	}
}

func TestBatch_BadItemsAreNamed_GoodOnesApplied(t *testing.T) {
	w := newWorld(t, Config{})
	item := func(fields string) string {
		return `{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-01","to":"2026-12-02",` + fields + `}`
	}
	codes := []string{"", "invalid_price", "invalid_price", "over_precise_price", "invalid_occupancy", "invalid_value", "invalid_value", "no_fields",
		"unknown_room_type", "unknown_rate_plan", "derived_rate_plan", "invalid_dates", "invalid_dates", "rate_plan_required", "rate_plan_required"}
	items := []string{
		item(`"price":"0"`), item(`"price":"-1"`), item(`"price":"1e3"`), item(`"price":"1.001"`), item(`"prices":{"0":"1"}`),
		item(`"min_stay":-1`), item(`"available":10000`), item(`"prices":{}`),
		`{"room_type":"XXX","rate_plan":"BAR","from":"2026-12-01","to":"2026-12-02","price":"1"}`,
		`{"room_type":"SGL","rate_plan":"NRF","from":"2026-12-01","to":"2026-12-02","price":"1"}`,
		`{"room_type":"DBL","rate_plan":"NRF","from":"2026-12-01","to":"2026-12-02","price":"1"}`,
		`{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-02","to":"2026-12-01","price":"1"}`,
		`{"room_type":"DBL","rate_plan":"BAR","from":"2026-02-29","to":"2026-03-01","price":"1"}`,
		`{"room_type":"DBL","from":"2026-12-01","to":"2026-12-02","price":"1"}`,
		`{"room_type":"DBL","from":"2026-12-01","to":"2026-12-02","price":"1","available":1}`,
	}
	r := w.batch(w.clientToken(), "k", `{"property":"P1","currency":"EUR","items":[`+strings.Join(items, ",")+`]}`)
	var answer struct {
		Results []itemResult `json:"results"`
	}
	if err := json.Unmarshal([]byte(r.body), &answer); err != nil || len(answer.Results) != len(codes) {
		t.Fatalf("status %d, %s (%v)", r.status, r.body, err)
	}
	for i, result := range answer.Results {
		if result.Index != i || result.Code != codes[i] || (result.Status == "applied") != (codes[i] == "") {
			t.Errorf("item %d: %+v, want code %q", i, result, codes[i])
		}
	}
	w.want("the good one", w.value("P1", "DBL", "BAR", "2026-12-02", FieldPrice), "0.00")
	w.want("rejected in the books", w.summary().Rejected, len(codes)-1)
}

func TestBatch_CurrencyMustMatchWherePricesAre(t *testing.T) {
	w := newWorld(t, Config{})
	token := w.clientToken()
	r := w.batch(token, "k1", strings.Replace(oneNight, "EUR", "USD", 1))
	if !strings.Contains(r.body, `"code":"wrong_currency"`) {
		t.Errorf("%s", r.body)
	}
	r = w.batch(token, "k2", `{"property":"P1","currency":"","items":[{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-01","to":"2026-12-01","stop_sell":true}]}`)
	if !strings.Contains(r.body, `"applied"`) {
		t.Errorf("without prices: %s", r.body)
	}
}

func TestBatch_WholeCallRefused(t *testing.T) {
	w := newWorld(t, Config{})
	token := w.clientToken()
	many := strings.Repeat(`{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-01","to":"2026-12-01","price":"1"},`, 201)
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"unknown field":        {strings.Replace(oneNight, `"price"`, `"prize"`, 1), 400},
		"price as a number":    {strings.Replace(oneNight, `"129"`, `129`, 1), 400},
		"something behind":     {oneNight + "{}", 400},
		"no items":             {`{"property":"P1","currency":"EUR","items":[]}`, 400},
		"an unknown property":  {strings.Replace(oneNight, "P1", "P9", 1), 404},
		"another's property":   {strings.Replace(oneNight, "P1", "P2", 1), 404},
		"201 items":            {`{"property":"P1","currency":"EUR","items":[` + strings.TrimSuffix(many, ",") + `]}`, 413},
		"1,001 nights":         {strings.Replace(oneNight, `"to":"2026-12-01"`, `"to":"2029-08-27"`, 1), 400},
		"more than a megabyte": {strings.Repeat(" ", maxBody) + oneNight, 413},
	} {
		r := w.batch(token, "key-"+name, c.body)
		w.want(name, r.status, c.status)
	}
	w.want("1,000 nights", w.batch(token, "k", strings.Replace(oneNight, `"to":"2026-12-01"`, `"to":"2029-08-26"`, 1)).status, 200)
	header := batchHeader(token, "")
	delete(header, "Idempotency-Key")
	w.want("no key", w.send("POST", "/generic/v2/rates/batch", oneNight, header).text(t, "error"), "idempotency_key_missing")
	w.want("refused", w.summary().Pushes[PushRefused], 10)
}

func TestBatch_ScopeIsNamed(t *testing.T) {
	w := newWorld(t, Config{})
	token := w.pair(w.form(genToken, url.Values{
		"grant_type": {"client_credentials"}, "scope": {"rates:read"}, "client_id": {"pms"}, "client_secret": {"generic-secret"},
	})).access
	r := w.batch(token, "k", oneNight)
	w.want("status", r.status, 403)
	w.want("challenge", r.header.Get("WWW-Authenticate"), `Bearer error="insufficient_scope", scope="rates:write"`)
}

func TestBatch_IdempotencyReplay(t *testing.T) {
	w := newWorld(t, Config{})
	token := w.clientToken()
	first := w.batch(token, "k1", oneNight)
	w.batch(token, "k2", strings.Replace(oneNight, "129", "140", 1))
	again := w.batch(token, "k1", oneNight)
	w.want("the same answer", again.body, first.body)
	w.want("marked", again.header.Get("Idempotent-Replayed"), "true")
	w.want("without acting", w.value("P1", "DBL", "BAR", "2026-12-01", FieldPrice), "140.00")
	w.want("outcome", w.lastRequest().Outcome, PushReplayed)
	w.want("the same key, another body", w.batch(token, "k1", oneNight+" ").status, 422)

	rival := w.pair(w.form(genToken, url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"rival"}, "client_secret": {"rival-secret"},
	})).access
	w.want("another client's key is its own", w.batch(rival, "k1", strings.Replace(strings.Replace(oneNight, "P1", "P2", 1), "EUR", "JPY", 1)).status, 200)
}

func TestBatch_RefusalIsNotRemembered(t *testing.T) {
	w := newWorld(t, Config{})
	token := w.clientToken()
	w.want("refused", w.batch(token, "k1", strings.Replace(oneNight, "P1", "P9", 1)).status, 404)
	w.want("corrected under the same key", w.batch(token, "k1", oneNight).status, 200)
}

func TestBatch_Jobs(t *testing.T) {
	w := newWorld(t, Config{JobDelay: 1500 * time.Millisecond})
	w.jobsOn("P1")
	token := w.clientToken()
	r := w.batch(token, "k1", oneNight)
	w.want("status", r.status, 202)
	w.want("Retry-After", r.header.Get("Retry-After"), "2")
	id := r.text(t, "job_id")
	ask := func() reply { return w.send("GET", "/generic/v2/jobs/"+id, "", bearerHeader(token)) }
	w.want("at once", ask().body, fmt.Sprintf(`{"job_id":%q,"results":[],"status":"processing"}`+"\n", id))
	w.want("nothing applied yet", w.value("P1", "DBL", "BAR", "2026-12-01", FieldPrice), "")
	w.pass(1500 * time.Millisecond)
	w.want("when it is due", ask().body, fmt.Sprintf(`{"job_id":%q,"results":[{"index":0,"status":"applied"}],"status":"done"}`+"\n", id))
	w.want("applied", w.value("P1", "DBL", "BAR", "2026-12-01", FieldPrice), "129.00")
	w.want("unknown job", w.send("GET", "/generic/v2/jobs/nope", "", bearerHeader(token)).status, 404)
	w.want("a replay is the same job", w.batch(token, "k1", oneNight).text(t, "job_id"), id)
	w.pass(7 * 24 * time.Hour)
	token = w.clientToken()
	w.want("a week later", ask().status, 404)
}

// jobsOn makes a generic property answer with jobs, at run time.
func (w *world) jobsOn(property string) {
	w.Helper()
	w.server.mu.Lock()
	p := *w.server.properties[Generic][property]
	w.server.mu.Unlock()
	p.Jobs = true
	if err := w.admin.AddProperty(w.Context(), p); err != nil {
		w.Fatal(err)
	}
}

func TestRead_PagesSurviveWritesInBetween(t *testing.T) {
	w := newWorld(t, Config{PageSize: 2})
	token := w.clientToken()
	put := func(key, day string) {
		w.batch(token, key, strings.ReplaceAll(oneNight, "2026-12-01", day))
	}
	for i, day := range []string{"2026-12-02", "2026-12-04", "2026-12-05", "2026-12-06", "2027-01-01"} {
		put(fmt.Sprint(i), day)
	}
	var seen []string
	cursor, pages := "", 0
	for {
		r := w.send("GET", "/generic/v2/rates?property=P1&room_type=DBL&rate_plan=BAR&from=2026-12-01&to=2026-12-31&cursor="+cursor, "", bearerHeader(token))
		var page struct {
			Items []struct{ Date string }
			Next  string
		}
		if err := json.Unmarshal([]byte(r.body), &page); err != nil {
			t.Fatalf("%d: %s", r.status, r.body)
		}
		for _, item := range page.Items {
			seen = append(seen, item.Date)
		}
		put(fmt.Sprint("early", pages), "2026-12-01") // before the cursor: no repetition
		pages++
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	w.want("nights", strings.Join(seen, " "), "2026-12-02 2026-12-04 2026-12-05 2026-12-06")
	w.want("pages", pages, 2)
	for _, query := range []string{"property=P1&from=x&to=2026-12-31", "property=P1&from=2026-12-01&to=2026-12-31&cursor=%21"} {
		w.want(query, w.send("GET", "/generic/v2/rates?"+query, "", bearerHeader(token)).status, 400)
	}
	w.want("another's property", w.send("GET", "/generic/v2/rates?property=P2&from=2026-12-01&to=2026-12-31", "", bearerHeader(token)).status, 404)
}
