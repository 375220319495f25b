package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// ErrDenied reports that the provider sent the owner back without a code.
var ErrDenied = errors.New("the provider granted no authorization")

// Admin is a client of the admin API of a running sandbox. It is safe for
// concurrent use.
type Admin struct {
	// BaseURL is where the sandbox listens, for example
	// "http://127.0.0.1:8780".
	BaseURL string
	// HTTP is the client to use; nil means http.DefaultClient.
	HTTP *http.Client
}

// AddClient registers a client, or replaces the one of the same id.
func (a *Admin) AddClient(ctx context.Context, c Client) error {
	return a.do(ctx, http.MethodPost, "clients", c, nil)
}

// AddProperty makes a property known, or replaces the one of the same id.
func (a *Admin) AddProperty(ctx context.Context, p Property) error {
	return a.do(ctx, http.MethodPost, "properties", p, nil)
}

// Switches returns a persona's settings.
func (a *Admin) Switches(ctx context.Context, p Persona) (Switches, error) {
	return ask[Switches](ctx, a, http.MethodGet, "switches/"+string(p), nil)
}

// SetSwitches replaces all settings of a persona.
func (a *Admin) SetSwitches(ctx context.Context, p Persona, w Switches) error {
	return a.do(ctx, http.MethodPut, "switches/"+string(p), w, nil)
}

// AddFault adds a rule behind those that exist, and returns it with its id.
func (a *Admin) AddFault(ctx context.Context, f Fault) (Fault, error) {
	return ask[Fault](ctx, a, http.MethodPost, "faults", f)
}

// Faults returns the rules with their counts.
func (a *Admin) Faults(ctx context.Context) ([]Fault, error) {
	return ask[[]Fault](ctx, a, http.MethodGet, "faults", nil)
}

// ClearFaults removes all rules.
func (a *Admin) ClearFaults(ctx context.Context) error {
	return a.do(ctx, http.MethodDelete, "faults", nil, nil)
}

// RemoveFault removes one rule; an unknown id is no error.
func (a *Admin) RemoveFault(ctx context.Context, id int) error {
	return a.do(ctx, http.MethodDelete, "faults?id="+strconv.Itoa(id), nil, nil)
}

// RevokeConsent withdraws a consent, and returns how many tokens ended.
func (a *Admin) RevokeConsent(ctx context.Context, v RevokeConsent) (int, error) {
	answer, err := ask[map[string]int](ctx, a, http.MethodPost, "consents/revoke", v)
	return answer["revoked"], err
}

// ExpireToken ends a token's life now.
func (a *Admin) ExpireToken(ctx context.Context, token string) error {
	return a.do(ctx, http.MethodPost, "tokens/expire", ExpireToken{token}, nil)
}

// Summary returns what the books come to.
func (a *Admin) Summary(ctx context.Context) (Summary, error) {
	return ask[Summary](ctx, a, http.MethodGet, "books/summary", nil)
}

// Exchanges returns the life of every family.
func (a *Admin) Exchanges(ctx context.Context) ([]Exchange, error) {
	return ask[[]Exchange](ctx, a, http.MethodGet, "books/exchanges", nil)
}

// Tokens returns every token and code that was issued, in order.
func (a *Admin) Tokens(ctx context.Context) ([]Token, error) {
	return ask[[]Token](ctx, a, http.MethodGet, "books/tokens", nil)
}

// Presentations returns every arrival of a token with a number above after.
func (a *Admin) Presentations(ctx context.Context, after int) ([]Presentation, error) {
	return ask[[]Presentation](ctx, a, http.MethodGet, "books/presentations?after="+strconv.Itoa(after), nil)
}

// Requests returns every request with a number above after.
func (a *Admin) Requests(ctx context.Context, after int) ([]Request, error) {
	return ask[[]Request](ctx, a, http.MethodGet, "books/requests?after="+strconv.Itoa(after), nil)
}

// Cells returns the present values of a property, or of all with an empty id.
func (a *Admin) Cells(ctx context.Context, property string) ([]Cell, error) {
	return ask[[]Cell](ctx, a, http.MethodGet, "books/cells?property="+url.QueryEscape(property), nil)
}

// History returns every application of a value that the filter lets through.
// Its empty fields let everything through; N means "numbers above this".
func (a *Admin) History(ctx context.Context, filter Change) ([]Change, error) {
	query := url.Values{
		"persona": {string(filter.Persona)}, "property": {filter.Property},
		"room_type": {filter.RoomType}, "rate_plan": {filter.RatePlan},
		"date": {filter.Date}, "field": {filter.Field}, "after": {strconv.Itoa(filter.N)},
	}
	return ask[[]Change](ctx, a, http.MethodGet, "books/cells/history?"+query.Encode(), nil)
}

// Consent answers the consent page at authorizeURL as the owner of property
// would, with every scope granted, and returns the redirect to the client,
// code and state included; nothing is sent there. An empty property means the
// preselected one. It returns ErrDenied when the redirect carries no code.
func (a *Admin) Consent(ctx context.Context, authorizeURL, property string) (string, error) {
	form := url.Values{"decision": {"allow"}}
	if property != "" {
		form.Set("property", property)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, authorizeURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("asking for consent: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := a.stay().Do(request)
	if err != nil {
		return "", fmt.Errorf("asking for consent: %w", err)
	}
	_ = response.Body.Close()
	target, err := response.Location()
	switch {
	case err != nil:
		return "", fmt.Errorf("asking for consent: status %d without a redirect", response.StatusCode)
	case target.Query().Get("code") == "":
		return "", fmt.Errorf("%w: %s", ErrDenied, target.Query().Get("error"))
	default:
		return target.String(), nil
	}
}

// stay is the HTTP client without following redirects.
func (a *Admin) stay() *http.Client {
	client := *a.client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

func (a *Admin) client() *http.Client {
	if a.HTTP == nil {
		return http.DefaultClient
	}
	return a.HTTP
}

// ask is do for an answer of type T.
func ask[T any](ctx context.Context, a *Admin, method, path string, in any) (T, error) {
	var out T
	err := a.do(ctx, method, path, in, &out)
	return out, err
}

// do sends in as JSON, nil for no body, and decodes the answer into out, nil
// for ignoring it.
func (a *Admin) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encoding for the sandbox's %s: %w", path, err)
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, a.BaseURL+"/admin/"+path, body)
	if err != nil {
		return fmt.Errorf("asking the sandbox for %s: %w", path, err)
	}
	response, err := a.client().Do(request)
	if err != nil {
		return fmt.Errorf("asking the sandbox for %s: %w", path, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 4<<10))
		return fmt.Errorf("asking the sandbox for %s: status %d: %s", path, response.StatusCode, bytes.TrimSpace(text))
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(out); err != nil {
		return fmt.Errorf("reading the sandbox's %s: %w", path, err)
	}
	return nil
}
