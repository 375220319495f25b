package connection

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"golang.org/x/text/currency"

	"bellhop/shared/profile"
)

// names is what ids may look like: they travel in URLs, queue group ids, secret
// names and table keys, where a '#' or a '/' would mean something else.
var names = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Check reports everything that is wrong with a connection before it is
// written, all problems together.
func (c Connection) Check() error {
	var problems []error
	for _, n := range []struct{ what, name string }{{"connection id", string(c.ID)}, {"grant id", string(c.Grant)}, {"property", c.Property}} {
		if !names.MatchString(n.name) {
			problems = append(problems, fmt.Errorf("%s %q: use 1 to 64 letters, digits, '.', '_' and '-', beginning with a letter or digit", n.what, n.name))
		}
	}
	if _, err := time.LoadLocation(c.Zone); err != nil || c.Zone == "" || c.Zone == "Local" {
		problems = append(problems, fmt.Errorf("time zone %q: use an IANA name such as Europe/Lisbon", c.Zone))
	}
	if _, err := currency.ParseISO(c.Currency); err != nil {
		problems = append(problems, fmt.Errorf("currency %q: use an ISO 4217 code such as EUR", c.Currency))
	}
	for from, to := range c.Mappings {
		room, _, ok := strings.Cut(from, "/")
		if !ok || room == "" || to == "" {
			problems = append(problems, fmt.Errorf("mapping %q=%q: use ROOM/PLAN=ID, or ROOM/=ID for room-level fields", from, to))
		}
	}
	return errors.Join(problems...)
}

// CheckEndpoints reports which endpoints a client of p lacks, or which would
// carry secrets in the clear. e is what the client and the profile say
// together.
func CheckEndpoints(e profile.Endpoints, p profile.Profile) error {
	needed := []struct{ flag, url string }{{"token-url", e.Token}, {"api-url", e.API}}
	if p.Token.Grant == "authorization_code" {
		needed = append(needed, struct{ flag, url string }{"authorize-url", e.Authorize})
	}
	if strings.HasPrefix(p.Token.Account, "userinfo:") {
		needed = append(needed, struct{ flag, url string }{"userinfo-url", e.UserInfo})
	}
	for _, n := range []struct{ flag, url string }{{"revoke-url", e.Revoke}, {"introspect-url", e.Introspect}} {
		if n.url != "" { // nobody needs it, but where it is, it is given tokens
			needed = append(needed, n)
		}
	}
	var problems []error
	for _, n := range needed {
		if n.url == "" {
			problems = append(problems, fmt.Errorf("%s has no address of its own for this: give --%s", p.Title, n.flag))
		} else if err := profile.CheckURL(n.url); err != nil {
			problems = append(problems, fmt.Errorf("--%s: %w", n.flag, err))
		}
	}
	return errors.Join(problems...)
}

// SigningLabel is what the seal of a connection's signing secrets names as its
// purpose, so that no other sealed value can be put in its place.
func SigningLabel(id ID) string { return "signing/" + string(id) }

// WebhookLabel is the same for the provider's webhook secrets.
func WebhookLabel(id ID) string { return "webhook/" + string(id) }
