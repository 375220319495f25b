package alert

import (
	"fmt"
	"time"

	"bellhop/shared/grant"
)

// Expiring is the kind of a forecast: the refresh token will die of age, however
// often it is used, unless the owner consents before. It is no episode's: the
// grant is well, and nothing is over when it has been told.
const Expiring Kind = "expiring"

// Forecast is what a message of kind Expiring says beside who it is about, in
// [Message.Episode.Grant] and [Message.Connections].
type Forecast struct {
	Dies time.Time // when the refresh token dies
	Days int       // the threshold that was passed: 14, 7 or 1
}

// ForecastID names a forecast. A token that was renewed dies at another time and
// is another forecast.
func ForecastID(id grant.ID, f Forecast) string {
	return fmt.Sprintf("%s.%s.%d.%d", id, Expiring, f.Dies.Unix(), f.Days)
}

// title is the message in one line.
func (f Forecast) title(m Message) string {
	return fmt.Sprintf("%s: the access to %s ends in %s", m.Who(), m.Provider, inWords(f.Dies.Sub(m.At)))
}

// facts lists what a message says beside its title.
func (f Forecast) facts(m Message) []fact {
	facts := []fact{{"Property", hotels(m.Connections)}, {"Provider", m.Provider}}
	if m.Account != "" {
		facts = append(facts, fact{"Account", m.Account})
	}
	if owners := m.Owners(); len(owners) > 0 {
		facts = append(facts, fact{"Owner", people(owners)})
	}
	return append(facts, fact{"Ends", f.Dies.UTC().Format(time.RFC1123)})
}

// reasons lists what takes a sentence.
func (f Forecast) reasons(m Message) []fact {
	return []fact{{"Why", forecastWhy}, {"What to do", f.remedy(m)}, {"Meanwhile", forecastMeanwhile}}
}

// forecastWhy and forecastMeanwhile say why it ends and what Bellhop does until
// then.
const (
	forecastWhy       = "The provider limits how long an access may live without its owner, and that time is nearly over."
	forecastMeanwhile = "Rates are sent as always. Without a new consent that ends at the time above; updates are kept from then on."
)

// remedy says what to do about it.
func (f Forecast) remedy(m Message) string {
	if !m.Link.Empty() {
		return "Send the reconnect link to the owner before then."
	}
	if len(m.Connections) == 0 {
		return "Ask the owner to consent again before then."
	}
	return "Make a reconnect link with `bellhop connections link " + string(m.Connections[0].ID) + "` and send it to the owner before then."
}
