package rate

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
)

// noon is now in every test: the 21st of November 2026 in Lisbon.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func lisbon() connection.Connection {
	return connection.Connection{ID: "lisbon-1", Zone: "Europe/Lisbon", Currency: "EUR"}
}

// example is the one that the documentation shows.
const example = `{"v":1,"connection":"lisbon-1","revision":1763712000123,"currency":"EUR",
 "updates":[{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-01","to":"2026-12-31",
             "price":"129.00","prices":{"1":"109.00","2":"129.00"},"min_stay":2,"min_stay_through":1,
             "max_stay":14,"closed_to_arrival":false,"closed_to_departure":false,"stop_sell":true},
            {"room_type":"DBL","from":"2026-12-24","to":"2026-12-26","available":3}]}`

func date(s string) ledger.Date {
	d, err := ledger.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

func TestParse_TheExample(t *testing.T) {
	m, problems := Parse([]byte(example), noon)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := Message{
		Connection: "lisbon-1", Revision: 1763712000123, Currency: "EUR",
		Changes: []Change{
			{Index: 0, Room: "DBL", Plan: "BAR", From: date("2026-12-01"), To: date("2026-12-31"), Fields: map[ledger.Field]int64{
				ledger.Price: 12900, ledger.PriceFor(1): 10900, ledger.PriceFor(2): 12900,
				ledger.MinStay: 2, ledger.MinStayThrough: 1, ledger.MaxStay: 14,
				ledger.ClosedToArrival: 0, ledger.ClosedToDeparture: 0, ledger.StopSell: 1,
			}},
			{Index: 1, Room: "DBL", From: date("2026-12-24"), To: date("2026-12-26"), Fields: map[ledger.Field]int64{ledger.Available: 3}},
		},
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("read as %+v\nwant %+v", m, want)
	}
}

func TestMessage_GroupIsWhomItAddresses(t *testing.T) {
	for doc, want := range map[string]string{
		example: "lisbon-1",
		strings.Replace(example, `"connection":"lisbon-1"`, `"property":"LIS"`, 1): "LIS",
	} {
		if m, problems := Parse([]byte(doc), noon); m.Group() != want {
			t.Errorf("the group is %q, %v; want %q", m.Group(), problems, want)
		}
	}
}

// update is a message with these updates.
func update(updates ...string) string {
	return `{"v":1,"connection":"lisbon-1","revision":5,"currency":"EUR","updates":[` + strings.Join(updates, ",") + `]}`
}

// with is one update of the double room's best rate with more members.
func with(members string) string {
	return `{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-01","to":"2026-12-31",` + members + `}`
}

// TestParse_TheGoodIsTakenAndTheBadReported: one bad update stops no other.
func TestParse_TheGoodIsTakenAndTheBadReported(t *testing.T) {
	m, problems := Parse([]byte(update(with(`"price":"10.00"`), with(`"price":"-1"`), with(`"price":"12.00"`))), noon)
	if len(m.Changes) != 2 || m.Changes[0].Index != 0 || m.Changes[1].Index != 2 {
		t.Errorf("taken were %+v", m.Changes)
	}
	want := []Problem{{1, "price", "-1", "a price cannot be negative"}}
	if !slices.Equal(problems, want) {
		t.Errorf("reported as %+v, want %+v", problems, want)
	}
}

func TestParse_SaysWhatIsWrongWithAnUpdate(t *testing.T) {
	for _, c := range []struct{ name, update, field, value, reason string }{
		{"misspelt", with(`"price":"1.00","min_sta":2`), "min_sta", "2", "not a field"},
		{"misspelt occupancy", with(`"prices":{"19":"1.00"}`), "prices.19", "1.00", "not a field"},
		{"twice", with(`"price":"1.00","price":"2.00"`), "price", "2.00", "given twice"},
		{"null", with(`"price":null`), "price", "null", "leave it out"},
		{"a float", with(`"price":129.0`), "price", "129.0", "write a price as a string"},
		{"over-precise", with(`"price":"129.001"`), "price", "129.001", "more decimals"},
		{"negative for two", with(`"prices":{"2":"-3"}`), "prices.2", "-3", "negative"},
		{"with a comma", with(`"price":"1,299.00"`), "price", "1,299.00", "such as"},
		{"no prices", with(`"prices":{}`), "prices", "{}", "is empty"},
		{"prices as a list", with(`"prices":["1.00"]`), "prices", `["1.00"]`, "must be an object"},
		{"no nights", with(`"min_stay":0`), "min_stay", "0", "from 1 to 365"},
		{"half a night", with(`"min_stay":1.5`), "min_stay", "1.5", "whole number"},
		{"as an exponent", with(`"min_stay":1e1`), "min_stay", "1e1", "whole number"},
		{"a number past all numbers", with(`"max_stay":99999999999999999999`), "max_stay", "99999999999999999999", "from 0 to 365"},
		{"min above max", with(`"min_stay":5,"max_stay":3`), "min_stay", "", "more than max_stay"},
		{"a flag as a number", with(`"stop_sell":1`), "stop_sell", "1", "true or false"},
		{"nothing said", `{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-01","to":"2026-12-02"}`, "", "", "says nothing"},
		{"availability of a plan", with(`"available":3`), "available", "", "belongs to the room type"},
		{"a price of a room", `{"room_type":"DBL","from":"2026-12-01","to":"2026-12-02","price":"1.00"}`, "rate_plan", "", "price belongs to a rate plan"},
		{"sold below zero", `{"room_type":"DBL","from":"2026-12-01","to":"2026-12-02","available":-1}`, "available", "-1", "from 0"},
		{"no room", `{"rate_plan":"BAR","from":"2026-12-01","to":"2026-12-02","price":"1.00"}`, "room_type", "", "is missing"},
		{"a room that names a page", `{"room_type":"D#B","rate_plan":"BAR","from":"2026-12-01","to":"2026-12-02","price":"1.00"}`, "room_type", "D#B", "without #"},
		{"reversed", `{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-02","to":"2026-12-01","price":"1.00"}`, "to", "2026-12-01", "before from"},
		{"impossible", `{"room_type":"DBL","rate_plan":"BAR","from":"2027-02-01","to":"2027-02-30","price":"1.00"}`, "to", "2027-02-30", "a date that exists"},
		{"a date as a number", `{"room_type":"DBL","rate_plan":"BAR","from":20261201,"to":"2026-12-01","price":"1.00"}`, "from", "20261201", "must be a string"},
		{"past", `{"room_type":"DBL","rate_plan":"BAR","from":"2026-11-01","to":"2026-11-19","price":"1.00"}`, "to", "2026-11-19", "are over"},
		{"far", `{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-01","to":"2029-11-23","price":"1.00"}`, "to", "2029-11-23", "more than 3 years"},
		{"not an object", `"DBL"`, "", "DBL", "must be an object"},
	} {
		m, problems := Parse([]byte(update(c.update, with(`"price":"1.00"`))), noon)
		if len(problems) != 1 || len(m.Changes) != 1 {
			t.Errorf("%s: %+v, and %d taken", c.name, problems, len(m.Changes))
			continue
		}
		p := problems[0]
		if p.Index != 0 || p.Field != c.field || p.Value != c.value || !strings.Contains(p.Reason, c.reason) {
			t.Errorf("%s: reported as %+v", c.name, p)
		}
	}
}

func TestParse_SaysWhatIsWrongWithAMessage(t *testing.T) {
	one := with(`"price":"1.00"`)
	for _, c := range []struct{ name, message, field, reason string }{
		{"empty", ``, "", "not one JSON object"},
		{"not JSON", `{"v":1,`, "", "at byte 7"},
		{"two of them", update(one) + `{}`, "", "after top-level value"},
		{"a list", `[]`, "", "must be an object"},
		{"not UTF-8", "{\"v\":1,\"x\":\"\xff\"}", "", "UTF-8"},
		{"deep", strings.Repeat("[", 50) + strings.Repeat("]", 50), "", "nested deeper"},
		{"large", `{"v":"` + strings.Repeat("x", MaxBytes) + `"}`, "", "larger than"},
		{"a later version", strings.Replace(update(one), `"v":1`, `"v":2`, 1), "v", "write 1"},
		{"no version", strings.Replace(update(one), `"v":1,`, ``, 1), "v", "is missing"},
		{"no revision", strings.Replace(update(one), `"revision":5,`, ``, 1), "revision", "is missing"},
		{"revision zero", strings.Replace(update(one), `:5,`, `:0,`, 1), "revision", "greater than 0"},
		{"revision as text", strings.Replace(update(one), `:5,`, `:"5",`, 1), "revision", "whole number"},
		{"revision past 63 bits", strings.Replace(update(one), `:5,`, `:9223372036854775808,`, 1), "revision", "63 bits"},
		{"nobody", strings.Replace(update(one), `"connection":"lisbon-1",`, ``, 1), "connection", "either"},
		{"both", strings.Replace(update(one), `"v":1`, `"v":1,"property":"LIS"`, 1), "connection", "either"},
		{"an odd name", strings.Replace(update(one), `lisbon-1`, `../etc`, 1), "connection", "letters"},
		{"no currency", strings.Replace(update(one), `"currency":"EUR",`, ``, 1), "currency", "although prices"},
		{"a currency that is none", strings.Replace(update(one), `EUR`, `ZZZ`, 1), "currency", "ISO 4217"},
		{"a currency in small letters", strings.Replace(update(one), `EUR`, `eur`, 1), "currency", "ISO 4217"},
		{"an unknown field", strings.Replace(update(one), `"v":1`, `"v":1,"curency":"EUR"`, 1), "curency", "those are connection, currency"},
		{"a field twice", strings.Replace(update(one), `"v":1`, `"v":1,"v":1`, 1), "v", "given twice"},
		{"no updates", update(), "updates", "is empty"},
		{"updates as an object", strings.Replace(update(), `[]`, `{}`, 1), "updates", "must be a list"},
		{"too many updates", update(slices.Repeat([]string{one}, MaxUpdates+1)...), "updates", "at most 1000"},
	} {
		m, problems := Parse([]byte(c.message), noon)
		if len(m.Changes) != 0 {
			t.Errorf("%s: %d changes were taken", c.name, len(m.Changes))
		}
		if len(problems) != 1 || problems[0].Index != -1 || problems[0].Field != c.field || !strings.Contains(problems[0].Reason, c.reason) {
			t.Errorf("%s: reported as %+v", c.name, problems)
		}
	}
}

// pagesOf is a message that touches n month pages.
func pagesOf(n int) string {
	var updates []string
	for i := range n {
		updates = append(updates, fmt.Sprintf(`{"room_type":"R%d","rate_plan":"BAR","from":"2026-12-01","to":"2026-12-31","price":"1.00"}`, i))
	}
	return update(updates...)
}

func TestParse_AtMost300Pages(t *testing.T) {
	if m, problems := Parse([]byte(pagesOf(MaxPages)), noon); len(problems) != 0 || len(m.Changes) != MaxPages {
		t.Errorf("300 pages: %d taken, %v", len(m.Changes), problems)
	}
	m, problems := Parse([]byte(pagesOf(MaxPages+1)), noon)
	if len(problems) != 1 || problems[0].Index != -1 || problems[0].Field != "updates" || len(m.Changes) != 0 {
		t.Errorf("301 pages: %d taken, %v", len(m.Changes), problems)
	}
}

func TestParse_AtMost1000Updates(t *testing.T) {
	m, problems := Parse([]byte(update(slices.Repeat([]string{with(`"price":"1.00"`)}, MaxUpdates)...)), noon)
	if len(problems) != 0 || len(m.Changes) != MaxUpdates {
		t.Errorf("%d taken, %v", len(m.Changes), problems)
	}
}

// TestParse_ARangeThatBeganInThePastIsCut: what is over everywhere counts for
// nothing, neither as a page nor as a night.
func TestParse_ARangeThatBeganInThePastIsCut(t *testing.T) {
	m, problems := Parse([]byte(update(`{"room_type":"DBL","rate_plan":"BAR","from":"0001-01-01","to":"2026-11-25","price":"1.00"}`)), noon)
	if len(problems) != 0 || len(m.Changes) != 1 || m.Changes[0].From.String() != "2026-11-21" {
		t.Errorf("read as %+v, %v", m.Changes, problems)
	}
}

func TestParse_TheReportIsBounded(t *testing.T) {
	bad := `{"` + strings.Repeat("é", 500) + `":"` + strings.Repeat("ü", 5000) + `","a":1,"b":2,"c":3,"d":4}`
	_, problems := Parse([]byte(update(bad)), noon)
	if len(problems) != problemsEach {
		t.Errorf("%d problems of one update", len(problems))
	}
	for _, p := range problems {
		if len(p.Value) > maxValue+3 || len(p.Field) > maxValue+3 {
			t.Errorf("repeated at length: %+v", p)
		}
	}
	_, problems = Parse([]byte(update(slices.Repeat([]string{`{"a":1,"b":2,"c":3,"d":4}`}, MaxUpdates)...)), noon)
	report, err := json.Marshal(problems)
	if err != nil || len(report) > MaxBytes/2 {
		t.Errorf("a report of %d bytes, %v", len(report), err)
	}
	if last := problems[len(problems)-1]; last.Index != MaxUpdates-1 {
		t.Errorf("the last one reported is %d", last.Index)
	}
}

func TestFor_TheConnectionsOwnRules(t *testing.T) {
	m, _ := Parse([]byte(example), noon)
	if changes, problems := m.For(lisbon(), noon); len(changes) != 2 || len(problems) != 0 {
		t.Errorf("taken %d, %v", len(changes), problems)
	}
	tokyo := lisbon()
	tokyo.Currency = "JPY"
	if changes, problems := m.For(tokyo, noon); len(changes) != 0 || len(problems) != 1 || problems[0].Field != "currency" || problems[0].Index != -1 {
		t.Errorf("in another currency: %v, %v", changes, problems)
	}
}

func TestFor_ARevisionFromTheFuture(t *testing.T) {
	timed := lisbon()
	timed.RevisionIsTime = true
	m, _ := Parse([]byte(example), noon)
	m.Revision = noon.Add(10 * time.Minute).UnixMilli()
	if _, problems := m.For(timed, noon); len(problems) != 0 {
		t.Errorf("ten minutes ahead: %v", problems)
	}
	m.Revision++
	if changes, problems := m.For(timed, noon); len(changes) != 0 || len(problems) != 1 || problems[0].Field != "revision" {
		t.Errorf("a millisecond more: %v, %v", changes, problems)
	}
	if changes, _ := m.For(lisbon(), noon); len(changes) != 2 {
		t.Error("refused although its revisions are not declared to be times")
	}
}

func TestFor_NightsAreTheProperties(t *testing.T) {
	midnight := time.Date(2026, 12, 25, 0, 30, 0, 0, time.UTC) // still the 24th in New York
	m, problems := Parse([]byte(update(with(`"price":"1.00"`),
		`{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-24","to":"2026-12-24","price":"2.00"}`)), midnight)
	if len(problems) != 0 {
		t.Fatal(problems)
	}
	newYork := lisbon()
	newYork.Zone = "America/New_York"
	changes, problems := m.For(newYork, midnight)
	if len(changes) != 2 || len(problems) != 0 || changes[0].From.String() != "2026-12-24" {
		t.Errorf("in New York: %v, %v", changes, problems)
	}
	changes, problems = m.For(lisbon(), midnight)
	if len(changes) != 1 || changes[0].From.String() != "2026-12-25" {
		t.Errorf("in Lisbon: %v", changes)
	}
	if want := []Problem{{1, "to", "2026-12-24", pastReason}}; !slices.Equal(problems, want) {
		t.Errorf("in Lisbon: %v", problems)
	}
	if m.Changes[0].From.String() != "2026-12-24" {
		t.Error("the message changed with one of its connections")
	}
	nowhere := lisbon()
	nowhere.Zone = "Atlantis/Capital"
	if changes, _ := m.For(nowhere, midnight); len(changes) != 2 {
		t.Errorf("a zone that we cannot find lost updates: %v", changes)
	}
}

func TestWants_ByPageAndTheLaterIndexCounts(t *testing.T) {
	m, problems := Parse([]byte(update(
		`{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-30","to":"2027-01-02","price":"100.00","min_stay":2}`,
		`{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-31","to":"2026-12-31","price":"150.00"}`,
		`{"room_type":"DBL","from":"2026-12-31","to":"2026-12-31","available":4}`)), noon)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	wants := Wants(m.Revision, m.Changes)
	var pages []string
	for _, w := range wants {
		pages = append(pages, w.Page.String())
		if w.Revision != 5 {
			t.Errorf("page %s at revision %d", w.Page, w.Revision)
		}
	}
	if !slices.Equal(pages, []string{"DBL##2026-12", "DBL#BAR#2026-12", "DBL#BAR#2027-01"}) {
		t.Fatalf("the pages are %v", pages)
	}
	december, merged := ledger.Page{Key: wants[1].Page}.Merge(wants[1])
	if len(merged.Conflicts) != 0 || december.Days[30][ledger.Price].Value != 10000 || december.Days[31][ledger.Price].Value != 15000 {
		t.Errorf("December is %v, %v", december.Days, merged)
	}
	if len(december.Days) != 2 || december.Days[31][ledger.MinStay].Value != 2 {
		t.Errorf("December is %v", december.Days)
	}
}

// TestWants_SayWhatTheChangesSay: night by night the pages hold what a plain
// walk through the list leaves.
func TestWants_SayWhatTheChangesSay(t *testing.T) {
	first := date("2026-12-15")
	rapid.Check(t, func(t *rapid.T) {
		plain := map[ledger.Date]int64{}
		var changes []Change
		for i := range rapid.IntRange(1, 6).Draw(t, "updates") {
			c := Change{Index: i, Room: "DBL", Plan: "BAR", From: first + ledger.Date(rapid.IntRange(0, 60).Draw(t, "from"))}
			c.To = c.From + ledger.Date(rapid.IntRange(0, 60).Draw(t, "nights"))
			c.Fields = map[ledger.Field]int64{ledger.Price: int64(i)}
			changes = append(changes, c)
			for d := c.From; d <= c.To; d++ {
				plain[d] = int64(i)
			}
		}
		held := map[ledger.Date]int64{}
		for _, w := range Wants(1, changes) {
			for _, v := range w.Values {
				for day := range ledger.Days(v.Days) {
					d := w.Page.Date(day)
					if _, twice := held[d]; twice {
						t.Fatalf("%s is said twice", d)
					}
					held[d] = v.Value
				}
			}
		}
		if !reflect.DeepEqual(plain, held) {
			t.Fatalf("the list says %v, the pages %v", plain, held)
		}
	})
}

func TestProblem_ForPeople(t *testing.T) {
	p := Problem{3, "prices.2", "-1", "a price cannot be negative"}
	if got := p.String(); got != "update 3, prices.2 -1: a price cannot be negative" {
		t.Error(got)
	}
	if got := (Problem{-1, "", "", "is not UTF-8"}).String(); got != "message: is not UTF-8" {
		t.Error(got)
	}
}

// FuzzParse: no bytes make it panic, and what it takes can be written and read
// again as the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte(update(with(`"price":"0","min_stay":1`), with(`"price":-1`))))
	f.Add([]byte(`{"v":1,"property":"LIS","revision":9223372036854775807,"currency":"KWD","updates":[` +
		`{"room_type":"~ [a]","rate_plan":"B&B","from":"0001-01-01","to":"2029-11-21","prices":{"18":"999999999999.999"}}]}`))
	f.Add([]byte(`{"v":1,"connection":"x","revision":1,"updates":[{"room_type":"é","from":"2026-02-30","to":null,"available":1e3}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, problems := Parse(raw, noon)
		for _, p := range problems {
			if p.Reason == "" || p.Index < -1 || p.Index >= MaxUpdates {
				t.Fatalf("reported as %+v", p)
			}
		}
		if len(m.Changes) == 0 {
			if len(problems) == 0 {
				t.Fatal("nothing taken and nothing reported")
			}
			return
		}
		again, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, problems := Parse(again, noon)
		if len(problems) > 0 {
			t.Fatalf("%s: %v", again, problems)
		}
		for i := range m.Changes {
			m.Changes[i].Index = i // what was refused is not written
		}
		if !reflect.DeepEqual(m, back) {
			t.Fatalf("%+v came back as %+v", m, back)
		}
	})
}
