package sandbox

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/text/currency"
)

// Persona names one of the two providers.
type Persona string

// The providers that the sandbox plays.
const (
	Generic   Persona = "generic"   // client credentials, JSON batches
	Cloudbeds Persona = "cloudbeds" // authorization code, form-encoded rates
)

// Client is a registration at one provider.
type Client struct {
	Persona Persona `json:"persona"`
	ID      string  `json:"id"`
	Secret  string  `json:"secret"`
	// NextSecret is a second accepted secret during a rotation; empty means
	// there is one secret only.
	NextSecret string `json:"next_secret,omitempty"`
	// RedirectURIs are compared byte by byte (RFC 9700, section 2.1), without
	// the leniency for loopback ports. Cloudbeds only.
	RedirectURIs []string `json:"redirect_uris,omitempty"`
	// Scopes are all that the client may ask for. Asking for none means all.
	Scopes []string `json:"scopes"`
	// Account owns the properties that the client's own tokens reach.
	// Generic only; at cloudbeds the consent names it.
	Account string `json:"account,omitempty"`
	// DefaultProperty is preselected on the consent page when the request
	// carries no login_hint; empty means the first one by id.
	DefaultProperty string `json:"default_property,omitempty"`
	// Dialect is how the client's own token endpoint is spoken; nil for none.
	Dialect *Dialect `json:"dialect,omitempty"`
}

// Property is a hotel at one provider.
type Property struct {
	Persona Persona `json:"persona"`
	ID      string  `json:"id"`
	// Account owns the property: whoever consents for it consents as this
	// account.
	Account string `json:"account"`
	// Currency is the ISO 4217 code of all its prices.
	Currency string `json:"currency"`
	// Rates are the sellable combinations of room type and rate plan.
	Rates []Rate `json:"rates"`
	// Jobs makes generic answer a batch with 202 and a job. Cloudbeds always
	// works with jobs.
	Jobs bool `json:"jobs,omitempty"`
	// RateLimit is the number of API requests accepted in any second; zero
	// means the persona's own (cloudbeds 5, as its FAQ says; generic none),
	// negative means none.
	RateLimit int `json:"rate_limit,omitempty"`
}

// Rate is one room type sold under one rate plan.
type Rate struct {
	// ID is cloudbeds' rateID, unique within the property; generic has none.
	ID       string `json:"id,omitempty"`
	RoomType string `json:"room_type"`
	RatePlan string `json:"rate_plan"`
	// Derived rates are computed by the provider and refuse every write.
	Derived bool `json:"derived,omitempty"`
}

// What happens when a refresh token is presented after its grace.
const (
	ReuseDetect = "detect" // the whole family is revoked
	ReuseRefuse = "refuse" // only this request is refused
)

// Switches are one persona's settings that can be changed at run time. All
// durations are milliseconds. A change counts from the next request on;
// tokens keep the expiry that they were issued with.
type Switches struct {
	AccessTokenLifetime int64 `json:"access_token_lifetime_ms"`
	// RefreshTokenLifetime zero means for ever.
	RefreshTokenLifetime int64 `json:"refresh_token_lifetime_ms"`
	// ReuseGrace zero means none.
	ReuseGrace             int64  `json:"reuse_grace_ms"`
	Reuse                  string `json:"reuse"` // ReuseDetect or ReuseRefuse
	OldAccessDiesAtRefresh bool   `json:"old_access_dies_at_refresh"`
	JobDelay               int64  `json:"job_delay_ms"`
}

func (w Switches) check() error {
	if w.AccessTokenLifetime <= 0 || w.RefreshTokenLifetime < 0 || w.ReuseGrace < 0 || w.JobDelay < 0 {
		return errors.New("switches: a duration is negative, or the access token's lifetime is zero")
	}
	if w.Reuse != ReuseDetect && w.Reuse != ReuseRefuse {
		return fmt.Errorf("switches: reuse is %q, want %q or %q", w.Reuse, ReuseDetect, ReuseRefuse)
	}
	return nil
}

func (p Persona) check() error {
	if p != Generic && p != Cloudbeds {
		return fmt.Errorf("unknown persona %q", p)
	}
	return nil
}

// addClient registers c, or replaces the client of the same id. The caller
// holds mu, or is New.
func (s *Server) addClient(c Client) error {
	if err := c.Persona.check(); err != nil {
		return fmt.Errorf("client %q: %w", c.ID, err)
	}
	if c.ID == "" || c.Secret == "" || len(c.Scopes) == 0 {
		return fmt.Errorf("client %q: id, secret and scopes are needed", c.ID)
	}
	if c.Persona == Cloudbeds && len(c.RedirectURIs) == 0 {
		return fmt.Errorf("client %q: a cloudbeds client needs a redirect URI", c.ID)
	}
	if err := c.Dialect.check(); err != nil {
		return fmt.Errorf("client %q: %w", c.ID, err)
	}
	s.clients[c.Persona][c.ID] = &c
	return nil
}

// addProperty registers p, or replaces the property of the same id; what its
// cells hold stays. The caller holds mu, or is New.
func (s *Server) addProperty(p Property) error {
	if err := p.Persona.check(); err != nil {
		return fmt.Errorf("property %q: %w", p.ID, err)
	}
	if p.ID == "" || p.Account == "" || len(p.Rates) == 0 {
		return fmt.Errorf("property %q: id, account and rates are needed", p.ID)
	}
	if _, err := currency.ParseISO(p.Currency); err != nil {
		return fmt.Errorf("property %q: currency %q: %w", p.ID, p.Currency, err)
	}
	ids := map[string]bool{}
	for _, r := range p.Rates {
		if r.RoomType == "" || r.RatePlan == "" || p.Persona == Cloudbeds && (r.ID == "" || ids[r.ID]) {
			return fmt.Errorf("property %q: rate %+v is incomplete, or its id is not unique", p.ID, r)
		}
		ids[r.ID] = true
	}
	s.properties[p.Persona][p.ID] = &p
	return nil
}

func (p *Property) hasRoomType(roomType string) bool {
	return slices.ContainsFunc(p.Rates, func(r Rate) bool { return r.RoomType == roomType })
}

func (p *Property) rate(roomType, ratePlan string) (Rate, bool) {
	return p.find(func(r Rate) bool { return r.RoomType == roomType && r.RatePlan == ratePlan })
}

func (p *Property) rateByID(id string) (Rate, bool) {
	return p.find(func(r Rate) bool { return r.ID == id })
}

func (p *Property) find(match func(Rate) bool) (Rate, bool) {
	i := slices.IndexFunc(p.Rates, match)
	if i < 0 {
		return Rate{}, false
	}
	return p.Rates[i], true
}

// limit returns the requests accepted in any second; zero means no limit.
func (p *Property) limit() int {
	switch {
	case p.RateLimit > 0:
		return p.RateLimit
	case p.RateLimit == 0 && p.Persona == Cloudbeds:
		return 5 // developers.cloudbeds.com/docs/faq: 5 requests a second and property
	default:
		return 0
	}
}

type propertyKey struct {
	persona  Persona
	property string
}

// paced says whether one more request for p fits into the last second, and
// counts it if so.
func (s *Server) paced(p *Property, now int64) bool {
	limit := p.limit()
	if limit == 0 {
		return true
	}
	key := propertyKey{p.Persona, p.ID}
	recent := slices.DeleteFunc(s.paces[key], func(at int64) bool { return at <= now-1000 })
	if len(recent) >= limit {
		s.paces[key] = recent
		return false
	}
	s.paces[key] = append(recent, now)
	return true
}
