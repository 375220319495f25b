package rate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const schemaFile = "../../docs/rate-update.schema.json"

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// valid asks the schema.
func valid(t *testing.T, s *jsonschema.Schema, doc string) bool {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(doc))
	if err != nil {
		return false
	}
	return s.Validate(v) == nil
}

// verdict is who refuses a document.
type verdict int

const (
	taken    verdict = iota // by both
	refused                 // by both
	codeOnly                // by the code: a schema cannot say it, and its description does
)

// onRoom is one update of a room type.
func onRoom(members string) string {
	return `{"room_type":"DBL","from":"2026-12-01","to":"2026-12-31",` + members + `}`
}

// dates is one update with these nights.
func dates(from, to string) string {
	return fmt.Sprintf(`{"room_type":"DBL","rate_plan":"BAR","from":%q,"to":%q,"price":"1.00"}`, from, to)
}

// named is one update of this room type.
func named(room string) string {
	return fmt.Sprintf(`{"room_type":%q,"rate_plan":"BAR","from":"2026-12-01","to":"2026-12-01","price":"1.00"}`, room)
}

// TestSchema_SaysWhatTheCodeDoes: each document is sent to both. What the
// schema refuses the code refuses, and what the code alone refuses is marked.
func TestSchema_SaysWhatTheCodeDoes(t *testing.T) {
	one := with(`"price":"1.00"`)
	change := func(from, to string) string { return strings.Replace(update(one), from, to, 1) }
	s := schema(t)
	for _, c := range []struct {
		doc  string
		want verdict
	}{
		{example, taken},
		{update(one), taken},
		{change(`"connection":"lisbon-1"`, `"property":"LIS"`), taken},
		{change(`:5,`, `:9223372036854775807,`), taken},
		{update(onRoom(`"available":0`)), taken},
		{`{"v":1,"connection":"c","revision":1,"updates":[` + onRoom(`"available":1`) + `]}`, taken},
		{`{"v":1,"connection":"c","revision":1,"updates":[` + with(`"stop_sell":true`) + `]}`, taken},
		{update(with(`"prices":{"1":"0","18":"999999999999.99"}`)), taken},
		{update(with(`"max_stay":0`)), taken},
		{update(with(`"min_stay":365,"min_stay_through":1,"closed_to_arrival":true,"closed_to_departure":false`)), taken},
		{update(named("A")), taken},
		{update(named("~[ ]!$&'()*+,-.:;<=>?@^_`{|}")), taken},
		{update(named(strings.Repeat("x", 64))), taken},
		{update(dates("2028-02-29", "2028-02-29")), taken},

		{`{}`, refused},
		{`[]`, refused},
		{`"x"`, refused},
		{change(`"v":1`, `"v":2`), refused},
		{change(`"v":1`, `"v":"1"`), refused},
		{change(`"v":1,`, ``), refused},
		{change(`"v":1`, `"v":1,"x":1`), refused},
		{change(`"v":1`, `"v":1,"property":"LIS"`), refused},
		{change(`"connection":"lisbon-1",`, ``), refused},
		{change(`lisbon-1`, `-lisbon`), refused},
		{change(`lisbon-1`, strings.Repeat("x", 65)), refused},
		{change(`"lisbon-1"`, `7`), refused},
		{change(`:5,`, `:0,`), refused},
		{change(`:5,`, `:-5,`), refused},
		{change(`:5,`, `:5.5,`), refused},
		{change(`:5,`, `:"5",`), refused},
		{change(`:5,`, `:9223372036854775808,`), refused},
		{change(`"revision":5,`, ``), refused},
		{change(`"currency":"EUR",`, ``), refused},
		{change(`"EUR"`, `"eur"`), refused},
		{change(`"EUR"`, `"EU"`), refused},
		{change(`"EUR"`, `978`), refused},
		{change(`"EUR"`, `null`), refused},
		{update(), refused},
		{strings.Replace(update(), `[]`, `{}`, 1), refused},
		{strings.Replace(update(), `,"updates":[]`, ``, 1), refused},
		{update(strings.Repeat(one+",", MaxUpdates) + one), refused},
		{update(`7`), refused},
		{update(`{}`), refused},
		{update(with(`"price":1`)), refused},
		{update(with(`"price":null`)), refused},
		{update(with(`"price":"-1"`)), refused},
		{update(with(`"price":"1,0"`)), refused},
		{update(with(`"price":"01"`)), refused},
		{update(with(`"price":"1e3"`)), refused},
		{update(with(`"price":"1.00000"`)), refused},
		{update(with(`"price":"1000000000000"`)), refused},
		{update(with(`"prices":{}`)), refused},
		{update(with(`"prices":[]`)), refused},
		{update(with(`"prices":{"0":"1"}`)), refused},
		{update(with(`"prices":{"19":"1"}`)), refused},
		{update(with(`"prices":{"01":"1"}`)), refused},
		{update(with(`"prices":{"2":2}`)), refused},
		{update(with(`"min_stay":0`)), refused},
		{update(with(`"min_stay":366`)), refused},
		{update(with(`"min_stay":"2"`)), refused},
		{update(with(`"min_stay_through":1.5`)), refused},
		{update(with(`"max_stay":-1`)), refused},
		{update(with(`"stop_sell":0`)), refused},
		{update(with(`"closed_to_arrival":"no"`)), refused},
		{update(with(`"available":1`)), refused},
		{update(with(`"price":"1.00","available":1`)), refused},
		{update(onRoom(`"price":"1.00"`)), refused},
		{update(onRoom(`"available":1,"stop_sell":true`)), refused},
		{update(onRoom(`"available":10000`)), refused},
		{update(onRoom(`"available":1,"rooms":1`)), refused},
		{update(`{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-01","to":"2026-12-31"}`), refused},
		{update(`{"room_type":"DBL","from":"2026-12-01","to":"2026-12-31"}`), refused},
		{update(`{"room_type":"DBL","from":"2026-12-01","available":1}`), refused},
		{update(`{"room_type":"DBL","to":"2026-12-01","available":1}`), refused},
		{update(`{"from":"2026-12-01","to":"2026-12-31","available":1}`), refused},
		{update(dates("2027-02-30", "2027-03-01")), refused},
		{update(dates("2026-12-01", "2026-13-01")), refused},
		{update(dates("2026-12-1", "2026-12-02")), refused},
		{update(dates("2026-12-01T00:00:00Z", "2026-12-02")), refused},
		{update(named("")), refused},
		{update(named(" A")), refused},
		{update(named("A ")), refused},
		{update(named("A#B")), refused},
		{update(named("A/B")), refused},
		{update(named(`A"B`)), refused},
		{update(named(`A\B`)), refused},
		{update(named("A\u0007")), refused},
		{update(named("é")), refused},
		{update(named(strings.Repeat("x", 65))), refused},

		{change(`"EUR"`, `"ZZZ"`), codeOnly},
		{change(`"v":1`, `"v":1.0`), codeOnly},
		{change(`:5,`, `:5.0,`), codeOnly},
		{change(`:5,`, `:5e0,`), codeOnly},
		{change(`"v":1`, `"v":1,"v":1`), codeOnly},
		{update(with(`"price":"1.00","price":"1.00"`)), codeOnly},
		{update(with(`"price":"1.001"`)), codeOnly},
		{change(`EUR`, `JPY`), codeOnly}, // "1.00": the yen has no decimals
		{update(with(`"min_stay":2.0`)), codeOnly},
		{update(with(`"min_stay":3,"max_stay":2`)), codeOnly},
		{update(dates("2026-12-02", "2026-12-01")), codeOnly},
		{update(dates("2026-11-01", "2026-11-19")), codeOnly},
		{update(dates("2026-12-01", "2029-12-01")), codeOnly},
		{pagesOf(MaxPages + 1), codeOnly},
	} {
		_, problems := Parse([]byte(c.doc), noon)
		bySchema, byCode := valid(t, s, c.doc), len(problems) == 0
		if bySchema != (c.want != refused) || byCode != (c.want == taken) {
			t.Errorf("%.200s\nthe schema takes it: %v; the code: %v", c.doc, bySchema, problems)
		}
	}
}

// TestSchema_Examples: messages as a PMS would write them, judged by both.
func TestSchema_Examples(t *testing.T) {
	s := schema(t)
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no messages to look at: %v", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, problems := Parse(raw, noon)
		bad := strings.HasPrefix(filepath.Base(file), "bad_")
		if takes := valid(t, s, string(raw)); takes == bad || (len(problems) == 0) == bad {
			t.Errorf("%s: the schema takes it: %v; the code: %v", file, takes, problems)
		}
	}
}
