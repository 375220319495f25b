package connection

import "bellhop/shared/secret"

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

// Tries returns the client secrets in the order in which they are tried: the
// current one, which may be empty, and the next while there is one.
func (s Secrets) Tries() []secret.Text {
	if s.Next.Empty() {
		return []secret.Text{s.Current}
	}
	return []secret.Text{s.Current, s.Next}
}
