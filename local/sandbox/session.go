package sandbox

import (
	"maps"
	"time"

	"github.com/ory/fosite"
)

// session is what a consent, or a client's own grant, carries into every token
// that descends from it.
type session struct {
	account  string
	property string
	expires  map[fosite.TokenType]time.Time
}

// SetExpiresAt implements fosite.Session.
func (n *session) SetExpiresAt(kind fosite.TokenType, at time.Time) {
	if n.expires == nil {
		n.expires = map[fosite.TokenType]time.Time{}
	}
	n.expires[kind] = at
}

// GetExpiresAt implements fosite.Session.
func (n *session) GetExpiresAt(kind fosite.TokenType) time.Time { return n.expires[kind] }

// GetUsername implements fosite.Session; there are no user names.
func (n *session) GetUsername() string { return "" }

// GetSubject implements fosite.Session: the account is the subject.
func (n *session) GetSubject() string { return n.account }

// Clone implements fosite.Session.
func (n *session) Clone() fosite.Session {
	clone := *n
	clone.expires = maps.Clone(n.expires)
	return &clone
}
