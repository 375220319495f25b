package sandbox

// Kinds of tokens in the books.
const (
	AccessToken  = "access"
	RefreshToken = "refresh"
	AuthCode     = "code"
)

// Why a token was accepted or refused. Recovery and sibling are the two ways
// in which a superseded refresh token still answers within the grace.
const (
	ReasonOK         = "ok"
	ReasonRecovery   = "recovery"    // presented before, again within the grace: answered with a new pair
	ReasonSibling    = "sibling"     // never presented, superseded by a recovery, within the grace: answered
	ReasonExpired    = "expired"     // its time is over
	ReasonRevoked    = "revoked"     // by its owner, by its client, or with its family
	ReasonSuperseded = "superseded"  // rotated away, and no reuse detection
	ReasonReuse      = "reuse"       // rotated away: the family was revoked because of this
	ReasonUnknown    = "unknown"     // never issued here, or not of this kind
	ReasonMissing    = "missing"     // no token came with the request
	ReasonUnexamined = "unexamined"  // refused before the token was looked at
	ReasonUnseen     = "unseen"      // a fault kept the request from the provider's logic
	ReasonScope      = "scope"       // a good token, without the scope that was needed
	ReasonOtherFault = "other_fault" // a good token, but something else was wrong with the request
	ReasonNamed      = "named"       // named at revocation or introspection, not used
)

// Token is one token or authorization code that was issued. All times are Unix
// milliseconds; zero means not yet, or never.
type Token struct {
	N        int     `json:"n"` // counts from 1, in the order of issue
	Kind     string  `json:"kind"`
	Value    string  `json:"value"`
	Persona  Persona `json:"persona"`
	Client   string  `json:"client"`
	Account  string  `json:"account"`
	Property string  `json:"property,omitempty"` // the one consented to; cloudbeds only
	// Family is the consent that the token descends from. The tokens that a
	// client gets for itself form one family per client.
	Family string `json:"family"`
	// Generation counts the pairs of a family from 1. An authorization code
	// has generation 0.
	Generation   int      `json:"generation"`
	Scopes       []string `json:"scopes"`
	IssuedAt     int64    `json:"issued_at"`
	ExpiresAt    int64    `json:"expires_at,omitempty"`
	SupersededAt int64    `json:"superseded_at,omitempty"`
	RevokedAt    int64    `json:"revoked_at,omitempty"`
	// Presented counts the presentations that the provider's logic saw;
	// Overlapped those that began while another one was unanswered.
	Presented  int `json:"presented"`
	Overlapped int `json:"overlapped,omitempty"`
	// Recovered, Reused and Refused are the presentations that ended so.
	Recovered int `json:"recovered,omitempty"`
	Reused    int `json:"reused,omitempty"`
	Refused   int `json:"refused,omitempty"`

	request  string // the OAuth library's id, shared by all that one request led to
	underWay int    // presentations that are not answered yet
}

// Presentation is one arrival of a token.
type Presentation struct {
	N          int     `json:"n"`
	Request    int     `json:"request"`
	Persona    Persona `json:"persona"`
	Endpoint   string  `json:"endpoint"`
	Kind       string  `json:"kind"`
	Token      int     `json:"token,omitempty"` // number of the token; zero when it is unknown
	Client     string  `json:"client,omitempty"`
	Family     string  `json:"family,omitempty"`
	Generation int     `json:"generation,omitempty"`
	Accepted   bool    `json:"accepted"`
	Reason     string  `json:"reason"`
	At         int64   `json:"at"`
	// Delivered says that the answer was written to the connection. False
	// while the answer is under way, and when it was lost on purpose or the
	// client had gone. True is no proof that the client read it.
	Delivered bool `json:"delivered"`
}

// Outcomes of a push (generic's batch, cloudbeds' patchRate) in the books.
const (
	PushAccepted    = "accepted"     // acted; some items may still be rejected
	PushReplayed    = "replayed"     // known idempotency key, answered from memory
	PushExpired     = "expired"      // refused: the access token had expired
	PushSuperseded  = "superseded"   // refused: the access token died at a refresh
	PushRevoked     = "revoked"      // refused: the access token was revoked
	PushUnknown     = "unauthorized" // refused: no access token, or an unknown one
	PushForbidden   = "forbidden"    // refused: a scope is missing
	PushThrottled   = "throttled"    // 429
	PushFailed      = "failed"       // a 5xx or reset by a fault, without acting
	PushRefused     = "refused"      // the request itself was wrong
	pushNotAnswered = ""             // not a push, or not acted on yet
)

