package secretsmanager

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"bellhop/shared/secret"
)

// ErrMoved says that a secret has another value than the one that was read.
var ErrMoved = errors.New("secret has changed since it was read")

// The labels of versions. AWSCURRENT is the one that everybody reads; pending
// is ours, for a version that is not read yet.
const (
	labelCurrent = "AWSCURRENT"
	labelPending = "BELLHOP_PENDING"
)

// Keyring changes the key set, for the operator's command. Two who change it at
// once must not both succeed: a key that the later one did not know of would be
// lost, and with it everything that was sealed under it meanwhile.
type Keyring struct {
	API API
	ID  string // name or ARN of the key set's secret
}

// Read returns the key set's text and the version that it is.
func (k Keyring) Read(ctx context.Context) (text secret.Text, version string, err error) {
	text, version, err = current(ctx, k.API, k.ID)
	if missing(err) {
		err = ErrNoSecret
	}
	if err != nil {
		return text, "", fmt.Errorf("reading the key set: %w", err)
	}
	return text, version, nil
}

// Replace makes text the key set, if it is still the version that was read, and
// is ErrMoved if not. The new version is put beside the current one, and then
// the label is moved from the one that was read: Secrets Manager refuses that
// when it is on another, which makes it a compare-and-swap.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
func (k Keyring) Replace(ctx context.Context, was string, text secret.Text) error {
	put, err := k.API.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &k.ID, SecretString: aws.String(text.Reveal()), VersionStages: []string{labelPending},
	})
	if err != nil {
		return fmt.Errorf("putting the key set: %w", err)
	}
	_, err = k.API.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &k.ID, VersionStage: aws.String(labelCurrent), MoveToVersionId: put.VersionId, RemoveFromVersionId: &was,
	})
	if is[*types.InvalidParameterException](err) {
		return ErrMoved
	}
	if err != nil {
		return fmt.Errorf("making the key set current: %w", err)
	}
	return nil
}
