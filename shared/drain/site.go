package drain

import (
	"context"
	"fmt"
	"sync"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/dialect"
	"bellhop/shared/ledger"
	"bellhop/shared/profile"
)

// siteFor is how long a process relies on what it has read about a connection: a
// new mapping or endpoint counts from then on.
const siteFor = 30 * time.Second

// site is a connection with everything that pushing to it needs and that changes
// only by people's hands.
type site struct {
	connection.Connection
	profile profile.Profile
	target  dialect.Target
	dialect dialect.Dialect
	client  string // ours at the provider: the group of the grant's wakes
	zone    *time.Location
}

// today is the night that begins at the property now.
func (s site) today(now time.Time) ledger.Date { return ledger.DateIn(now, s.zone) }

// sites remembers sites for a while. The zero value is empty.
type sites struct {
	mu    sync.Mutex
	known map[connection.ID]knownSite // guarded by mu
}

type knownSite struct {
	site  site
	until time.Time
}

// site returns what is known about a connection, reading it when that is too
// old. connection.ErrUnknown when there is none.
func (d *Drainer) site(ctx context.Context, id connection.ID) (site, error) {
	d.sites.mu.Lock()
	k, ok := d.sites.known[id]
	d.sites.mu.Unlock()
	if ok && d.Now().Before(k.until) {
		return k.site, nil
	}
	s, err := d.readSite(ctx, id)
	if err != nil {
		return site{}, err
	}
	d.sites.mu.Lock()
	defer d.sites.mu.Unlock()
	if d.sites.known == nil {
		d.sites.known = map[connection.ID]knownSite{}
	}
	d.sites.known[id] = knownSite{s, d.Now().Add(siteFor)}
	return s, nil
}

func (d *Drainer) readSite(ctx context.Context, id connection.ID) (site, error) {
	c, err := d.Inventory.Connection(ctx, id)
	if err != nil {
		return site{}, fmt.Errorf("reading connection %s: %w", id, err)
	}
	g, err := d.Grants.Read(ctx, c.Grant)
	if err != nil {
		return site{}, fmt.Errorf("reading grant %s of connection %s: %w", c.Grant, id, err)
	}
	client, err := d.Inventory.Client(ctx, g.Client)
	if err != nil {
		return site{}, fmt.Errorf("reading client %s of connection %s: %w", g.Client, id, err)
	}
	return newSite(c, client)
}

func newSite(c connection.Connection, client connection.Client) (site, error) {
	p, err := profile.ByName(c.Provider)
	if err != nil {
		return site{}, fmt.Errorf("finding the profile of connection %s: %w", c.ID, err)
	}
	s := site{Connection: c, profile: p, client: client.ID}
	if s.dialect, err = dialect.For(c.Provider); err != nil {
		return site{}, fmt.Errorf("finding the dialect of connection %s: %w", c.ID, err)
	}
	if s.target, err = dialect.NewTarget(p, client, c); err != nil {
		return site{}, err
	}
	if s.zone, err = time.LoadLocation(c.Zone); err != nil {
		return site{}, fmt.Errorf("finding the time zone of connection %s: %w", c.ID, err)
	}
	return s, nil
}
