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
	"github.com/aws/smithy-go"

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
	// Keep is for how many grants the process remembers the last pair; zero
	// means none. A refresher keeps them, so that it goes on while Secrets
	// Manager answers no read; nobody else needs a refresh token twice.
	Keep int
	Log  *event.Log       // nil writes nothing
	Now  func() time.Time // nil means time.Now
}

// Home keeps each grant's pairs as versions of one secret, in epochs. It
// is [grant.HomeSecrets], implements [grant.Home] and is safe for concurrent
// use. What it must remember is the grant's [grant.Placement]; what it keeps in
// memory only spares calls.
type Home struct {
	api    API
	prefix string
	most   int
	log    *event.Log
	now    func() time.Time
	waits  []time.Duration // pauses of a read that finds nothing
	rest   rest
	kept   keep
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
	if c.Keep < 0 {
		return nil, fmt.Errorf("pairs to remember: %d is negative", c.Keep)
	}
	return &Home{api: c.API, prefix: c.Prefix, most: c.Versions, log: c.Log, now: c.Now, waits: waits, kept: keep{most: c.Keep}}, nil
}

// Settle writes the pair as the version of g's generation, in the present
// epoch's secret or, when that is nearly or wholly full, in the next one's. If
// we die after the write and before the table knows, the next holder writes the
// same version again, which changes nothing. ErrResting when Secrets Manager
// refused a moment ago: the pair is safe where it is.
func (h *Home) Settle(ctx context.Context, g grant.Grant, p grant.Pair) (string, grant.Placement, error) {
	if !h.rest.over(h.now()) {
		return "", g.Placement, ErrResting
	}
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
			h.rest.note(true, h.now())
			h.tell(ctx, g, at, why)
			h.kept.put(g.ID, refTo(at.Epoch, version), p)
			return refTo(at.Epoch, version), counted(at, h.now()), nil
		case full(err):
			at, why = h.turn(g, at), "limit"
		case dying(err):
			at, why = h.turn(g, at), "deleted"
		default:
			h.rest.note(errors.Is(err, ErrForeign), h.now()) // then it answered well
			return "", g.Placement, err
		}
	}
	h.rest.note(false, h.now()) // not this grant's quota: the account's
	return "", g.Placement, errors.New("putting a version: this secret and the next ones are full")
}

// turn goes to the next epoch. The one before the former is named once more: a
// copy of an old write that came late, after its secret was deleted, may have
// made it anew, and nobody else would look there again.
func (h *Home) turn(g grant.Grant, at grant.Placement) grant.Placement {
	former := secretOf(h.prefix, g.ID, at.Epoch)
	if at.Epoch < 2 {
		return turned(at, former)
	}
	return turned(at, secretOf(h.prefix, g.ID, at.Epoch-1), former)
}

// Leave is the placement of a grant whose pairs have moved to another home, or
// that is removed: two turns, past the epoch that a holder who died may have
// begun, so that every secret is deleted like a former one and a grant that
// comes back begins one of its own. What was left before is returned as it is.
func (h *Home) Leave(g grant.Grant) grant.Placement {
	if g.Placement.Writes == 0 {
		return g.Placement
	}
	return h.turn(g, h.turn(g, g.Placement))
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

// Retire deletes former epochs' secrets at once, without a recovery window:
// superseded tokens are worth nothing to anybody but a thief. All names are
// tried; deleting what is not there is a success. A failure is told here,
// because settling goes on without it.
func (h *Home) Retire(ctx context.Context, g grant.Grant) error {
	var problems []error
	for _, name := range g.Placement.Retired {
		if !h.mayDelete(g, name) {
			problems = append(problems, fmt.Errorf("retiring %s: %w %s", name, errNotFormer, g.ID))
			continue
		}
		_, err := h.api.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &name, ForceDeleteWithoutRecovery: aws.Bool(true)})
		if err != nil && !missing(err) {
			problems = append(problems, fmt.Errorf("retiring %s: %w", name, err))
		}
	}
	h.tellLeft(ctx, g, problems)
	return errors.Join(problems...)
}

// errNotFormer says that the item is damaged: it names another secret.
var errNotFormer = errors.New("it is not a former secret of grant")

// tellLeft writes that former secrets are still there: they are paid for, and
// hold tokens.
func (h *Home) tellLeft(ctx context.Context, g grant.Grant, problems []error) {
	if len(problems) == 0 {
		return
	}
	h.log.Warn(ctx, event.RetireDeferred, slog.String("grant", string(g.ID)), slog.String("provider", g.Provider),
		slog.Int("secrets", len(problems)), slog.String("why", whyLeft(problems[0])))
	h.log.Count(event.SecretsNotRetired, float64(len(problems)), g.Provider)
}

// whyLeft says in one word why a secret was not deleted.
func whyLeft(err error) string {
	var api smithy.APIError
	switch {
	case errors.Is(err, errNotFormer):
		return "not_former"
	case !errors.As(err, &api):
		return "no_answer"
	case strings.HasPrefix(api.ErrorCode(), "AccessDenied"):
		return "denied"
	}
	return "refused"
}

// mayDelete keeps a damaged item from costing a living pair: only this grant's
// secrets, and neither the present epoch's nor the one that its pair is in.
func (h *Home) mayDelete(g grant.Grant, name string) bool {
	epoch, _, settled := parseRef(g.Ref)
	return strings.HasPrefix(name, folderOf(h.prefix, g.ID)) &&
		name != secretOf(h.prefix, g.ID, g.Placement.Epoch) &&
		(!settled || name != secretOf(h.prefix, g.ID, epoch))
}
