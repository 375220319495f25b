package dialect

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"bellhop/shared/ledger"
)

func TestRender_EqualNightsAreOneItem(t *testing.T) {
	pages := pagesOf(
		desire{"DBL", "BAR", 1, 31, map[ledger.Field]int64{ledger.Price: 100}},
		desire{"DBL", "BAR", 10, 10, map[ledger.Field]int64{ledger.Price: 200}},
	)
	chunks, _ := Render(of(t, "generic"), target(t, "generic", "EUR"), pages, dirty(pages))
	var runs []string
	for _, i := range chunks[0].Items {
		runs = append(runs, i.From.String()+" "+i.To.String())
	}
	want := []string{"2026-12-01 2026-12-09", "2026-12-10 2026-12-10", "2026-12-11 2026-12-31"}
	if !reflect.DeepEqual(runs, want) {
		t.Errorf("runs are %v, want %v", runs, want)
	}
}

func TestRender_ARunCrossesTheEndOfAMonth(t *testing.T) {
	december := pagesOf(desire{"DBL", "BAR", 30, 31, map[ledger.Field]int64{ledger.Price: 100}})
	january := pagesOf(desire{"DBL", "BAR", 1, 2, map[ledger.Field]int64{ledger.Price: 100}})
	key := ledger.PageKey{Room: "DBL", Plan: "BAR", Month: "2027-01"}
	january[0].Key = key
	pages := append(december, january...)
	chunks, _ := Render(of(t, "generic"), target(t, "generic", "EUR"), pages, dirty(pages))
	if n := len(chunks[0].Items); n != 1 || chunks[0].Items[0].Nights() != 4 {
		t.Fatalf("items are %+v, want one of four nights", chunks[0].Items)
	}
	if n := len(chunks[0].Spans); n != 2 {
		t.Errorf("%d spans, want one for each month", n)
	}
}

func TestRender_ClosingsComeFirst(t *testing.T) {
	pages := pagesOf(
		desire{"AAA", "BAR", 1, 3, map[ledger.Field]int64{ledger.Price: 100}},
		desire{"ZZZ", "BAR", 1, 3, map[ledger.Field]int64{ledger.StopSell: 1, ledger.Price: 100}},
		desire{"YYY", "", 1, 3, map[ledger.Field]int64{ledger.Available: 0}},
		desire{"BBB", "BAR", 1, 3, map[ledger.Field]int64{ledger.StopSell: 0}},
	)
	chunks, _ := Render(of(t, "generic"), target(t, "generic", "EUR"), pages, dirty(pages))
	var rooms []string
	for _, i := range chunks[0].Items {
		rooms = append(rooms, i.Room)
	}
	if want := []string{"YYY", "ZZZ", "AAA", "BBB"}; !reflect.DeepEqual(rooms, want) {
		t.Errorf("order is %v, want %v", rooms, want)
	}
}

func TestRender_FieldsThatTheProviderDoesNotKnow(t *testing.T) {
	pages := everything()
	chunks, lost := Render(of(t, "cloudbeds"), target(t, "cloudbeds", "EUR"), pages, dirty(pages))
	for _, c := range chunks {
		for _, s := range c.Spans {
			if s.Field == ledger.Available || s.Field == ledger.MinStayThrough || s.Field == ledger.PriceFor(1) {
				t.Errorf("%s is sent, and Cloudbeds does not know it", s.Field)
			}
		}
	}
	if len(lost) != 0 { // room-level fields need no mapping that could be missing
		t.Errorf("unaddressed: %+v", lost)
	}
}

func TestRender_UnmappedIsNotAddressed(t *testing.T) {
	pages := pagesOf(
		desire{"STE", "BAR", 1, 3, map[ledger.Field]int64{ledger.Price: 100}},
		desire{"DBL", "BAR", 1, 3, map[ledger.Field]int64{ledger.Price: 100}},
	)
	chunks, lost := Render(of(t, "cloudbeds"), target(t, "cloudbeds", "EUR"), pages, dirty(pages))
	if len(chunks) != 1 || len(lost) != 1 || lost[0].Why != "no mapping: add STE/BAR to connection lisbon-1" {
		t.Fatalf("chunks %d, unaddressed %+v", len(chunks), lost)
	}
	if ledger.Count(lost[0].Spans) != 3 {
		t.Errorf("%d cells unaddressed, want 3", ledger.Count(lost[0].Spans))
	}
	to := target(t, "generic", "EUR") // uses our names, so nothing can be missing
	if _, lost = Render(of(t, "generic"), to, pages, dirty(pages)); len(lost) != 0 {
		t.Errorf("unaddressed: %+v", lost)
	}
	to.Connection.Mappings = map[string]string{"DBL/BAR": "double/best"}
	chunks, lost = Render(of(t, "generic"), to, pages, dirty(pages))
	if len(lost) != 1 || len(chunks[0].Items) != 1 {
		t.Errorf("with mappings, what has none is not addressed: %+v", lost)
	}
}

