package consent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/secret"
)

// Query is what the provider sent the owner's browser back with (RFC 6749
// sections 4.1.2 and 4.1.2.1).
type Query struct {
	State secret.Text
	Code  secret.Text
	// Error is the provider's error code when there is no Code. It comes from
	// the browser and is shown to nobody.
	Error string
}

// Ending is what the page says when a walk has ended.
type Ending struct {
	Result
	Provider    string
	Connections []connection.Connection
	// Again is a ticket with which the owner can try once more; empty when that
	// would be of no use.
	Again secret.Text
}

// memory is what a state remembers under seal.
type memory struct {
	ticket   secret.Text
	verifier secret.Text
}

// encode writes the memory for the vault: tokens in the clear, for the length
// of one call.
func (m memory) encode() []byte {
	b, err := json.Marshal([2]string{m.ticket.Reveal(), m.verifier.Reveal()})
	if err != nil {
		panic("consent: encoding a state: " + err.Error()) // two strings always encode
	}
	return b
}

func decodeMemory(b []byte) (memory, error) {
	var parts [2]string
	if err := json.Unmarshal(b, &parts); err != nil {
		return memory{}, errors.New("state remembers something of an unknown form")
	}
	return memory{ticket: secret.New(parts[0]), verifier: secret.New(parts[1])}, nil
}

// stateLabel keeps the memory of one state from being put in another's place.
func stateLabel(digest string) string { return "state/" + digest }

// Callback ends a walk. The state is consumed before anything else, so that a
// reload, a second tab or a stolen address can only see what came of it.
// Whatever happens after that has a [Code]; an error means that not even the
// state could be read, and that trying again is safe.
func (f *Flow) Callback(ctx context.Context, q Query) (Ending, error) {
	w, code, err := f.arrive(ctx, q.State)
	if err != nil {
		return Ending{}, err
	}
	if code != "" {
		return f.ending(ctx, w, w.seen(code)), nil
	}
	result, err := f.walk(ctx, w, q)
	result.At = f.Now()
	f.conclude(ctx, w, result, err)
	return f.ending(ctx, w, result), nil
}

// walker is one arrival at the callback: the state and what it remembers.
type walker struct {
	state State
	memory
	// next is the ticket of the episode that a partial consent opens.
	next secret.Text
}

// arrive consumes the state. Code is empty for its first arrival in time.
func (f *Flow) arrive(ctx context.Context, state secret.Text) (*walker, Code, error) {
	digest := Digest(state)
	if digest == "" {
		return &walker{}, StateUnknown, nil
	}
	s, err := f.Tickets.Consume(ctx, digest, nonce(), f.Now())
	switch {
	case errors.Is(err, ErrUnknown):
		return &walker{}, StateUnknown, nil
	case err != nil && !errors.Is(err, ErrUsed):
		return nil, "", err
	}
	w := &walker{state: s}
	plain, openErr := f.Vault.OpenBytes(ctx, stateLabel(digest), s.Sealed)
	if openErr == nil {
		w.memory, openErr = decodeMemory(plain)
	}
	switch {
	case errors.Is(err, ErrUsed):
		return w, f.repeated(ctx, s), nil
	case openErr != nil:
		return w, TryLater, nil
	case !f.Now().Before(s.Expires):
		return w, StateExpired, nil
	}
	return w, "", nil
}

// repeated is what a second arrival is shown: what came of the first, as far as
// anybody knows.
func (f *Flow) repeated(ctx context.Context, s State) Code {
	if s.Result.Code != "" {
		return s.Result.Code
	}
	if t, err := f.Tickets.Ticket(ctx, s.Ticket); err == nil && !t.Used.IsZero() {
		return Connected // committed, and then interrupted
	}
	return Interrupted
}

// seen is the result of a walk that was not walked now.
func (w *walker) seen(code Code) Result {
	r := w.state.Result
	r.Code = code
	return r
}

// conclude keeps what came of the walk for second arrivals, and says it to the
// log. A result that cannot be kept costs a second arrival its words, nothing
// else.
func (f *Flow) conclude(ctx context.Context, w *walker, r Result, cause error) {
	if err := f.Tickets.Conclude(context.WithoutCancel(ctx), w.state.Digest, r); err != nil {
		cause = errors.Join(cause, err)
	}
	if r.Code.Succeeded() {
		return // the commit has logged it, with what only it knows
	}
	attrs := []slog.Attr{slog.String("grant", string(w.state.Grant)), slog.String("why", string(r.Code))}
	if cause != nil {
		attrs = append(attrs, slog.String("error", cause.Error()))
	}
	f.Log.Warn(ctx, event.ReconnectFailed, attrs...)
}

// ending gathers what the page says. It shows less rather than fail: the result
// is there.
func (f *Flow) ending(ctx context.Context, w *walker, r Result) Ending {
	e := Ending{Result: r}
	if w.state.Grant == "" {
		return e
	}
	if o, err := f.offer(ctx, w.state.Grant); err == nil {
		e.Provider, e.Connections = o.Provider, o.Connections
	}
	if r.Code.Again() {
		e.Again = w.ticket
	}
	if r.Code == PartlyConnected {
		e.Again = w.next
	}
	return e
}

// invite makes a ticket for the episode that a partial consent has opened, so
// that the owner can give the rest at once. Without it the alert's link does.
func (f *Flow) invite(ctx context.Context, w *walker, g grant.Grant) {
	life := f.TicketLife
	if life == 0 {
		life = TicketLife
	}
	t := Random()
	if f.Tickets.PutTicket(ctx, NewTicket(t, g, f.Now(), life)) == nil {
		w.next = t
	}
}

// nonce is fresh for every write that must recognize itself.
func nonce() string { return Random().Reveal()[:22] }

// pause waits, or ends with the context.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting: %w", ctx.Err())
	}
}
