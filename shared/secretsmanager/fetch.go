package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"bellhop/shared/grant"
	"bellhop/shared/secret"
	"bellhop/shared/vault"
)

// errUnseen says that Secrets Manager does not show a version: it is gone, or it
// was written so lately that no read sees it yet.
var errUnseen = errors.New("no such version is seen")

// lateFor is how long a version that was written and is not seen counts as late.
// AWS gives no bound, it says that reads are eventually consistent:
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
const lateFor = 10 * time.Minute

// Fetch reads the version that g.Ref names, waiting up to a second and a half
// for it to be seen. One that was put lately is not taken for missing: that
// would cost the owner a consent, or the former pair of a roll its place.
func (h *Home) Fetch(ctx context.Context, g grant.Grant) (grant.Pair, error) {
	epoch, version, ok := parseRef(g.Ref)
	if !ok {
		return grant.Pair{}, fmt.Errorf("reference %q: %w", g.Ref, grant.ErrPairMissing)
	}
	if p, ok := h.kept.get(g); ok {
		return p, nil
	}
	value, err := h.read(ctx, secretOf(h.prefix, g.ID, epoch), version)
	if errors.Is(err, errUnseen) && h.now().Sub(g.Placement.Put) >= lateFor {
		err = fmt.Errorf("%w: %w", err, grant.ErrPairMissing)
	}
	if err != nil {
		return grant.Pair{}, err
	}
	p, err := vault.Decode(value)
	if err == nil {
		h.kept.put(g.ID, g.Ref, p)
	}
	return p, err
}

// waits are the pauses between the tries of a read: Secrets Manager's reads are
// eventually consistent.
var waits = []time.Duration{50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond}

// readFor bounds a read with all its tries. It is shorter than what a lease
// leaves before its exchange must begin: a service that hangs costs one look at
// the grant, not the lease.
const readFor = 3 * time.Second

func (h *Home) read(ctx context.Context, name, version string) (secret.Text, error) {
	ctx, cancel := context.WithTimeout(ctx, readFor)
	defer cancel()
	for try := 0; ; try++ {
		value, err := read(ctx, h.api, &secretsmanager.GetSecretValueInput{SecretId: &name, VersionId: &version})
		switch {
		case err == nil:
			return value, nil
		case dying(err):
			return secret.Text{}, fmt.Errorf("version %s of %s: %w", version, name, grant.ErrPairMissing)
		case missing(err) && try == len(h.waits):
			return secret.Text{}, fmt.Errorf("version %s of %s: %w", version, name, errUnseen)
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
