package torture

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/secret"
)

// consent is the owner's click: the provider's consent page, the code, the
// exchange, and the product's own Consent, which commits the pair sealed. After
// a verdict it is what the owner does who follows the reconnect link.
func (f *fleet) consent(ctx context.Context, id string) error {
	pair, err := f.issue(ctx, id)
	if err != nil {
		return fmt.Errorf("consenting for %s: %w", id, err)
	}
	if err := f.vault.Ready(ctx); err != nil {
		return err
	}
	for try := 0; ; try++ {
		err := f.commit(ctx, id, pair)
		var moved *grant.Conflict
		if err == nil || try == 2 || errors.As(err, &moved) || !sleep(ctx, time.Second) {
			return err
		}
	}
}

// commit writes a first pair as the reconnect callback does: on condition of the
// epoch, ending whatever the former one left.
func (f *fleet) commit(ctx context.Context, id string, pair grant.Pair) error {
	g, err := f.grants.Read(ctx, grant.ID(id))
	if err != nil {
		return err
	}
	sealed, err := f.vault.Seal(g.ID, g.Generation, pair)
	if err != nil {
		return err
	}
	write := grant.ConsentWrite{
		ID: g.ID, Epoch: g.Epoch, Sealed: sealed, Times: grant.TimesOf(g.ID, pair, f.profile.Token.Refresh),
		Scopes: pair.Scopes, Account: "account-" + id, At: time.Now(),
	}
	if g.Health != grant.OK {
		write.Episode = g.Episode
	}
	return f.grants.Consent(ctx, write)
}

// issue lets the provider issue the first pair of a consent (RFC 6749, section
// 4.1, with PKCE, RFC 7636).
func (f *fleet) issue(ctx context.Context, id string) (grant.Pair, error) {
	verifier, redirect := rand.Text()+rand.Text(), f.client.RedirectURIs[0]
	challenge := sha256.Sum256([]byte(verifier))
	query := url.Values{
		"response_type": {"code"}, "client_id": {f.client.ID}, "redirect_uri": {redirect},
		"scope": {strings.Join(f.client.Scopes, " ")}, "state": {"state-of-" + id + "-long-enough"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	base := f.books.BaseURL + "/cloudbeds"
	back, err := f.books.Consent(ctx, base+"/oauth/authorize?"+query.Encode(), id)
	if err != nil {
		return grant.Pair{}, err
	}
	target, err := url.Parse(back)
	if err != nil {
		return grant.Pair{}, fmt.Errorf("reading the redirect of %s: %w", id, err)
	}
	return f.exchange(ctx, base+"/api/v1.3/access_token", url.Values{
		"grant_type": {"authorization_code"}, "code": {target.Query().Get("code")}, "redirect_uri": {redirect},
		"code_verifier": {verifier}, "client_id": {f.client.ID}, "client_secret": {f.client.Secret},
	})
}

func (f *fleet) exchange(ctx context.Context, endpoint string, form url.Values) (grant.Pair, error) {
	issued := time.Now()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return grant.Pair{}, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := f.http.Do(request)
	if err != nil {
		return grant.Pair{}, err
	}
	defer response.Body.Close()
	var answer struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Seconds int64  `json:"expires_in"`
	}
	err = json.NewDecoder(io.LimitReader(response.Body, 64<<10)).Decode(&answer)
	if err != nil || response.StatusCode != http.StatusOK || answer.Refresh == "" {
		return grant.Pair{}, fmt.Errorf("the token endpoint answers a code with status %d", response.StatusCode)
	}
	return grant.Pair{
		Access: secret.New(answer.Access), Refresh: secret.New(answer.Refresh), Scopes: f.client.Scopes,
		Issued: issued, Expires: issued.Add(time.Duration(answer.Seconds) * time.Second),
	}, nil
}

// reconnect plays the owners of grants that need one, until ctx ends, and counts
// the clicks. A consent that a fault spoils is given again next time.
func (f *fleet) reconnect(ctx context.Context, j *journal, clicked func()) {
	for sleep(ctx, 2*time.Second) {
		for _, id := range j.dead() {
			if f.consent(ctx, id) == nil {
				clicked()
			}
		}
	}
}
