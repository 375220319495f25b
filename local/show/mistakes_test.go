package show

import (
	"strings"
	"testing"
	"time"

	"bellhop/local/sandbox"
	"bellhop/shared/rate"
)

// A mistake that were none would never be answered. Two of them can only be
// told by who knows the connections.
func TestMistakes_AreNotWhatTheFormatAllows(t *testing.T) {
	p := rehearsal(t, small())
	refused := 0
	for _, m := range p.mistakes() {
		if _, problems := rate.Parse([]byte(m.body), time.Now()); len(problems) > 0 {
			refused++
		} else if !strings.Contains(m.body, "atlantis-1") && !strings.Contains(m.body, "XAF") {
			t.Errorf("%s is in order", m.body)
		}
	}
	if refused != 3 {
		t.Errorf("%d are refused by the format, want 3", refused)
	}
}

func TestHalfWrong_TheGoodHalfIsWanted(t *testing.T) {
	p := rehearsal(t, small())
	p.halfWrong(3)
	c := p.connections[0]
	sayings := p.wanted.sayings(c.persona, c.remote)
	at := slot{c.cell(c.rates[0].RoomType, c.rates[0].RatePlan, day(3)), sandbox.FieldMinStay}
	if len(sayings) != 1 || len(sayings[at]) != 1 || sayings[at][0].value != "3" {
		t.Errorf("wanted %v", sayings)
	}
}

func TestReport_SaysWhatIsWrongInOneLine(t *testing.T) {
	for body, want := range map[string]string{
		`{"v":1,"problems":[{"index":-1,"field":"","value":"x=1","reason":"is not JSON"}]}`:                          "message: x=1: is not JSON",
		`{"v":1,"connection":"lis","problems":[{"index":2,"field":"price","value":"1.999","reason":"too precise"}]}`: "update 2: price 1.999: too precise",
		`{}`: "unreadable: {}",
	} {
		if got := report(body); got != want {
			t.Errorf("%s is told as %q, want %q", body, got, want)
		}
	}
}
