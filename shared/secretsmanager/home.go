package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/secret"
	"bellhop/shared/vault"
)

// ErrForeign says that the secret has a version of this grant and generation
// with another pair in it. It comes of a table that was restored to an older
// time, or of two tables on one secret. The pair stays inline until the
// generations have passed those of the other history.
var ErrForeign = errors.New("the version of this generation holds another pair")

// HomeConfig sets up a [Home].
type HomeConfig struct {
	API    API
	Prefix string // of the stack's secrets: "<stack>/"
	// Versions is the most versions that one secret gets; zero means
	// DefaultVersions. It must stay below AWS's quota of about 100.
	Versions int
	Log      *event.Log       // nil writes nothing
	Now      func() time.Time // nil means time.Now
}

// Home keeps each grant's pairs as versions of one secret, in epochs. It
// is [grant.HomeSecrets], implements [grant.Home] and is safe for concurrent use. It has no state: what
// it must remember is the grant's [grant.Placement].
type Home struct {
	api    API
	prefix string
	most   int
	log    *event.Log
	now    func() time.Time
	waits  []time.Duration // pauses of a read that finds nothing
}

// NewHome refuses a configuration that would fill secrets.
func NewHome(c HomeConfig) (*Home, error) {
	if c.Versions == 0 {
		c.Versions = DefaultVersions
	}
	if c.Versions < 2 || c.Versions >= quota {
		return nil, fmt.Errorf("versions of a secret: %d is not within 2 and %d, below the quota of %d", c.Versions, quota-1, quota)
	}
	if !strings.HasSuffix(c.Prefix, "/") {
		return nil, fmt.Errorf("prefix of the stack's secrets: %q does not end in a slash", c.Prefix)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Home{api: c.API, prefix: c.Prefix, most: c.Versions, log: c.Log, now: c.Now, waits: waits}, nil
}

// Settle writes the pair as the version of g's generation, in the present
// epoch's secret or, when that is nearly or wholly full, in the next one's. If
// we die after the write and before the table knows, the next holder writes the
// same version again, which changes nothing.
func (h *Home) Settle(ctx context.Context, g grant.Grant, p grant.Pair) (string, grant.Placement, error) {
	at, why := g.Placement, ""
	switch {
	case at.Epoch == 0:
		at, why = turned(at, ""), "first"
	case due(at, threshold(g.ID, h.most), h.now()):
		at, why = h.turn(g, at), "threshold"
	}
	for range 3 { // one turn is usual, two are a crash after a turn; more would be a fault of ours
		version, err := h.put(ctx, g, at, vault.Encode(p))
		switch {
		case err == nil:
			h.tell(ctx, g, at, why)
			return refTo(at.Epoch, version), counted(at, h.now()), nil
		case full(err):
			at, why = h.turn(g, at), "limit"
		case dying(err):
			at, why = h.turn(g, at), "deleted"
		default:
			return "", g.Placement, err
		}
	}
	return "", g.Placement, errors.New("putting a version: this secret and the next ones are full")
}

func (h *Home) turn(g grant.Grant, at grant.Placement) grant.Placement {
	return turned(at, secretOf(h.prefix, g.ID, at.Epoch))
}

// tell writes what a version costs: one of 50 a second for the whole account
// and region.
func (h *Home) tell(ctx context.Context, g grant.Grant, at grant.Placement, why string) {
	h.log.Count(event.SecretsManagerWrites, 1, g.Provider)
	if why != "" && why != "first" {
		h.log.Info(ctx, event.EpochTurned, slog.String("grant", string(g.ID)), slog.Int64("epoch", at.Epoch), slog.String("why", why))
	}
}

// put writes one version, making its secret when it is not there, and returns
// the version's id.
func (h *Home) put(ctx context.Context, g grant.Grant, at grant.Placement, value secret.Text) (version string, err error) {
	name, token := secretOf(h.prefix, g.ID, at.Epoch), versionOf(g.ID, g.Generation)
	if at.Writes == 0 {
		version, err = h.create(ctx, name, token, value)
		if version == token || err != nil && !taken(err) {
			return version, err
		}
		// It was made before, by a holder who died, and takes versions like any
		// other; or we are at a stand-in that names first versions itself.
	}
	out, err := h.api.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &name, ClientRequestToken: &token, SecretString: aws.String(value.Reveal()),
	})
	switch {
	case err == nil:
		return aws.ToString(out.VersionId), nil
	case missing(err) && at.Writes > 0: // deleted by hand
		return h.create(ctx, name, token, value)
	case taken(err):
		return token, h.same(ctx, name, token, value)
	}
	return "", fmt.Errorf("putting a version: %w", err)
}

