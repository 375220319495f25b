package alert

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/secret"
)

// Slack posts to an incoming webhook of Slack, or of a chat that understands
// the same body (Mattermost, Rocket.Chat, Teams through a relay). The blocks
// are for those that show them; "text" says the same for those that do not, and
// for notifications (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).
type Slack struct {
	URL    secret.Text
	Client *http.Client
}

// Name implements [Channel].
func (s *Slack) Name() string { return "slack" }

// Send implements [Channel].
func (s *Slack) Send(ctx context.Context, m Message) error {
	body, err := json.Marshal(SlackBody(m))
	if err != nil {
		return fmt.Errorf("writing a message for Slack: %w", err)
	}
	return post(ctx, s.Client, s.URL, nil, body)
}

// Limits of Slack's blocks: characters of a header, of a field and of a section
// (https://docs.slack.dev/reference/block-kit/blocks), with room for escapes;
// and how many hotels are named before the rest is only counted.
const (
	headerLimit  = 150
	fieldLimit   = 2000
	sectionLimit = 3000
	hotelsShown  = 10
)

// SlackMessage is the body of an incoming webhook.
type SlackMessage struct {
	Text   string       `json:"text"`
	Blocks []SlackBlock `json:"blocks"`
}

// SlackBlock is one block; which fields are set depends on its type.
type SlackBlock struct {
	Type     string         `json:"type"`
	Text     *SlackText     `json:"text,omitempty"`
	Fields   []SlackText    `json:"fields,omitempty"`
	Elements []SlackElement `json:"elements,omitempty"`
}

// SlackText is a text object: "plain_text" or "mrkdwn".
type SlackText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// SlackElement is a button that opens a link.
type SlackElement struct {
	Type  string    `json:"type"`
	Text  SlackText `json:"text"`
	URL   string    `json:"url"`
	Style string    `json:"style"`
}

// SlackBody lays a message out.
func SlackBody(m Message) SlackMessage {
	title := m.Title()
	out := SlackMessage{
		Text:   escaped(title) + "\n" + m.plainFacts(),
		Blocks: []SlackBlock{{Type: "header", Text: &SlackText{"plain_text", cut(title, headerLimit)}}},
	}
	var fields []SlackText
	for _, f := range m.facts() {
		fields = append(fields, SlackText{"mrkdwn", cut("*"+f.name+"*\n"+escaped(f.value), fieldLimit)})
	}
	out.Blocks = append(out.Blocks, SlackBlock{Type: "section", Fields: fields})
	if m.Kind == Recovered {
		return out
	}
	for _, f := range m.reasons() {
		text := cut("*"+f.name+"*\n"+escaped(f.value), sectionLimit)
		out.Blocks = append(out.Blocks, SlackBlock{Type: "section", Text: &SlackText{"mrkdwn", text}})
	}
	if m.Link.Empty() {
		return out
	}
	out.Text += "\nReconnect: " + m.Link.Reveal()
	out.Blocks = append(out.Blocks, SlackBlock{Type: "actions", Elements: []SlackElement{{
		Type: "button", Text: SlackText{"plain_text", "Reconnect link for the owner"}, URL: m.Link.Reveal(), Style: "primary",
	}}})
	return out
}

// fact is one named thing that a message says.
type fact struct{ name, value string }

// facts lists what a message says beside its title; at most ten, which is what
// a section of Slack holds.
func (m Message) facts() []fact {
	switch {
	case m.Client != nil:
		return m.Client.facts(m)
	case m.Forecast != nil:
		return m.Forecast.facts(m)
	}
	facts := []fact{
		{"Property", hotels(m.Connections)},
		{"Provider", m.Provider},
	}
	if m.Account != "" {
		facts = append(facts, fact{"Account", m.Account})
	}
	if m.Kind == Recovered {
		return append(facts, fact{"Was out for", m.Lasted()}, fact{"Waited meanwhile", m.waiting()})
	}
	if owners := m.Owners(); len(owners) > 0 {
		facts = append(facts, fact{"Owner", people(owners)})
	}
	facts = append(facts, fact{"Since", m.Episode.Since.UTC().Format(time.RFC1123)}, fact{"Waiting", m.waiting()})
	if len(m.Episode.Missing) > 0 {
		facts = append(facts, fact{"Missing permissions", strings.Join(m.Episode.Missing, ", ")})
	}
	return facts
}

// reasons lists what takes a sentence.
func (m Message) reasons() []fact {
	switch {
	case m.Client != nil:
		return m.Client.reasons()
	case m.Forecast != nil:
		return m.Forecast.reasons(m)
	}
	return []fact{{"Why", Why(m.Episode.Reason)}, {"What to do", m.Remedy()}, {"Meanwhile", Meanwhile(m.Episode.Health)}}
}

// plainFacts is the same in lines.
func (m Message) plainFacts() string {
	var lines []string
	for _, f := range m.facts() {
		lines = append(lines, escaped(f.name+": "+strings.ReplaceAll(f.value, "\n", ", ")))
	}
	if m.Kind != Recovered {
		reasons := m.reasons() // why, and what to do: what happens meanwhile is for those who read on
		lines = append(lines, escaped(reasons[0].value), escaped(reasons[1].value))
	}
	return strings.Join(lines, "\n")
}

// hotels names the properties, a line each, with the provider's name of them.
func hotels(connections []connection.Connection) string {
	var lines []string
	for i, c := range connections {
		if i == hotelsShown {
			lines = append(lines, fmt.Sprintf("and %d more", len(connections)-i))
			break
		}
		lines = append(lines, fmt.Sprintf("%s (%s)", hotel(c), c.ID))
	}
	return strings.Join(lines, "\n")
}

func people(owners []connection.Owner) string {
	var lines []string
	for i, o := range owners {
		if i == hotelsShown {
			lines = append(lines, fmt.Sprintf("and %d more", len(owners)-i))
			break
		}
		lines = append(lines, strings.TrimSpace(o.Name+" "+o.Contact))
	}
	return strings.Join(lines, "\n")
}

// escaped makes text safe for mrkdwn: these three characters begin links and
// mentions (https://docs.slack.dev/messaging/formatting-message-text#escaping).
var escaped = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace

// cut shortens text to a number of characters.
func cut(s string, limit int) string {
	r := []rune(s)
	if len(r) <= limit {
		return s
	}
	return string(r[:limit-1]) + "…"
}
