package secretsmanager

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"bellhop/shared/grant"
	"bellhop/shared/secret"
	"bellhop/shared/vault"
)

// Fetch reads the version that g.Ref names, waiting up to a second and a half
// for it to be seen.
func (h *Home) Fetch(ctx context.Context, g grant.Grant) (grant.Pair, error) {
	epoch, version, ok := parseRef(g.Ref)
	if !ok {
		return grant.Pair{}, fmt.Errorf("reference %q: %w", g.Ref, grant.ErrPairMissing)
	}
	if p, ok := h.kept.get(g); ok {
		return p, nil
	}
	value, err := h.read(ctx, secretOf(h.prefix, g.ID, epoch), version)
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
