package dialect

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
	"bellhop/shared/profile"
	"bellhop/shared/rate"
)

// For returns the dialect of a provider's name.
func For(provider string) (Dialect, error) {
	switch provider {
	case "generic":
		return generic{}, nil
	case "cloudbeds":
		return cloudbeds{}, nil
	}
	return nil, fmt.Errorf("no dialect is called %q", provider)
}

// Target is whom a call addresses: everything about the connection that a
// dialect may need. It holds no token.
type Target struct {
	Connection connection.Connection
	API        profile.API
	// Base is the API's address without a slash at its end.
	Base string
	// Decimals is how many the connection's currency has: 2 for EUR, 0 for JPY.
	Decimals int
}

// errNoAPI says that neither profile nor client names the rate API's address.
var errNoAPI = errors.New("the rate API has no address: give the client one")

// NewTarget puts together what profile, client and connection say.
func NewTarget(p profile.Profile, client connection.Client, c connection.Connection) (Target, error) {
	decimals, err := rate.Decimals(c.Currency)
	if err != nil {
		return Target{}, fmt.Errorf("reading currency %q of connection %s: %w", c.Currency, c.ID, err)
	}
	base := strings.TrimRight(client.EndpointsOver(p.Token.Endpoints).API, "/")
	if base == "" {
		return Target{}, fmt.Errorf("connection %s: %w", c.ID, errNoAPI)
	}
	return Target{Connection: c, API: p.API, Base: base, Decimals: decimals}, nil
}

// Carries reports whether the provider knows a field. The others are taken into
// the ledger and never sent.
func (t Target) Carries(f ledger.Field) bool {
	name := string(f)
	if _, byOccupancy := f.Occupancy(); byOccupancy {
		name = "occupancy_prices"
	}
	return slices.Contains(t.API.Fields, name)
}

// get and post begin a call.
func (t Target) get(path, query string) Call {
	return Call{Method: http.MethodGet, URL: t.Base + path + "?" + query, Header: accept()}
}

func (t Target) post(path, contentType string, body []byte) Call {
	h := accept()
	h.Set("Content-Type", contentType)
	return Call{Method: http.MethodPost, URL: t.Base + path, Header: h, Body: body}
}

func accept() http.Header { return http.Header{"Accept": {"application/json"}} }

// address is the provider's name of a room type and rate plan: the one mapped,
// or, at a connection without any mapping, our own.
func (t Target) address(room, plan string) (string, error) {
	if len(t.Connection.Mappings) == 0 {
		return room + "/" + plan, nil
	}
	return t.mapped(room, plan)
}

// mapped is the provider's name of a room type and rate plan by the connection's
// mappings alone.
func (t Target) mapped(room, plan string) (string, error) {
	ours := room + "/" + plan
	if theirs, ok := t.Connection.Mappings[ours]; ok {
		return theirs, nil
	}
	return "", fmt.Errorf("no mapping: add %s to connection %s", ours, t.Connection.ID)
}

// ours is the way back: the room type and rate plan that are mapped to the
// provider's name, the first in order where several are.
func (t Target) ours(theirs string) (room, plan string, ok bool) {
	if len(t.Connection.Mappings) == 0 {
		return strings.Cut(theirs, "/")
	}
	best := ""
	for ours, id := range t.Connection.Mappings {
		if id == theirs && (best == "" || ours < best) {
			best = ours
		}
	}
	return strings.Cut(best, "/")
}