func TestRender_ValuesAreThoseOfNow(t *testing.T) {
	pages := pagesOf(desire{"DBL", "BAR", 1, 1, map[ledger.Field]int64{ledger.Price: 100}})
	spans := dirty(pages)
	chunks, _ := Render(of(t, "generic"), target(t, "generic", "EUR"), pages, spans)
	if chunks[0].Items[0].Values[0].Value != 100 || chunks[0].Spans[0].Stamp.Revision != 1 {
		t.Errorf("chunk is %+v", chunks[0])
	}
	if chunks, _ = Render(of(t, "generic"), target(t, "generic", "EUR"), nil, spans); len(chunks) != 0 {
		t.Error("rendered a page that nobody has read")
	}
}

// TestRender_Properties holds whatever is desired: every cell is sent once and
// as it is desired, and no call is larger than it may be.
func TestRender_Properties(t *testing.T) {
	rapid.Check(t, func(draw *rapid.T) {
		provider := rapid.SampledFrom([]string{"generic", "cloudbeds"}).Draw(draw, "provider")
		to, d := target(t, provider, "EUR"), of(t, provider)
		to.API.Items = rapid.IntRange(1, 40).Draw(draw, "items")
		to.API.Nights = rapid.SampledFrom([]int{0, 1, 7, 60}).Draw(draw, "nights")
		pages := pagesOf(desires(draw)...)
		chunks, _ := Render(d, to, pages, dirty(pages))
		again, _ := Render(d, to, pages, dirty(pages))
		if !reflect.DeepEqual(chunks, again) {
			draw.Fatal("the same input made other chunks")
		}
		var all []ledger.Span
		for _, c := range chunks {
			checkChunk(draw, to, pages, c)
			all = append(all, c.Spans...)
		}
		var want []ledger.Span
		for _, s := range dirty(pages) {
			if to.Carries(s.Field) {
				want = append(want, s)
			}
		}
		if ledger.Count(all) != ledger.Count(want) || !reflect.DeepEqual(ledger.Join(all), ledger.Join(want)) {
			draw.Fatalf("sent are %v, dirty %v", all, want)
		}
	})
}

func desires(draw *rapid.T) []desire {
	fields := []ledger.Field{ledger.Price, ledger.PriceFor(2), ledger.MinStay, ledger.StopSell, ledger.ClosedToArrival, ledger.MaxStay}
	var all []desire
	for range rapid.IntRange(1, 25).Draw(draw, "desires") {
		d := desire{room: "DBL", plan: rapid.SampledFrom([]string{"BAR", "NRF"}).Draw(draw, "plan"), values: map[ledger.Field]int64{}}
		d.first = rapid.IntRange(1, 31).Draw(draw, "first")
		d.last = rapid.IntRange(d.first, 31).Draw(draw, "last")
		for range rapid.IntRange(1, 3).Draw(draw, "fields") {
			d.values[rapid.SampledFrom(fields).Draw(draw, "field")] = int64(rapid.IntRange(0, 2).Draw(draw, "value"))
		}
		all = append(all, d)
	}
	return all
}

func checkChunk(draw *rapid.T, to Target, pages []ledger.Page, c Chunk) {
	nights := 0
	var spans []ledger.Span
	for _, i := range c.Items {
		nights += i.Nights()
		spans = append(spans, i.Spans...)
		for date := i.From; date <= i.To; date++ {
			for _, v := range i.Values {
				for _, p := range pages {
					if p.Key.Room != i.Room || p.Key.Plan != i.Plan {
						continue
					}
					if desired, _ := p.Value(date.Day(), v.Field); desired != v.Value {
						draw.Fatalf("%s %s: %d is sent, %d desired", date, v.Field, v.Value, desired)
					}
				}
			}
		}
	}
	if len(c.Items) > to.API.Items || to.API.Nights > 0 && nights > to.API.Nights || len(c.Items) == 0 {
		draw.Fatalf("a call of %d items and %d nights, allowed are %d and %d", len(c.Items), nights, to.API.Items, to.API.Nights)
	}
	if !reflect.DeepEqual(ledger.Join(spans), c.Spans) {
		draw.Fatalf("the items' spans are %v, the chunk's %v", spans, c.Spans)
	}
}

func TestRender_NoMarkIsTooLarge(t *testing.T) {
	var all []desire
	rooms := []string{"A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"}
	for _, room := range rooms {
		for _, plan := range rooms {
			for day := 1; day <= 31; day++ { // every night has a revision of its own
				all = append(all, desire{room, plan, day, day, map[ledger.Field]int64{ledger.Price: int64(day % 2)}})
			}
		}
	}
	pages := pagesOf(all...)
	to := target(t, "generic", "EUR")
	to.API.Items, to.API.Nights = 0, 0
	chunks, _ := Render(of(t, "generic"), to, pages, dirty(pages))
	for _, c := range chunks {
		if n := len(ledger.EncodeSpans(c.Spans)); n > 60<<10 {
			t.Errorf("a mark of %d bytes", n)
		}
		if n := len(ledger.PagesOf(c.Spans)); n > maxPages {
			t.Errorf("a mark over %d pages, which no transaction heals", n)
		}
	}
}
