package dialect

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"testing"
	"time"

	"bellhop/shared/ledger"
)

// speaker is what the suite must know of a dialect to try it: how to read its
// own requests back, and what its provider would answer.
type speaker struct {
	provider string
	// amounts lists the prices of a request, as written.
	amounts func(body []byte) []string
	// items counts what the provider counts.
	items func(body []byte) int
	// applied and job are answers that take a call of n items, at once or as a
	// job of that name; empty where the provider does not work so.
	applied, job func(n int) string
	// read is one cell as a page of a read-back.
	read func(date, price string) string
}

var speakers = []speaker{
	{
		provider: "generic",
		amounts: func(body []byte) (all []string) {
			var b genericBatch
			if err := json.Unmarshal(body, &b); err != nil {
				panic(err)
			}
			for _, i := range b.Items {
				if i.Price != nil {
					all = append(all, *i.Price)
				}
			}
			return all
		},
		items: func(body []byte) int {
			var b genericBatch
			_ = json.Unmarshal(body, &b)
			return len(b.Items)
		},
		applied: func(n int) string {
			results := make([]genericResult, n)
			for i := range results {
				results[i] = genericResult{Index: i, Status: "applied"}
			}
			b, _ := json.Marshal(map[string]any{"results": results})
			return string(b)
		},
		read: func(date, price string) string {
			return `{"items":[{"room_type":"DBL","rate_plan":"BAR","date":"` + date + `","price":"` + price + `","min_stay":2,"stop_sell":true}],"next":"more"}`
		},
	},
	{
		provider: "cloudbeds",
		amounts: func(body []byte) (all []string) {
			form, err := url.ParseQuery(string(body))
			if err != nil {
				panic(err)
			}
			for i := range 30 {
				if v := form.Get(fmt.Sprintf("rates[%d][interval][rate]", i)); v != "" {
					all = append(all, v)
				}
			}
			return all
		},
		items: func(body []byte) int {
			form, _ := url.ParseQuery(string(body))
			n := 0
			for form.Has(fmt.Sprintf("rates[%d][rateID]", n)) {
				n++
			}
			return n
		},
		job: func(int) string { return `{"success":true,"jobReferenceID":"job"}` },
		read: func(date, price string) string {
			return `{"success":true,"data":[{"rateID":"1001","roomRateDetailed":[{"date":"` + date + `","rate":` + price + `,"minLos":2,"blocked":true}]}]}`
		},
	},
}

// TestConformance is what every dialect must do, whoever its provider is.
func TestConformance(t *testing.T) {
	for _, s := range speakers {
		t.Run(s.provider, func(t *testing.T) {
			t.Run("keeps the limits", s.keepsLimits)
			t.Run("writes money by the currency", s.writesMoney)
			t.Run("names only what is desired", s.namesOnlyDesired)
			t.Run("renders the same bytes again", s.rendersAgain)
			t.Run("says what became of every item", s.saysWhatBecame)
			t.Run("reads back in our units", s.readsBack)
			t.Run("asks with addresses that stay at the provider", s.asksAtBase)
		})
	}
}

func (s speaker) setup(t *testing.T, currency string, desires ...desire) (Dialect, Target, []Chunk) {
	t.Helper()
	d, to := of(t, s.provider), target(t, s.provider, currency)
	pages := pagesOf(desires...)
	chunks, _ := Render(d, to, pages, dirty(pages))
	return d, to, chunks
}

func (s speaker) keepsLimits(t *testing.T) {
	var all []desire
	for _, plan := range []string{"BAR", "NRF"} {
		for day := 1; day <= 31; day++ {
			all = append(all, desire{"DBL", plan, day, day, map[ledger.Field]int64{ledger.Price: int64(day)}})
		}
	}
	d, to, chunks := s.setup(t, "EUR", all...)
	total := 0
	for _, c := range chunks {
		n := s.items(d.Write(to, c.Items).Body)
		if n > to.API.Items || n != len(c.Items) {
			t.Errorf("a call of %d items, %d are allowed and %d were asked for", n, to.API.Items, len(c.Items))
		}
		total += n
	}
	if total != 62 {
		t.Errorf("%d items in all, want 62", total)
	}
}

