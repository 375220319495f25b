package show

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"bellhop/local/sandbox"
	"bellhop/shared/rate"
)

func rehearsal(t *testing.T, c Config) *pms {
	t.Helper()
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	return newPMS(nil, connections(c), c, rand.New(rand.NewPCG(c.Seed, 0)))
}

func small() Config {
	return Config{Length: time.Minute, Connections: 4, Plans: 3, Days: 30, Faults: 0.05, Versions: 2, Seed: 1}
}

func TestConnections_EveryHotelIsAtBothProviders(t *testing.T) {
	all := connections(small())
	hotels, remotes := map[string]map[sandbox.Persona]bool{}, map[string]bool{}
	for _, c := range all {
		if hotels[c.guest.property] == nil {
			hotels[c.guest.property] = map[sandbox.Persona]bool{}
		}
		hotels[c.guest.property][c.persona] = true
		remotes[c.remote] = true
	}
	if len(hotels) != 2 || len(hotels["LIS"]) != 2 || len(hotels["KYO"]) != 2 || len(remotes) != 4 {
		t.Errorf("hotels %v, remote properties %v", hotels, remotes)
	}
}

// The product's own parser takes everything that this PMS sends.
func TestPMS_SendsWhatTheFormatAllows(t *testing.T) {
	for _, c := range []Config{small(), {Length: time.Minute, Connections: 2, Plans: 48, Days: 365, Versions: 2}} {
		p := rehearsal(t, c)
		var all []message
		for _, c := range p.connections[:2] {
			all = append(all, p.initial(c)...)
		}
		for range 200 {
			m := p.change()
			all = append(all, m, p.amend(m))
		}
		for _, m := range all {
			if _, problems := rate.Parse(m.body(), time.Now()); len(problems) > 0 {
				t.Fatalf("%s is refused: %v", m.body(), problems)
			}
		}
	}
}

func TestPMS_TheInitialLoadNamesEveryNightOfEveryRate(t *testing.T) {
	c := small()
	p := rehearsal(t, c)
	one := p.connections[0]
	for _, m := range p.initial(one) {
		p.remember(m)
	}
	prices := 0
	for at := range p.wanted.sayings(one.persona, one.remote) {
		if at.field == sandbox.FieldPrice {
			prices++
		}
	}
	if prices != c.Plans*c.Days {
		t.Errorf("%d cells have a price, want %d", prices, c.Plans*c.Days)
	}
}

// A price that came twice would hide an older value behind a newer one.
func TestPMS_NeverRepeatsAPriceOfACell(t *testing.T) {
	p := rehearsal(t, Config{Length: time.Minute, Connections: 2, Plans: 1, Days: 7, Versions: 2})
	for range 500 {
		p.remember(p.change())
	}
	for _, c := range p.connections {
		for at, values := range p.wanted.sayings(c.persona, c.remote) {
			seen := map[string]bool{}
			for _, v := range values {
				if at.field == sandbox.FieldPrice && seen[v.value] {
					t.Fatalf("%v has %s twice", at, v.value)
				}
				seen[v.value] = true
			}
		}
	}
}

func TestPMS_RevisionsRise(t *testing.T) {
	p := rehearsal(t, small())
	last := int64(0)
	for range 100 {
		next := p.next()
		if next <= last {
			t.Fatalf("revision %d after %d", next, last)
		}
		last = next
	}
}

// A message that was overtaken has no say in any of its nights.
func TestPMS_AmendsTheSameNightsWithAHigherRevision(t *testing.T) {
	p := rehearsal(t, small())
	for range 100 {
		before := p.change()
		after := p.amend(before)
		if after.Revision <= before.Revision || after.group() != before.group() || len(after.Updates) != len(before.Updates) {
			t.Fatalf("%s is amended by %s", before.body(), after.body())
		}
		for i, u := range before.Updates {
			a := after.Updates[i]
			if a.RoomType != u.RoomType || a.RatePlan != u.RatePlan || a.From != u.From || a.To != u.To || len(a.fields()) == 0 {
				t.Fatalf("%+v is amended by %+v", u, a)
			}
			if u.Price != nil && a.Price != nil && *u.Price == *a.Price {
				t.Fatalf("the price %s is amended by itself", *u.Price)
			}
		}
	}
}

func TestPMS_APropertyMeansBothProviders(t *testing.T) {
	p := rehearsal(t, small())
	m := message{V: 1, Property: "LIS", Revision: 1, Updates: []update{{RoomType: "DBL", From: day(0), To: day(0), Available: new(3)}}}
	p.remember(m)
	at := func(c *connection) int { return len(p.wanted.sayings(c.persona, c.remote)) }
	if at(p.connections[0]) != 1 || at(p.connections[2]) != 0 {
		t.Errorf("availability is wanted %d times at generic and %d at cloudbeds, which does not know it", at(p.connections[0]), at(p.connections[2]))
	}
}

func TestMessage_AbsentFieldsAreNotSent(t *testing.T) {
	var sent map[string]any
	m := message{V: 1, Connection: "lis-generic", Revision: 7, Updates: []update{{RoomType: "DBL", From: day(0), To: day(0), StopSell: new(false)}}}
	if err := json.Unmarshal(m.body(), &sent); err != nil {
		t.Fatal(err)
	}
	u := sent["updates"].([]any)[0].(map[string]any)
	if len(u) != 4 || u["stop_sell"] != false {
		t.Errorf("sent %v", u)
	}
}

func TestAmount_WritesTheCurrencysDecimals(t *testing.T) {
	for _, c := range []struct {
		minor    int64
		decimals int
		want     string
	}{{12900, 2, "129.00"}, {5, 2, "0.05"}, {24000, 0, "24000"}, {310001, 3, "310.001"}, {0, 2, "0.00"}} {
		if got := amount(c.minor, c.decimals); got != c.want {
			t.Errorf("%d with %d decimals is %s, want %s", c.minor, c.decimals, got, c.want)
		}
	}
}

func TestConfig_SaysEverythingThatIsWrong(t *testing.T) {
	err := Config{Length: time.Second, Connections: 1, Plans: 0, Days: 1, Faults: 2, Versions: 1}.check()
	if err == nil {
		t.Fatal("accepted")
	}
	if lines := len(err.(interface{ Unwrap() []error }).Unwrap()); lines != 6 {
		t.Errorf("%d problems: %v", lines, err)
	}
}
