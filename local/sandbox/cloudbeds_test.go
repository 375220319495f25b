package sandbox

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestPatchRate_JobFlow(t *testing.T) {
	w := newWorld(t, Config{JobDelay: time.Second})
	p := w.connect("1001")
	form := oneRate("37", "2026-12-01", "2026-12-03", "129")
	for name, value := range map[string]string{"minLos": "2", "maxLos": "14", "closedToArrival": "true", "closedToDeparture": "0", "blocked": "1"} {
		form.Set("rates[0][interval]["+name+"]", value)
	}
	r := w.patch(p.access, form)
	w.want("status", r.status, 200)
	id := r.text(t, "jobReferenceID")
	if id == "" || r.json(t)["success"] != true {
		t.Fatalf("%s", r.body)
	}
	jobs := func(query string) string {
		return w.send("GET", "/cloudbeds/api/v1.3/getRateJobs?"+query, "", bearerHeader(p.access)).body
	}
	w.want("while in progress", jobs("jobReferenceID="+id), fmt.Sprintf(
		`{"data":[{"dateCreated":"2026-11-21 08:00:00","jobReferenceID":%q,"status":"in_progress","updates":[]}],"success":true}`+"\n", id))
	w.pass(time.Second)
	w.want("when done", jobs("jobReferenceID="+id), fmt.Sprintf(`{"data":[{"dateCreated":"2026-11-21 08:00:00","jobReferenceID":%q,"status":"completed",`+
		`"updates":[{"rateID":"37","startDate":"2026-12-01","endDate":"2026-12-03","rate":129.00,"success":true,"message":""}]}],"success":true}`+"\n", id))
	w.want("an unknown one", jobs("jobReferenceID=nope"), `{"data":[],"success":true}`+"\n")
	if all := jobs(""); !strings.Contains(all, id) {
		t.Errorf("the list of all jobs: %s", all)
	}
	for field, want := range map[string]string{FieldPrice: "129.00", FieldMinStay: "2", FieldMaxStay: "14",
		FieldClosedToArrival: "true", FieldClosedToDeparture: "false", FieldStopSell: "true"} {
		w.want(field, w.value("1001", "DBL", "BAR", "2026-12-03", field), want)
	}
}

func TestPatchRate_ThirtyIntervalsAreTheMost(t *testing.T) {
	w := newWorld(t, Config{})
	p := w.connect("1001")
	form := func(n int) url.Values {
		all := url.Values{}
		for i := range n {
			at := fmt.Sprintf("rates[%d]", i)
			all.Set(at+"[rateID]", "37")
			all.Set(at+"[interval][startDate]", "2026-12-01")
			all.Set(at+"[interval][endDate]", "2026-12-01")
			all.Set(at+"[interval][rate]", fmt.Sprint(100+i))
		}
		return all
	}
	r := w.patch(p.access, form(31))
	w.want("31: status", r.status, 200)
	w.want("31: success", r.json(t)["success"], false)
	w.want("31: items in the books", w.lastRequest().Items, 0)
	w.want("30", w.patch(p.access, form(30)).json(t)["success"], true)
	w.pass(time.Second)
	w.want("the highest index wins", w.value("1001", "DBL", "BAR", "2026-12-01", FieldPrice), "129.00")
}

func TestPatchRate_OneWrongIntervalTurnsTheCallDown(t *testing.T) {
	w := newWorld(t, Config{})
	p := w.connect("1001")
	const at = "rates[0][interval]"
	for name, spoil := range map[string]func(url.Values){
		"unknown rate":        func(v url.Values) { v.Set("rates[0][rateID]", "99") },
		"another property's":  func(v url.Values) { v.Set("rates[0][rateID]", "50") },
		"derived rate":        func(v url.Values) { v.Set("rates[0][rateID]", "38") },
		"no rate":             func(v url.Values) { v.Del("rates[0][rateID]") },
		"reversed dates":      func(v url.Values) { v.Set(at+"[endDate]", "2026-11-30") },
		"no end":              func(v url.Values) { v.Del(at + "[endDate]") },
		"not a date":          func(v url.Values) { v.Set(at+"[startDate]", "01/12/2026") },
		"price with exponent": func(v url.Values) { v.Set(at+"[rate]", "1e2") },
		"too precise":         func(v url.Values) { v.Set(at+"[rate]", "1.005") },
		"minLos":              func(v url.Values) { v.Set(at+"[minLos]", "02") },
		"blocked":             func(v url.Values) { v.Set(at+"[blocked]", "yes") },
		"unknown field":       func(v url.Values) { v.Set(at+"[price]", "1") },
		"unknown parameter":   func(v url.Values) { v.Set("rate[0]", "1") },
		"misplaced rateID":    func(v url.Values) { v.Set(at+"[rateID]", "37") },
		"misplaced field":     func(v url.Values) { v.Set("rates[0][rate]", "1") },
		"given twice":         func(v url.Values) { v.Add(at+"[rate]", "1") },
		"nothing to change":   func(v url.Values) { v.Del(at + "[rate]") },
		"empty":               func(v url.Values) { clear(v) },
	} {
		form := oneRate("37", "2026-12-01", "2026-12-01", "100")
		form.Set("rates[1][rateID]", "39")
		form.Set("rates[1][interval][startDate]", "2026-12-01")
		form.Set("rates[1][interval][endDate]", "2026-12-01")
		form.Set("rates[1][interval][rate]", "90")
		spoil(form)
		r := w.patch(p.access, form)
		if r.status != 200 || r.json(t)["success"] != false || r.text(t, "message") == "" {
			t.Errorf("%s: status %d, %s", name, r.status, r.body)
		}
	}
	w.pass(time.Minute)
	w.want("cells", w.summary().Cells, 0)
}