// Request is one arrival at either provider. The path has no query.
type Request struct {
	N              int     `json:"n"`
	Persona        Persona `json:"persona"`
	Endpoint       string  `json:"endpoint"`
	Method         string  `json:"method"`
	Path           string  `json:"path"`
	GrantType      string  `json:"grant_type,omitempty"`
	Client         string  `json:"client,omitempty"`
	Property       string  `json:"property,omitempty"`
	IdempotencyKey string  `json:"idempotency_key,omitempty"`
	Token          int     `json:"token,omitempty"` // the access token's number
	Status         int     `json:"status"`          // zero while under way, or when nothing was sent
	Outcome        string  `json:"outcome,omitempty"`
	Items          int     `json:"items,omitempty"`    // items or intervals of a push
	Rejected       int     `json:"rejected,omitempty"` // of these, refused one by one
	Fault          string  `json:"fault,omitempty"`
	Acted          bool    `json:"acted"`     // the provider's logic ran
	Delivered      bool    `json:"delivered"` // the answer was written to the connection
	ReceivedAt     int64   `json:"received_at"`
	AnsweredAt     int64   `json:"answered_at,omitempty"` // or given up
}

// books is everything that was issued, presented and asked. The cells' values
// stand beside it in cells. Guarded by the server's mu.
type books struct {
	tokens        []*Token
	byValue       map[string]*Token
	families      map[string][]*Token
	generations   map[string]int // family -> the newest generation
	presentations []*Presentation
	requests      []*Request
}

func newBooks() *books {
	return &books{byValue: map[string]*Token{}, families: map[string][]*Token{}, generations: map[string]int{}}
}

// issue enters a token and numbers it.
func (b *books) issue(t *Token) {
	t.N = len(b.tokens) + 1
	b.tokens = append(b.tokens, t)
	b.byValue[t.Value] = t
	b.families[t.Family] = append(b.families[t.Family], t)
}

// open enters a request and numbers it.
func (b *books) open(r *Request) {
	r.N = len(b.requests) + 1
	b.requests = append(b.requests, r)
}

// token returns the token of this value if it belongs to the persona and is of
// the kind, else nil.
func (b *books) token(p Persona, kind, value string) *Token {
	if t := b.byValue[value]; t != nil && t.Persona == p && t.Kind == kind {
		return t
	}
	return nil
}

// present enters a presentation of t, nil for an unknown token, and keeps the
// token's own counts.
func (b *books) present(r *Request, kind string, t *Token, accepted bool, reason string) *Presentation {
	p := &Presentation{
		N: len(b.presentations) + 1, Request: r.N, Persona: r.Persona, Endpoint: r.Endpoint,
		Kind: kind, Accepted: accepted, Reason: reason, At: r.ReceivedAt,
	}
	b.presentations = append(b.presentations, p)
	if t == nil {
		return p
	}
	p.Token, p.Client, p.Family, p.Generation = t.N, t.Client, t.Family, t.Generation
	switch reason {
	case ReasonUnseen, ReasonUnexamined, ReasonNamed:
		return p
	case ReasonRecovery:
		t.Recovered++
	case ReasonReuse:
		t.Reused++
	}
	t.Presented++
	if !accepted {
		t.Refused++
	}
	return p
}

// revoke ends every token that match selects and that has not ended before.
func (b *books) revoke(now int64, match func(*Token) bool) int {
	ended := 0
	for _, t := range b.tokens {
		if t.RevokedAt == 0 && match(t) {
			t.RevokedAt = now
			ended++
		}
	}
	return ended
}

// ended says why an access token is not good any more at now, or ReasonOK. Of
// several ends the earliest is named: a token that had expired before it was
// revoked was presented too late, whatever else happened to it.
func (t *Token) ended(now int64) string {
	reason, at := ReasonOK, now+1
	for _, end := range []struct {
		at     int64
		reason string
	}{{t.ExpiresAt, ReasonExpired}, {t.SupersededAt, ReasonSuperseded}, {t.RevokedAt, ReasonRevoked}} {
		if end.at != 0 && end.at < at {
			reason, at = end.reason, end.at
		}
	}
	return reason
}

// refreshable says what a presentation of the refresh token at now comes to:
// ok, recovery or sibling are answered, everything else is refused. A
// superseded token answers until its grace is over; the grace counts from the
// first rotation that superseded it and is never extended.
func (t *Token) refreshable(now int64, w *Switches) string {
	switch {
	case t.RevokedAt != 0:
		return ReasonRevoked
	case t.ExpiresAt != 0 && now >= t.ExpiresAt:
		return ReasonExpired
	case t.SupersededAt == 0:
		return ReasonOK
	case now < t.SupersededAt+w.ReuseGrace && t.Presented == 0:
		return ReasonSibling
	case now < t.SupersededAt+w.ReuseGrace:
		return ReasonRecovery
	case w.Reuse == ReuseDetect:
		return ReasonReuse
	default:
		return ReasonSuperseded
	}
}
