package sandbox

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// Summary is what the books come to, in numbers.
type Summary struct {
	Tokens map[string]int `json:"tokens"` // issued, by kind
	// Refresh is about the presentations of refresh tokens at the token
	// endpoint that the provider's logic saw.
	Refresh RefreshSummary `json:"refresh"`
	// Codes and ClientTokens are the pairs that began a family, and the
	// access tokens that clients got for themselves.
	Codes        int `json:"authorization_codes_exchanged"`
	ClientTokens int `json:"client_credentials_exchanged"`
	// Pushes counts batches and patchRates by outcome.
	Pushes map[string]int `json:"pushes"`
	// Items and Rejected count the items and intervals of accepted pushes.
	Items    int `json:"items"`
	Rejected int `json:"items_rejected"`
	// Requests counts by "persona/endpoint" and by status; "none" is a
	// request that got no answer.
	Requests map[string]map[string]int `json:"requests"`
	Faults   map[string]int            `json:"faults"` // met, by kind
	Cells    int                       `json:"cells"`  // that hold at least one value
	Changes  int                       `json:"changes"`
	Waiting  int                       `json:"changes_waiting"` // accepted, not applied yet
}

// RefreshSummary counts the presentations of refresh tokens.
type RefreshSummary struct {
	// Generations is the number of refresh tokens presented at least once.
	Generations   int `json:"generations"`
	Presentations int `json:"presentations"`
	// Recoveries are second presentations that were answered in the grace.
	Recoveries int `json:"recoveries"`
	// TwiceOutsideGrace are second presentations that were not.
	TwiceOutsideGrace int `json:"twice_outside_grace"`
	// Reuses are the presentations that revoked a family.
	Reuses  int `json:"reuses"`
	Refused int `json:"refused"` // for whatever reason
	// Overlapped are presentations that began while another one of the same
	// token was unanswered.
	Overlapped int `json:"overlapped"`
	// Unseen are presentations that a fault kept from the provider's logic,
	// or whose client could not be authenticated. They count nowhere else.
	Unseen int `json:"unseen"`
	// PerGeneration is (Presentations - Recoveries) / Generations with two
	// decimals, rounded down; "1.00" is right, "-" means none was presented.
	PerGeneration string `json:"per_generation"`
}

// Exchange is the life of one family: what became of each of its generations.
type Exchange struct {
	Family      string               `json:"family"`
	Persona     Persona              `json:"persona"`
	Client      string               `json:"client"`
	Account     string               `json:"account"`
	Property    string               `json:"property,omitempty"`
	Generations []GenerationExchange `json:"generations"`
}

// GenerationExchange is the life of one refresh token; for a client's own
// tokens, which have none, it is that of the access token.
type GenerationExchange struct {
	Generation int   `json:"generation"`
	Token      int   `json:"token"` // its number in the books
	IssuedAt   int64 `json:"issued_at"`
	Presented  int   `json:"presented"`
	Recovered  int   `json:"recovered"`
	Reused     int   `json:"reused"`
	Refused    int   `json:"refused"`
	Overlapped int   `json:"overlapped"`
	// Presentations are the times at which it arrived, in Unix milliseconds,
	// those that the provider's logic never saw included.
	Presentations []int64 `json:"presentations"`
}

func (s *Server) summary() Summary {
	m := Summary{
		Tokens: map[string]int{}, Pushes: map[string]int{},
		Requests: map[string]map[string]int{}, Faults: map[string]int{},
		Refresh: s.books.refreshSummary(), Changes: len(s.cells.history), Waiting: len(s.cells.waiting),
	}
	for _, t := range s.books.tokens {
		m.Tokens[t.Kind]++
		switch {
		case t.Kind == RefreshToken && t.Generation == 1:
			m.Codes++
		case t.Kind == AccessToken && t.Persona == Generic:
			m.ClientTokens++
		}
	}
	for _, r := range s.books.requests {
		m.count(r)
	}
	for _, cells := range s.cells.present {
		m.Cells += len(cells)
	}
	return m
}

func (m *Summary) count(r *Request) {
	if r.Outcome != pushNotAnswered {
		m.Pushes[r.Outcome]++
	}
	if r.Fault != "" {
		m.Faults[r.Fault]++
	}
	m.Items += r.Items
	m.Rejected += r.Rejected
	status := "none"
	if r.Status != 0 {
		status = strconv.Itoa(r.Status)
	}
	name := string(r.Persona) + "/" + r.Endpoint
	if m.Requests[name] == nil {
		m.Requests[name] = map[string]int{}
	}
	m.Requests[name][status]++
}

func (b *books) refreshSummary() RefreshSummary {
	var m RefreshSummary
	for _, t := range b.tokens {
		if t.Kind != RefreshToken {
			continue
		}
		m.Overlapped += t.Overlapped
		if t.Presented == 0 {
			continue
		}
		m.Generations++
		m.Presentations += t.Presented
		m.Recoveries += t.Recovered
		m.Reuses += t.Reused
		m.Refused += t.Refused
		m.TwiceOutsideGrace += t.Presented - 1 - t.Recovered
	}
	for _, p := range b.presentations {
		if p.Kind == RefreshToken && (p.Reason == ReasonUnseen || p.Reason == ReasonUnexamined) {
			m.Unseen++
		}
	}
	m.PerGeneration = "-"
	if m.Generations > 0 {
		hundredths := (m.Presentations - m.Recoveries) * 100 / m.Generations
		m.PerGeneration = fmt.Sprintf("%d.%02d", hundredths/100, hundredths%100)
	}
	return m
}

func (b *books) exchanges() []Exchange {
	arrivals := map[int][]int64{}
	for _, p := range b.presentations {
		if p.Endpoint == "token" {
			arrivals[p.Token] = append(arrivals[p.Token], p.At)
		}
	}
	all := []Exchange{}
	for family, tokens := range b.families {
		first := tokens[0]
		e := Exchange{
			Family: family, Persona: first.Persona, Client: first.Client,
			Account: first.Account, Property: first.Property, Generations: []GenerationExchange{},
		}
		for _, t := range tokens {
			if t.Kind == RefreshToken || t.Persona == Generic {
				e.Generations = append(e.Generations, GenerationExchange{
					Generation: t.Generation, Token: t.N, IssuedAt: t.IssuedAt, Presented: t.Presented,
					Recovered: t.Recovered, Reused: t.Reused, Refused: t.Refused, Overlapped: t.Overlapped,
					Presentations: append([]int64{}, arrivals[t.N]...),
				})
			}
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b Exchange) int {
		return cmp.Or(cmp.Compare(a.Persona, b.Persona), cmp.Compare(a.Property, b.Property), cmp.Compare(a.Family, b.Family))
	})
	return all
}