func (s speaker) writesMoney(t *testing.T) {
	for currency, want := range map[string]string{"EUR": "1234.05", "JPY": "123405", "KWD": "123.405"} {
		d, to, chunks := s.setup(t, currency, desire{"DBL", "BAR", 1, 1, map[ledger.Field]int64{ledger.Price: 123405}})
		if got := s.amounts(d.Write(to, chunks[0].Items).Body); !reflect.DeepEqual(got, []string{want}) {
			t.Errorf("%s: amounts are %v, want %s", currency, got, want)
		}
	}
}

func (s speaker) namesOnlyDesired(t *testing.T) {
	d, to, chunks := s.setup(t, "EUR", desire{"DBL", "BAR", 1, 1, map[ledger.Field]int64{ledger.MinStay: 2}})
	if got := s.amounts(d.Write(to, chunks[0].Items).Body); len(got) != 0 {
		t.Errorf("amounts %v in a call about a length of stay: what is not named stays as it is", got)
	}
}

func (s speaker) rendersAgain(t *testing.T) {
	pages := everything()
	d, to := of(t, s.provider), target(t, s.provider, "EUR")
	first, _ := Render(d, to, pages, dirty(pages))
	for range 20 {
		again, _ := Render(d, to, everything(), dirty(everything()))
		a, b := d.Write(to, first[0].Items), d.Write(to, again[0].Items)
		if string(a.Body) != string(b.Body) {
			t.Fatalf("the same cells are\n%s\nand\n%s", a.Body, b.Body)
		}
		if ledger.IdempotencyKey("c", a.Body, first[0].Spans) != ledger.IdempotencyKey("c", b.Body, again[0].Spans) {
			t.Fatal("a retry has another key")
		}
	}
}

func (s speaker) saysWhatBecame(t *testing.T) {
	d, to, chunks := s.setup(t, "EUR", desire{"DBL", "BAR", 1, 1, map[ledger.Field]int64{ledger.Price: 1}},
		desire{"DBL", "BAR", 2, 2, map[ledger.Field]int64{ledger.Price: 2}})
	if s.applied != nil {
		if o := d.Judge(to, chunks[0].Items, answer(200, s.applied(2))); o.Kind != Applied || len(o.Rejected) != 0 {
			t.Errorf("outcome is %+v, want applied", o)
		}
	}
	if s.job != nil {
		if o := d.Judge(to, chunks[0].Items, answer(200, s.job(2))); o.Kind != Accepted || o.Job == "" {
			t.Errorf("outcome is %+v, want accepted", o)
		}
	}
	for _, a := range []Answer{{At: at}, {Sent: true, At: at}, answer(200, "{"), answer(429, "", "Retry-After", "1")} {
		if o := d.Judge(to, chunks[0].Items, a); o.Kind == Applied || o.Kind == Accepted {
			t.Errorf("%+v was taken for a success", a)
		}
	}
}

