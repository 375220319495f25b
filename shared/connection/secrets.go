package connection

import (
	"maps"

	"bellhop/shared/secret"
)

// Secrets are what a client's secret in Secrets Manager holds: everything with
// which we prove to a provider who we are. Most providers want one secret; some
// want a machine's user and password, or a key in a header, beside it.
type Secrets struct {
	// Current is the client secret. Next is empty but while it is being
	// changed; it is the one to try when the provider refuses Current.
	Current, Next secret.Text
	// Username and Password are for the password grant.
	Username, Password secret.Text
	// Headers are the values of the extra headers that the profile names, by
	// their canonical names.
	Headers map[string]secret.Text
	// Version names the state of the secret that was read: its version id,
	// which is no secret and may be shown.
	Version string
}

// Empty reports whether nothing at all is there to prove who we are.
func (s Secrets) Empty() bool {
	return s.Current.Empty() && s.Username.Empty() && s.Password.Empty() && len(s.Headers) == 0
}

// After returns what to try once more when the provider has refused us by the
// current one of refused, which was read before s; its Current is the one to
// present. When something that is presented has been changed since, it is s, else
// s by its Next while there is one. False when all that we have was refused.
func (s Secrets) After(refused Secrets) (Secrets, bool) {
	if !s.proves(refused) {
		return s, true
	}
	s.Current, s.Next = s.Next, secret.Text{}
	return s, !s.Current.Empty()
}

// proves reports whether both present the same.
func (s Secrets) proves(t Secrets) bool {
	return s.Current.Equal(t.Current) && s.Username.Equal(t.Username) && s.Password.Equal(t.Password) &&
		maps.EqualFunc(s.Headers, t.Headers, secret.Text.Equal)
}