func TestPatchRate_BelongsToTheConsentedProperty(t *testing.T) {
	w := newWorld(t, Config{})
	p := w.connect("2002")
	w.want("its own", w.patch(p.access, oneRate("50", "2026-12-01", "2026-12-01", "1")).json(t)["success"], true)
	w.want("another's", w.patch(p.access, oneRate("37", "2026-12-01", "2026-12-01", "1")).json(t)["success"], false)
	w.want("in the books", w.lastRequest().Property, "2002")
}

func TestRateLimit_PerPropertyAndSecond(t *testing.T) {
	w := newWorld(t, Config{})
	p := w.connect("2002") // its limit is the persona's own, 5 a second
	form := oneRate("50", "2026-12-01", "2026-12-01", "1")
	for i := range 5 {
		w.want(fmt.Sprint(i), w.patch(p.access, form).status, 200)
	}
	r := w.patch(p.access, form)
	w.want("the sixth", r.status, 429)
	w.want("Retry-After", r.header.Get("Retry-After"), "1")
	other := w.connect("1001")
	w.want("another property", w.patch(other.access, oneRate("37", "2026-12-01", "2026-12-01", "1")).status, 200)
	w.pass(time.Second)
	w.want("a second later", w.patch(p.access, form).status, 200)
	w.want("throttled", w.summary().Pushes[PushThrottled], 1)
}

func TestRatePlans_TellsEveryNightBeforeCheckOut(t *testing.T) {
	w := newWorld(t, Config{})
	p := w.connect("1001")
	w.patch(p.access, oneRate("37", "2026-12-01", "2026-12-01", "129.5"))
	w.pass(time.Second)
	plans := func(query string) reply {
		return w.send("GET", "/cloudbeds/api/v1.3/getRatePlans?"+query, "", bearerHeader(p.access))
	}
	w.want("body", plans("startDate=2026-12-01&endDate=2026-12-03&rateIDs=37&detailedRates=true").body,
		`{"data":[{"isDerived":false,"rateID":"37","ratePlanID":"BAR","roomRateDetailed":[`+
			`{"blocked":false,"closedToArrival":false,"closedToDeparture":false,"date":"2026-12-01","maxLos":null,"minLos":null,"rate":129.50},`+
			`{"blocked":false,"closedToArrival":false,"closedToDeparture":false,"date":"2026-12-02","maxLos":null,"minLos":null,"rate":null}],`+
			`"roomTypeID":"DBL"}],"success":true}`+"\n")
	var answer struct {
		Data []struct {
			RateID    string
			IsDerived bool
			Detailed  []any `json:"roomRateDetailed"`
		}
	}
	if err := json.Unmarshal([]byte(plans("startDate=2026-12-01&endDate=2026-12-02").body), &answer); err != nil {
		t.Fatal(err)
	}
	w.want("all rates", len(answer.Data), 3)
	w.want("derived", answer.Data[1].IsDerived, true)
	w.want("without detail", len(answer.Data[0].Detailed), 0)
	for _, query := range []string{"startDate=2026-12-01&endDate=2026-12-01", "startDate=2026-12-01", "startDate=2026-12-01&endDate=2026-12-02&propertyIDs=2002"} {
		w.want(query, plans(query).json(t)["success"], false)
	}
}

func TestCloudbeds_BadToken(t *testing.T) {
	w := newWorld(t, Config{})
	p := w.connect("1001")
	if err := w.admin.ExpireToken(t.Context(), p.access); err != nil {
		t.Fatal(err)
	}
	r := w.patch(p.access, oneRate("37", "2026-12-01", "2026-12-01", "1"))
	w.want("status", r.status, 401)
	w.want("success", r.json(t)["success"], false)
	w.want("expired pushes", w.summary().Pushes[PushExpired], 1)
	w.want("none at all", w.patch("", oneRate("37", "2026-12-01", "2026-12-01", "1")).status, 401)
	w.want("counted apart", w.summary().Pushes[PushUnknown], 1)
}