func (s speaker) readsBack(t *testing.T) {
	for currency, price := range map[string]string{"EUR": "129.50", "JPY": "12950", "KWD": "12.950"} {
		d, to := of(t, s.provider), target(t, s.provider, currency)
		date, _ := ledger.DateOf("2026-12", 24)
		w := Window{Keys: []ledger.PageKey{{Room: "DBL", Plan: "BAR", Month: "2026-12"}}, From: date, To: date}
		o := d.JudgeRead(to, w, answer(200, s.read("2026-12-24", price)))
		if o.Kind != Applied || len(o.Cells) != 1 {
			t.Fatalf("%s: outcome is %+v, want one cell", currency, o)
		}
		c := o.Cells[0]
		if c.Room != "DBL" || c.Plan != "BAR" || c.Date != date {
			t.Errorf("cell is %+v", c)
		}
		for field, want := range map[ledger.Field]int64{ledger.Price: 12950, ledger.MinStay: 2, ledger.StopSell: 1} {
			if got := c.Values[field]; got != want || !d.Readable(field) {
				t.Errorf("%s: %s is %d, want %d", currency, field, got, want)
			}
		}
		for status, want := range map[int]Kind{401: Unauthorized, 429: Throttled, 500: Unknown, 502: Unknown, 200: Unknown} {
			if got := d.JudgeRead(to, w, answer(status, "no")).Kind; got != want {
				t.Errorf("a read that is answered %d is %s, want %s", status, got, want)
			}
		}
	}
}

func (s speaker) asksAtBase(t *testing.T) {
	d, to := of(t, s.provider), target(t, s.provider, "EUR")
	date, _ := ledger.DateOf("2026-12", 1)
	w := Window{Keys: []ledger.PageKey{{Room: "DBL", Plan: "BAR", Month: "2026-12"}}, From: date, To: date + 3}
	for _, c := range []Call{d.Poll(to, "../../evil?x=1#"), d.Read(to, w, "next&page")} {
		u, err := url.Parse(c.URL)
		if err != nil || u.Host != "api.example" || c.Method != "GET" || len(c.Body) > 0 {
			t.Errorf("call is %+v, %v", c, err)
		}
		if u.Path != u.JoinPath().Path || u.Fragment != "" {
			t.Errorf("%s leaves its place", c.URL)
		}
	}
}

func TestCloudbeds_ReadIsToldByNight(t *testing.T) {
	to := target(t, "cloudbeds", "EUR")
	first, _ := ledger.DateOf("2026-12", 30)
	w := Window{Keys: []ledger.PageKey{{Room: "DBL", Plan: "NRF", Month: "2026-12"}, {Room: "DBL", Plan: "BAR", Month: "2026-12"}, {Room: "DBL", Month: "2026-12"}}, From: first, To: first + 1}
	c := (cloudbeds{}).Read(to, w, "")
	if want := "https://api.example/v1/getRatePlans?detailedRates=true&endDate=2027-01-01&propertyIDs=H-77&rateIDs=1001%2C1002&startDate=2026-12-30"; c.URL != want {
		t.Errorf("asks %s\nwant %s", c.URL, want)
	}
	body := `{"success":true,"data":[{"rateID":1001,"roomRateDetailed":[
		{"date":"2026-12-30","rateBase":"650000.00","minLos":null,"maxLos":"14","closedToArrival":"1"},
		{"date":"2026-12-31","rate":null},{"date":"not a date","rate":1}]},{"rateID":"of somebody else","roomRateDetailed":[{"date":"2026-12-30"}]}]}`
	o := (cloudbeds{}).JudgeRead(to, w, answer(200, body))
	if len(o.Cells) != 2 {
		t.Fatalf("cells are %+v, want two", o.Cells)
	}
	want := map[ledger.Field]int64{ledger.Price: 65000000, ledger.MinStay: 0, ledger.MaxStay: 14, ledger.ClosedToArrival: 1}
	if !reflect.DeepEqual(o.Cells[0].Values, want) {
		t.Errorf("values are %v, want %v", o.Cells[0].Values, want)
	}
	if want := map[ledger.Field]int64{ledger.Price: Unset}; !reflect.DeepEqual(o.Cells[1].Values, want) {
		t.Errorf("values are %v, want a price that is not set and nothing else told", o.Cells[1].Values)
	}
}

