package dialect

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
	"bellhop/shared/profile"
)

// rewrite makes the golden files anew: go test ./shared/dialect -rewrite. Read
// the difference before you keep it.
var rewrite = flag.Bool("rewrite", false, "write the golden files")

// at is when every answer of a test is complete.
var at = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs:\n got: %s\nwant: %s", file, got, want)
	}
}

// target is a connection at a provider, by its real profile.
func target(t testing.TB, provider, currency string) Target {
	t.Helper()
	p, err := profile.ByName(provider)
	if err != nil {
		t.Fatal(err)
	}
	c := connection.Connection{ID: "lisbon-1", Provider: provider, RemoteProperty: "H-77", Currency: currency}
	if provider == "cloudbeds" {
		c.Mappings = map[string]string{"DBL/BAR": "1001", "DBL/NRF": "1002", "SGL/BAR": "1003"}
	}
	to, err := NewTarget(p, connection.Client{Endpoints: profile.Endpoints{API: "https://api.example/v1/"}}, c)
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func of(t testing.TB, provider string) Dialect {
	t.Helper()
	d, err := For(provider)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// desire is a page with these values on some days of December, all dirty.
type desire struct {
	room, plan  string
	first, last int
	values      map[ledger.Field]int64
}

func pagesOf(desires ...desire) []ledger.Page {
	at := map[ledger.PageKey]ledger.Page{}
	for i, d := range desires {
		key := ledger.PageKey{Room: d.room, Plan: d.plan, Month: "2026-12"}
		p, ok := at[key]
		if !ok {
			p = ledger.Page{Key: key, Days: map[int]ledger.Cell{}}
		}
		want := ledger.Want{Page: key, Revision: int64(i + 1)}
		for f, v := range d.values {
			want.Values = append(want.Values, ledger.Value{Field: f, Days: ledger.DayRange(d.first, d.last), Value: v})
		}
		at[key], _ = p.Merge(want)
	}
	var pages []ledger.Page
	for _, p := range at {
		pages = append(pages, p)
	}
	return pages
}

func dirty(pages []ledger.Page) []ledger.Span {
	var spans []ledger.Span
	for _, p := range pages {
		spans = append(spans, p.Dirty(0)...)
	}
	return spans
}

// answer is a complete answer with a JSON body.
func answer(status int, body string, header ...string) Answer {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return Answer{Sent: true, Status: status, Header: h, Body: []byte(body), At: at}
}

// A hotel with something of everything.
func everything() []ledger.Page {
	return pagesOf(
		desire{"DBL", "BAR", 1, 5, map[ledger.Field]int64{ledger.Price: 12900, ledger.PriceFor(1): 10900, ledger.MinStay: 2}},
		desire{"DBL", "BAR", 6, 6, map[ledger.Field]int64{ledger.Price: 15905, ledger.MinStayThrough: 3, ledger.MaxStay: 14}},
		desire{"DBL", "BAR", 24, 26, map[ledger.Field]int64{ledger.Price: 9900, ledger.StopSell: 1, ledger.ClosedToArrival: 1, ledger.ClosedToDeparture: 0}},
		desire{"DBL", "", 1, 2, map[ledger.Field]int64{ledger.Available: 3}},
		desire{"DBL", "", 3, 3, map[ledger.Field]int64{ledger.Available: 0}},
		desire{"SGL", "BAR", 30, 31, map[ledger.Field]int64{ledger.Price: 5}},
	)
}

func TestWrite_Golden(t *testing.T) {
	for provider, kind := range map[string]string{"generic": "json", "cloudbeds": "form"} {
		for _, currency := range []string{"EUR", "JPY", "KWD"} {
			to, d := target(t, provider, currency), of(t, provider)
			pages := everything()
			chunks, _ := Render(d, to, pages, dirty(pages))
			if len(chunks) != 1 {
				t.Fatalf("%s: %d chunks, want 1", provider, len(chunks))
			}
			golden(t, provider+"."+currency+"."+kind, string(d.Write(to, chunks[0].Items).Body))
		}
	}
}

func TestWrite_WhereItGoes(t *testing.T) {
	to, d := target(t, "generic", "EUR"), of(t, "generic")
	pages := everything()
	chunks, _ := Render(d, to, pages, dirty(pages))
	c := d.Write(to, chunks[0].Items)
	if c.Method != "POST" || c.URL != "https://api.example/v1/v2/rates/batch" || c.Header.Get("Content-Type") != "application/json" {
		t.Errorf("call is %s %s %v", c.Method, c.URL, c.Header)
	}
	to, d = target(t, "cloudbeds", "EUR"), of(t, "cloudbeds")
	chunks, _ = Render(d, to, pages, dirty(pages))
	c = d.Write(to, chunks[0].Items)
	if c.Method != "POST" || c.URL != "https://api.example/v1/patchRate" || c.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("call is %s %s %v", c.Method, c.URL, c.Header)
	}
}

func TestFor_Unknown(t *testing.T) {
	if _, err := For("fax"); err == nil {
		t.Error("a dialect that nobody speaks")
	}
}

func TestNewTarget_SaysWhatIsMissing(t *testing.T) {
	p, err := profile.ByName("generic")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewTarget(p, connection.Client{}, connection.Connection{Currency: "EUR"}); err == nil {
		t.Error("no address of the API, and no error")
	}
	client := connection.Client{Endpoints: profile.Endpoints{API: "https://api.example"}}
	if _, err := NewTarget(p, client, connection.Connection{Currency: "EURO"}); err == nil {
		t.Error("no such currency, and no error")
	}
}

func TestMinor(t *testing.T) {
	for _, row := range []struct {
		text     string
		decimals int
		want     int64
		ok       bool
	}{
		{"129", 2, 12900, true}, {"129.0", 2, 12900, true}, {"129.00", 2, 12900, true}, {"129.000", 2, 12900, true},
		{"1.29e2", 2, 12900, true}, {"0", 2, 0, true}, {"0.05", 2, 5, true}, {"650000.00", 0, 650000, true},
		{"1.234", 3, 1234, true}, {"-1", 2, -100, true},
		{"129.005", 2, 0, false}, {"", 2, 0, false}, {"1/3", 2, 0, false}, {"0x10", 2, 0, false}, {"1e999999999", 2, 0, false},
		{"9999999999999999999999", 2, 0, false}, {"1_000", 2, 0, false}, {"NaN", 2, 0, false}, {"Inf", 0, 0, false}, {"e5", 2, 0, false},
	} {
		if got, ok := minor(row.text, row.decimals); got != row.want || ok != row.ok {
			t.Errorf("minor(%q, %d) = %d, %v, want %d, %v", row.text, row.decimals, got, ok, row.want, row.ok)
		}
	}
}
