package alert

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"bellhop/shared/bucket"
	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/secret"
)

var update = flag.Bool("update", false, "write the golden messages anew")

// lisbon is an opened message with everything in it.
func lisbon() Message {
	e := Episode{
		Grant: "grant-1", Number: 3, Since: noon, Health: grant.ReauthorizationRequired, Reason: grant.Revoked,
		Expires: noon.Add(7 * 24 * time.Hour),
	}
	return Message{
		ID: MessageID(e, Opened), Kind: Opened, Episode: e, At: noon.Add(2 * time.Second),
		Provider: "Cloudbeds", Account: "4711", Waiting: 184,
		Connections: []connection.Connection{{
			ID: "lisbon-1", Property: "LIS", Hotel: "Hotel <Lisboa> & Spa", RemoteProperty: "4711",
			Owner: connection.Owner{Name: "Ana Sousa", Contact: "ana@example.com"},
		}},
		Link: secret.New("https://connect.example.com/reconnect/TICKET"),
	}
}

func messages() map[string]Message {
	opened := lisbon()
	recovered := lisbon()
	recovered.ID, recovered.Kind, recovered.Link = MessageID(recovered.Episode, Recovered), Recovered, secret.Text{}
	recovered.Ended, recovered.At = noon.Add(26*time.Hour+5*time.Minute), noon.Add(26*time.Hour+5*time.Minute+time.Second)
	scopes := lisbon()
	scopes.Episode.Health, scopes.Episode.Reason = grant.ScopeUpdateRequired, grant.ScopeMissing
	scopes.Episode.Missing = []string{"write:rate"}
	scopes.Waiting = Uncounted
	chain := lisbon()
	chain.Link, chain.Provider, chain.Account = secret.Text{}, "Generic rates API", ""
	for i := range 13 {
		chain.Connections = append(chain.Connections, connection.Connection{
			ID: connection.ID(fmt.Sprintf("chain-%d", i)), Property: fmt.Sprintf("P%d", i),
			Owner: connection.Owner{Name: "Head Office", Contact: "it@example.com"},
		})
	}
	rejected := lisbon()
	rejected.Episode.Reason, rejected.Link = grant.RequestRefused, secret.Text{}
	all := map[string]Message{"opened": opened, "recovered": recovered, "scopes": scopes, "chain": chain, "rejected": rejected}
	maps.Copy(all, clientMessages())
	maps.Copy(all, forecasts())
	return all
}

// refused is a message about a registration, with everything in it.
func refused() Message {
	t := bucket.Trouble{
		Episode: 3, Since: noon, Code: "invalid_client", Status: 401, Payload: "00112233445566ff", SecretVersion: "7c9e6679-7425-40de",
	}
	return Message{
		ID: ClientMessageID("main", 3, Opened), Kind: Opened, At: noon.Add(2 * time.Second), Provider: "Cloudbeds",
		Client: &Registration{Client: "main", Trouble: t, Grants: 1200},
	}
}

func clientMessages() map[string]Message {
	bare := refused()
	bare.Client = &Registration{Client: "main", Trouble: bucket.Trouble{Episode: 3, Since: noon, Status: 401}, Grants: Uncounted}
	over := refused()
	over.ID, over.Kind = ClientMessageID("main", 3, Recovered), Recovered
	over.Ended, over.At = noon.Add(40*time.Minute), noon.Add(40*time.Minute+time.Second)
	return map[string]Message{"client-opened": refused(), "client-bare": bare, "client-recovered": over}
}

func forecasts() map[string]Message {
	m := lisbon()
	f := Forecast{Dies: noon.Add(6*24*time.Hour + 23*time.Hour), Days: 7}
	m.ID, m.Kind, m.Forecast, m.Waiting = ForecastID("grant-1", f), Expiring, &f, Uncounted
	m.Episode, m.Link = Episode{Grant: "grant-1"}, secret.Text{}
	linked := m
	linked.Link = lisbon().Link
	return map[string]Message{"expiring": m, "expiring-linked": linked}
}

// golden compares a value, as indented JSON, with a file of testdata.
func golden(t *testing.T, name string, v any) {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, '\n')
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != string(want) {
		t.Errorf("%s is now\n%s\nwant\n%s", path, b, want)
	}
}