func (h *Home) create(ctx context.Context, name, token string, value secret.Text) (version string, err error) {
	out, err := h.api.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name: &name, ClientRequestToken: &token, SecretString: aws.String(value.Reveal()),
		Description: aws.String("A token pair. Written and deleted by Bellhop alone."),
	})
	if err != nil {
		return "", fmt.Errorf("creating a secret: %w", err)
	}
	return aws.ToString(out.VersionId), nil
}

// same decides what "there already" means: our own first success, or another
// history's pair.
func (h *Home) same(ctx context.Context, name, version string, value secret.Text) error {
	there, err := h.read(ctx, name, version)
	if err != nil {
		return err
	}
	if !there.Equal(value) {
		return ErrForeign
	}
	return nil
}

// Fetch reads the version that g.Ref names, waiting up to a second and a half
// for it to be seen.
func (h *Home) Fetch(ctx context.Context, g grant.Grant) (grant.Pair, error) {
	epoch, version, ok := parseRef(g.Ref)
	if !ok {
		return grant.Pair{}, fmt.Errorf("reference %q: %w", g.Ref, grant.ErrPairMissing)
	}
	value, err := h.read(ctx, secretOf(h.prefix, g.ID, epoch), version)
	if err != nil {
		return grant.Pair{}, err
	}
	return vault.Decode(value)
}

// waits are the pauses between the tries of a read: Secrets Manager's reads are
// eventually consistent.
var waits = []time.Duration{50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond}

func (h *Home) read(ctx context.Context, name, version string) (secret.Text, error) {
	for try := 0; ; try++ {
		value, err := read(ctx, h.api, &secretsmanager.GetSecretValueInput{SecretId: &name, VersionId: &version})
		switch {
		case err == nil:
			return value, nil
		case dying(err), missing(err) && try == len(h.waits):
			return secret.Text{}, fmt.Errorf("version %s of %s: %w", version, name, grant.ErrPairMissing)
		case !missing(err):
			return secret.Text{}, fmt.Errorf("reading a version: %w", err)
		}
		select {
		case <-ctx.Done():
			return secret.Text{}, fmt.Errorf("reading a version: %w", ctx.Err())
		case <-time.After(h.waits[try]):
		}
	}
}

// Retire deletes former epochs' secrets at once, without a recovery window:
// superseded tokens are worth nothing to anybody but a thief. All names are
// tried; deleting what is not there is a success.
func (h *Home) Retire(ctx context.Context, g grant.Grant) error {
	var problems []error
	for _, name := range g.Placement.Retired {
		if !h.mayDelete(g, name) {
			problems = append(problems, fmt.Errorf("retiring %s: it is not a former secret of grant %s", name, g.ID))
			continue
		}
		_, err := h.api.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &name, ForceDeleteWithoutRecovery: aws.Bool(true)})
		if err != nil && !missing(err) {
			problems = append(problems, fmt.Errorf("retiring %s: %w", name, err))
		}
	}
	return errors.Join(problems...)
}

// mayDelete keeps a damaged item from costing a living pair: only this grant's
// secrets, and neither the present epoch's nor the one that its pair is in.
func (h *Home) mayDelete(g grant.Grant, name string) bool {
	epoch, _, settled := parseRef(g.Ref)
	return strings.HasPrefix(name, folderOf(h.prefix, g.ID)) &&
		name != secretOf(h.prefix, g.ID, g.Placement.Epoch) &&
		(!settled || name != secretOf(h.prefix, g.ID, epoch))
}