func TestGeneric_ReadPages(t *testing.T) {
	to := target(t, "generic", "EUR")
	date, _ := ledger.DateOf("2026-12", 1)
	w := Window{Keys: []ledger.PageKey{{Room: "DBL", Month: "2026-12"}}, From: date, To: date + 30}
	if c := (generic{}).Read(to, w, "abc"); c.URL != "https://api.example/v1/v2/rates?cursor=abc&from=2026-12-01&property=H-77&room_type=DBL&to=2026-12-31" {
		t.Errorf("asks %s", c.URL)
	}
	w.Keys = append(w.Keys, ledger.PageKey{Room: "SGL", Plan: "BAR", Month: "2026-12"})
	if c := (generic{}).Read(to, w, ""); c.URL != "https://api.example/v1/v2/rates?from=2026-12-01&property=H-77&to=2026-12-31" {
		t.Errorf("asks %s", c.URL)
	}
	o := (generic{}).JudgeRead(to, w, answer(200, `{"items":[{"room_type":"DBL","date":"2026-12-01","available":3}],"next":""}`))
	if len(o.Cells) != 1 || o.Cells[0].Plan != "" || o.Cells[0].Values[ledger.Available] != 3 || o.Cells[0].Values[ledger.Price] != Unset || o.Next != "" {
		t.Errorf("outcome is %+v", o)
	}
}

// FuzzJudge: no answer of a provider makes a dialect panic, break its promises
// about rejected items, or let through words that do not belong into a log.
func FuzzJudge(f *testing.F) {
	for _, row := range verdicts {
		f.Add(row.answer.Status, string(row.answer.Body), row.answer.Header.Get("Retry-After"), row.answer.Header.Get("WWW-Authenticate"))
	}
	f.Add(200, `{"success":true,"data":[{"rateID":"1001","roomRateDetailed":[{"date":"2026-12-01","rate":1e3}]}]}`, "", "")
	f.Add(200, `{"items":[{"room_type":"DBL","rate_plan":"BAR","date":"2026-12-01","price":"1","prices":{"2":null}}]}`, "", "")
	f.Add(200, `{"status":"done","results":[{"index":-1,"status":"rejected"}]}`, "", "")
	f.Add(200, `{"success":true,"data":[{"jobReferenceID":"j","status":"error","updates":[{"rateID":{},"success":false}]}]}`, "", "")
	f.Fuzz(func(t *testing.T, status int, body, retryAfter, challenge string) {
		a := answer(status, body, "Retry-After", retryAfter, "WWW-Authenticate", challenge)
		for _, provider := range []string{"generic", "cloudbeds"} {
			to, items := twoItems(t, provider)
			d := of(t, provider)
			o := d.Judge(to, items, a)
			for _, r := range o.Rejected {
				if r.Item < 0 || r.Item >= len(items) {
					t.Fatalf("item %d of %d is rejected", r.Item, len(items))
				}
			}
			if o.Kind == "" || o.Kind == Accepted && o.Job == "" || len(o.Why) > maxWhy || o.Why != clean(o.Why) {
				t.Fatalf("outcome is %+v", o)
			}
			if !o.RetryAt.IsZero() && (o.RetryAt.Before(at) || o.RetryAt.Sub(at) > longestWait) {
				t.Fatalf("retry at %v", o.RetryAt)
			}
			job := ledger.Job{ID: "j", Runs: []ledger.Run{items[0].Run}}
			if o := d.JudgePoll(to, job, a); o.Kind == "" || o.Kind == Refused || o.Why != clean(o.Why) {
				t.Fatalf("poll is %+v", o)
			}
			w := Window{Keys: []ledger.PageKey{items[0].Spans[0].Page}, From: items[0].From, To: items[0].To}
			if o := d.JudgeRead(to, w, a); o.Kind == "" || o.Kind == Refused || o.Why != clean(o.Why) {
				t.Fatalf("read is %+v", o)
			}
		}
	})
}

func TestLongestWaitIsADay(t *testing.T) {
	if longestWait != 24*time.Hour {
		t.Error("a provider must not be able to mute a hotel for longer")
	}
}