func TestSlack_Golden(t *testing.T) {
	for name, m := range messages() {
		golden(t, "slack-"+name, SlackBody(m))
	}
}

func TestEvent_Golden(t *testing.T) {
	for name, m := range messages() {
		golden(t, "event-"+name, EventOf(m))
	}
}

// Slack refuses the whole message when one text is too long or one list has too
// many entries.
func TestSlack_KeepsWithinTheLimits(t *testing.T) {
	m := lisbon()
	m.Provider = strings.Repeat("ü", 4000)
	for i := range 300 {
		c := m.Connections[0]
		c.ID = connection.ID(fmt.Sprintf("c%d", i))
		c.Hotel = strings.Repeat("Ö", 500)
		c.Owner.Name = fmt.Sprintf("owner %d", i)
		m.Connections = append(m.Connections, c)
	}
	for _, b := range SlackBody(m).Blocks {
		if b.Text != nil {
			limit := sectionLimit
			if b.Type == "header" {
				limit = headerLimit
			}
			if n := utf8.RuneCountInString(b.Text.Text); n > limit {
				t.Errorf("a %s of %d characters", b.Type, n)
			}
		}
		if len(b.Fields) > 10 {
			t.Errorf("a section of %d fields", len(b.Fields))
		}
		for _, f := range b.Fields {
			if n := utf8.RuneCountInString(f.Text); n > fieldLimit {
				t.Errorf("a field of %d characters", n)
			}
		}
	}
}

func TestSlack_AHotelsNameIsNoMarkup(t *testing.T) {
	m := lisbon()
	m.Connections[0].Hotel = "<!channel> & <https://evil.example|Hotel>"
	body := SlackBody(m)
	for _, b := range body.Blocks {
		for _, f := range b.Fields {
			if strings.Contains(f.Text, "<") {
				t.Errorf("field %q has markup", f.Text)
			}
		}
	}
	if strings.Contains(body.Text, "<") {
		t.Errorf("text %q has markup", body.Text)
	}
}

func TestInWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second:                  "less than a minute",
		59 * time.Second:              "less than a minute",
		time.Minute:                   "1 minute",
		61 * time.Minute:              "1 hour and 1 minute",
		2 * time.Hour:                 "2 hours",
		26*time.Hour + 5*time.Minute:  "1 day and 2 hours",
		72*time.Hour + 3*time.Minute:  "3 days and 3 minutes",
		50*time.Hour + 30*time.Minute: "2 days and 2 hours",
	} {
		if got := inWords(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestWhy_EveryReasonHasItsWords(t *testing.T) {
	seen := map[string]grant.Reason{}
	for _, r := range []grant.Reason{grant.NeverConnected, grant.Revoked, grant.AnswerLost, grant.Expired,
		grant.TokenRejected, grant.ScopeMissing, grant.PairMissing, grant.RefusedAlone, grant.RequestRefused} {
		if other, taken := seen[Why(r)]; taken {
			t.Errorf("%s and %s read the same", r, other)
		}
		seen[Why(r)] = r
	}
}

// Where no owner has to consent, a missing permission is mended at the provider,
// and is asked for by itself: to retry is for what is not refreshed any more.
func TestRemedy_WithoutAnOwner(t *testing.T) {
	for health, want := range map[grant.Health]string{
		grant.ScopeUpdateRequired:     "The next refresh asks for them",
		grant.ReauthorizationRequired: "its permissions and its secret",
	} {
		if got := (Message{Episode: Episode{Health: health}}).Remedy(); !strings.Contains(got, want) || !strings.Contains(got, "connections retry") {
			t.Errorf("%s: %s", health, got)
		}
	}
}

func TestWho(t *testing.T) {
	m := lisbon()
	porto := connection.Connection{Property: "OPO"} // has no hotel name
	for n, want := range map[int]string{
		0: "Grant grant-1",
		1: "Hotel <Lisboa> & Spa",
		2: "Hotel <Lisboa> & Spa and OPO",
		3: "Hotel <Lisboa> & Spa and 2 more properties",
	} {
		m.Connections = []connection.Connection{lisbon().Connections[0], porto, porto}[:n]
		if got := m.Who(); got != want {
			t.Errorf("%d connections: %q, want %q", n, got, want)
		}
	}
}
