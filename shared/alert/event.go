package alert

import "time"

// Event is the body. Its fields are a promise to other people's programs: new
// ones may come, none changes its meaning. Times are RFC 3339 in UTC.
type Event struct {
	Version   int       `json:"version"` // of this schema, see docs/alert-event.md
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	// Data is a [GrantData], [ClientData] or [ForecastData]: Type begins with
	// what it is about.
	Data any `json:"data"`
}

// eventVersion is the schema's. What is only added does not change it.
const eventVersion = 1

// GrantData is what happened to one grant: "grant.attention_required" and
// "grant.recovered".
type GrantData struct {
	Grant     string     `json:"grant"`
	Episode   int64      `json:"episode"`
	Provider  string     `json:"provider"`
	Account   string     `json:"account,omitempty"`
	Health    string     `json:"health"`
	Reason    string     `json:"reason"`
	Why       string     `json:"why"`
	Missing   []string   `json:"missing_scopes,omitempty"`
	Since     time.Time  `json:"since"`
	Recovered *time.Time `json:"recovered_at,omitempty"`
	// Waiting is null when nobody could count in time.
	Waiting     *int              `json:"cells_waiting"`
	Reconnect   string            `json:"reconnect_url,omitempty"`
	Meanwhile   string            `json:"meanwhile,omitempty"`
	Connections []EventConnection `json:"connections"`
}

// EventConnection is one property that the grant serves.
type EventConnection struct {
	Connection     string `json:"connection"`
	Property       string `json:"property"`
	Hotel          string `json:"hotel"`
	RemoteProperty string `json:"remote_property"`
	OwnerName      string `json:"owner_name"`
	OwnerContact   string `json:"owner_contact"`
}

// ClientData is what happened to our registration at a provider:
// "client.attention_required" and "client.recovered".
type ClientData struct {
	Client        string     `json:"client"`
	Episode       int64      `json:"episode"`
	Provider      string     `json:"provider"`
	Code          string     `json:"code"`
	Status        int        `json:"status"`
	SecretVersion string     `json:"secret_version"`
	PayloadDigest string     `json:"payload_digest"`
	Why           string     `json:"why,omitempty"`
	Remedy        string     `json:"remedy,omitempty"`
	Meanwhile     string     `json:"meanwhile,omitempty"`
	Since         time.Time  `json:"since"`
	Recovered     *time.Time `json:"recovered_at,omitempty"`
	// Waiting is null when nobody has counted.
	Waiting *int `json:"grants_waiting"`
}

// ForecastData is what will happen to one grant: "grant.expiring".
type ForecastData struct {
	Grant       string            `json:"grant"`
	Provider    string            `json:"provider"`
	Account     string            `json:"account,omitempty"`
	Expires     time.Time         `json:"expires_at"`
	Days        int               `json:"days_left"`
	Why         string            `json:"why"`
	Remedy      string            `json:"remedy"`
	Reconnect   string            `json:"reconnect_url,omitempty"`
	Connections []EventConnection `json:"connections"`
}

// EventOf turns a message into the event.
func EventOf(m Message) Event {
	out := Event{Version: eventVersion, Timestamp: m.At.UTC()}
	switch {
	case m.Client != nil:
		out.Type, out.Data = "client."+happened(m.Kind), clientData(m)
	case m.Forecast != nil:
		out.Type, out.Data = "grant."+string(Expiring), forecastData(m)
	default:
		out.Type, out.Data = "grant."+happened(m.Kind), grantData(m)
	}
	return out
}

func happened(k Kind) string {
	if k == Recovered {
		return "recovered"
	}
	return "attention_required"
}

func grantData(m Message) GrantData {
	e := m.Episode
	d := GrantData{
		Grant: string(e.Grant), Episode: e.Number, Provider: m.Provider, Account: m.Account,
		Health: string(e.Health), Reason: string(e.Reason), Why: Why(e.Reason), Missing: e.Missing,
		Since: e.Since.UTC(), Waiting: counted(m.Waiting), Connections: eventConnections(m),
	}
	if m.Kind == Recovered {
		ended := m.Ended.UTC()
		d.Recovered = &ended
	} else {
		d.Reconnect, d.Meanwhile = m.Link.Reveal(), Meanwhile(e.Health)
	}
	return d
}

func clientData(m Message) ClientData {
	t := m.Client.Trouble
	d := ClientData{
		Client: m.Client.Client, Episode: t.Episode, Provider: m.Provider, Code: t.Code, Status: t.Status,
		SecretVersion: t.SecretVersion, PayloadDigest: t.Payload, Since: t.Since.UTC(), Waiting: counted(m.Client.Grants),
	}
	if m.Kind == Recovered {
		ended := m.Ended.UTC()
		d.Recovered = &ended
	} else {
		d.Why, d.Remedy, d.Meanwhile = clientWhy, m.Client.remedy(), clientMeanwhile
	}
	return d
}

func forecastData(m Message) ForecastData {
	return ForecastData{
		Grant: string(m.Episode.Grant), Provider: m.Provider, Account: m.Account,
		Expires: m.Forecast.Dies.UTC(), Days: m.Forecast.Days, Why: forecastWhy, Remedy: m.Forecast.remedy(m),
		Reconnect: m.Link.Reveal(), Connections: eventConnections(m),
	}
}

// counted is a number that may not be known.
func counted(n int) *int {
	if n == Uncounted {
		return nil
	}
	return &n
}

func eventConnections(m Message) []EventConnection {
	all := []EventConnection{}
	for _, c := range m.Connections {
		all = append(all, EventConnection{
			Connection: string(c.ID), Property: c.Property, Hotel: c.Hotel, RemoteProperty: c.RemoteProperty,
			OwnerName: c.Owner.Name, OwnerContact: c.Owner.Contact,
		})
	}
	return all
}
