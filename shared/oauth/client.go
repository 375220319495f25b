package oauth

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"time"

	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// The bounds of one exchange.
const (
	// exchangeFor bounds a request from dialling to the answer's last byte. With
	// the commit's 2 s it fits into a lease of 15 s (docs/design.md section 5).
	exchangeFor = 8 * time.Second
	// largestAnswer is how much of an answer is read, in bytes. A token answer
	// is a few hundred; one with several JWTs is still far below.
	largestAnswer = 64 << 10
)

// Config sets up a [Client]. The zero value is good.
type Config struct {
	// Timeout bounds one request; zero means 8 s.
	Timeout time.Duration
	// Now is the wall clock; nil means [time.Now].
	Now func() time.Time
}

// Client speaks to the token endpoints of all providers. It holds no token and
// no secret. It is safe for concurrent use.
type Client struct {
	timeout       time.Duration
	introspectFor time.Duration
	now           func() time.Time
	http          http.RoundTripper
}

// NewClient returns a client with a transport of its own: what another package
// does to [http.DefaultTransport] cannot make a token be sent twice.
func NewClient(c Config) *Client {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Client{timeout: cmp.Or(c.Timeout, exchangeFor), introspectFor: introspectFor, now: c.Now, http: newTransport()}
}

// Exchange presents the credential of r once and judges the answer. It returns
// no error: whatever happens is a [Class].
//
// The request is written at most once and follows no redirect. Until the first
// byte of what carries the credential is on the way nothing was spent, and the
// class says so (NotSent); from then on everything but a readable answer is
// Unknown. Where an answer does not say how long its token lives, and r names
// an introspection endpoint, that is asked, within the same bound.
func (c *Client) Exchange(ctx context.Context, p profile.Token, r Request) Outcome {
	start := wall(c.now())
	out := c.exchange(ctx, p, r, start)
	out.Took = wall(c.now()).Sub(start)
	return out
}

func (c *Client) exchange(ctx context.Context, p profile.Token, r Request, start time.Time) Outcome {
	m, cause := compose(p, r)
	if cause != "" {
		return Outcome{Class: BadRequest, Cause: cause}
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	gate := &gate{body: m.body.Reveal(), deadline: wall(r.Deadline), now: c.now}
	req, err := m.request(ctx, gate)
	if err != nil {
		return Outcome{Class: BadRequest, Cause: "endpoint"}
	}

	resp, err := c.http.RoundTrip(req)
	if err != nil {
		return unanswered(ctx, gate)
	}
	defer resp.Body.Close()
	a := readAnswer(resp)
	a.received, a.phase = wall(c.now()), r.phase(p)
	out := judge(p, a, start)
	if out.Class == Unknown && gate.shut() {
		out.Class = NotSent // it answered the head alone
	}
	if out.Class == Issued && out.Pair.Documented && r.Introspect != "" {
		out.Pair = c.askLife(ctx, p, r, out.Pair)
	}
	return out
}

// unanswered is what a request without an answer has come to. Shutting the
// gate decides it for good: after it, the transport cannot write the
// credential any more, although it may still be dialling.
func unanswered(ctx context.Context, g *gate) Outcome {
	out := Outcome{Class: Unknown, Cause: "broken"}
	if g.shut() {
		out = Outcome{Class: NotSent, Cause: "connect"}
	}
	switch {
	case g.late.Load():
		out.Cause = "late"
	case ctx.Err() != nil:
		out.Cause = "timeout"
	}
	return out
}

// answer is what came back, as far as it could be read.
type answer struct {
	status   int
	header   http.Header
	body     secret.Text
	received time.Time
	phase    string // what was asked for; empty means a token
	cause    string // "cut_short" or "too_long"; empty when it is whole
}

// readAnswer reads at most largestAnswer bytes.
func readAnswer(resp *http.Response) answer {
	a := answer{status: resp.StatusCode, header: resp.Header}
	b, err := io.ReadAll(io.LimitReader(resp.Body, largestAnswer+1))
	switch {
	case err != nil:
		a.cause = "cut_short"
	case len(b) > largestAnswer:
		b, a.cause = b[:largestAnswer], "too_long"
	}
	a.body = secret.New(string(b))
	return a
}

// wall strips the monotonic reading: a frozen machine's monotonic clock may
// have stood still while its lease ran out.
func wall(t time.Time) time.Time { return t.Round(0) }
