// Package connection is the inventory: which property is connected to which
// provider by which grant, through which registration of ours, and who owns
// it. A connection never holds a token.
package connection

import (
	"context"
	"errors"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/profile"
)

// ID names a connection in messages, on the command line and in every log.
type ID string

// Connection is one property at one provider.
type Connection struct {
	ID       ID
	Property string // our (the PMS's) name of the property
	Hotel    string // the name that its owner knows
	Provider string // profile name
	Grant    grant.ID
	// RemoteProperty is the provider's name of the property.
	RemoteProperty string
	Owner          Owner
	// Zone is the property's IANA time zone: its nights end there, not here.
	Zone     string
	Currency string // ISO 4217
	// Mappings turn our room type and rate plan into the provider's rate id,
	// keyed "ROOM/PLAN" ("ROOM/" for room-level fields). Empty means that the
	// provider uses our names.
	Mappings map[string]string
	// RevisionIsTime declares that the PMS's revisions are Unix milliseconds,
	// so that one from the far future can be refused.
	RevisionIsTime bool
	// Signing seals the PMS's webhook signing secrets (package seal), newest
	// first; WebhookSecret the provider's.
	Signing       []grant.Sealed
	WebhookSecret []grant.Sealed
	Created       time.Time
}

// Owner is who can consent, and how ops reach them.
type Owner struct {
	Name    string
	Contact string // e-mail or telephone, shown to ops and never logged
}

// Client is our registration at a provider. Its secrets live in Secrets
// Manager under "<stack>/client/<id>", never here.
type Client struct {
	ID          string // ours: names it in the inventory
	Provider    string
	ClientID    string // the provider's
	RedirectURI string
	// Endpoints override the profile's where not empty.
	Endpoints profile.Endpoints
	// Rotation overrides the profile's policy when not nil: providers change it
	// per registration, and some tell only their partners what it is.
	Rotation *profile.Rotation
	Created  time.Time
}

// EndpointsOver returns the profile's endpoints with the client's overrides.
func (c Client) EndpointsOver(p profile.Endpoints) profile.Endpoints {
	e := p
	for _, o := range []struct{ to, from *string }{
		{&e.Token, &c.Endpoints.Token}, {&e.Authorize, &c.Endpoints.Authorize}, {&e.Revoke, &c.Endpoints.Revoke},
		{&e.Introspect, &c.Endpoints.Introspect}, {&e.UserInfo, &c.Endpoints.UserInfo}, {&e.API, &c.Endpoints.API},
	} {
		if *o.from != "" {
			*o.to = *o.from
		}
	}
	return e
}

// RotationOver returns the client's rotation policy, or else the profile's.
func (c Client) RotationOver(p profile.Rotation) profile.Rotation {
	if c.Rotation != nil {
		return *c.Rotation
	}
	return p
}

// Inventory is the contract of the connections' part of the grants table.
type Inventory interface {
	// Add writes a new connection; ErrExists when its id is taken.
	Add(ctx context.Context, c Connection) error
	// Connection reads one; ErrUnknown when there is none.
	Connection(ctx context.Context, id ID) (Connection, error)
	// Of returns the connections of one property, of any provider.
	Of(ctx context.Context, property string) ([]Connection, error)
	// ByGrant returns the connections that one grant serves.
	ByGrant(ctx context.Context, id grant.ID) ([]Connection, error)
	// All calls yield for each connection until it returns false.
	All(ctx context.Context, yield func(Connection) bool) error
	// Remove deletes a connection with all that finds it, in one transaction.
	// ErrUnknown when there is none of that id.
	Remove(ctx context.Context, c Connection) error
	// Reseal writes the sealed secrets of is, and nothing else of it, if they
	// are still those of was. The same twice is one success; ErrMoved when they
	// are others by now, ErrUnknown when the connection is gone.
	Reseal(ctx context.Context, was, is Connection) error
	AddClient(ctx context.Context, c Client) error
	Client(ctx context.Context, id string) (Client, error)
	Clients(ctx context.Context) ([]Client, error)
}

// Errors of an Inventory.
var (
	ErrUnknown       = errors.New("no such connection")
	ErrExists        = errors.New("connection exists already")
	ErrUnknownClient = errors.New("no such client")
	ErrClientExists  = errors.New("client exists already")
	ErrMoved         = errors.New("connection has changed meanwhile")
)
