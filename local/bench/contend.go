package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"bellhop/local/owner"
	"bellhop/local/sandbox"
	"bellhop/shared/grant"
	"bellhop/shared/profile"
)

// How many contend, and for how long. A token of 20 s is refreshed after 13.
const (
	processes     = 8
	workers       = 125
	contendFor    = 120 * time.Second
	contendedLife = 20 * time.Second
)

// contention is what the books say about one grant that many contended for.
type contention struct {
	with          string
	presentations int // of its refresh tokens
	pairs         int // that were issued for them
	most          int // presentations of the same token
	revoked       bool
	tries         int // of the workers, as they tell
	failures      int
}

// perGeneration is how many exchanges a new pair took.
func (c contention) perGeneration() float64 {
	if c.pairs == 0 {
		return 0
	}
	return float64(c.presentations) / float64(c.pairs)
}

// task is what contender/main.go reads.
type task struct {
	With    string
	Workers int
	Until   time.Time

	Grant, GrantsTable, KeysSecret, SecretsPrefix string

	TokenURL, ClientID, ClientSecret string
	Access, Refresh                  string
	Expires                          time.Time
}

// contentions lets the same crowd contend with ours and with x/oauth2, each for
// a grant of its own, at a provider that takes a used token for stolen.
func (f *fleet) contentions(ctx context.Context, root string, progress func(string)) ([]contention, error) {
	progress(fmt.Sprintf("letting %d processes of %d workers contend for one grant, for %v", processes, workers, contendFor))
	if err := f.switches(ctx, contendedLife, 0); err != nil {
		return nil, err
	}
	if err := f.Register(ctx, "contended", profile.Rotation{Policy: "detect"}); err != nil {
		return nil, err
	}
	all := []contention{{with: "bellhop"}, {with: "x/oauth2"}}
	group, within := errgroup.WithContext(ctx)
	for i := range all {
		group.Go(func() (err error) {
			all[i], err = f.contend(within, root, all[i].with)
			return err
		})
	}
	return all, group.Wait()
}

// contend runs the processes and reads the books.
func (f *fleet) contend(ctx context.Context, root, with string) (contention, error) {
	t := task{With: with, Workers: workers, Until: time.Now().Add(contendFor)}
	property, err := f.contended(ctx, &t)
	if err != nil {
		return contention{}, fmt.Errorf("contending with %s: %w", with, err)
	}
	tallies := make([]contention, processes)
	group, within := errgroup.WithContext(ctx)
	for i := range tallies {
		group.Go(func() (err error) {
			tallies[i], err = f.contender(within, root, t)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return contention{}, err
	}
	tokens, err := f.Books.Tokens(ctx)
	if err != nil {
		return contention{}, err
	}
	c := account(tokens, property)
	c.with = with
	for _, one := range tallies {
		c.tries += one.tries
		c.failures += one.failures
	}
	if with == "bellhop" {
		err = f.leave(ctx, grant.ID(property))
	}
	return c, err
}

// contended makes the grant and completes the task. For x/oauth2 it is a pair
// in each process's hand, and nothing in our tables.
func (f *fleet) contended(ctx context.Context, t *task) (property string, err error) {
	if t.With == "bellhop" {
		j := joining{id: "contended-bellhop", client: "contended", home: grant.HomeSecrets}
		t.Grant, t.GrantsTable = string(j.id), f.stack.Outputs.GrantsTable
		t.KeysSecret, t.SecretsPrefix = f.stack.Outputs.KeysSecret, f.stack.Outputs.SecretsPrefix
		return string(j.id), f.join(ctx, j)
	}
	j := joining{id: "contended-oauth2", client: "contended"}
	pair, err := f.consents(ctx, j)
	t.TokenURL, t.ClientID, t.ClientSecret = f.Endpoints().Token, owner.ClientID(j.client), owner.SecretOf(j.client)
	t.Access, t.Refresh, t.Expires = pair.Access.Reveal(), pair.Refresh.Reveal(), pair.Expires
	return string(j.id), err
}

// contender runs one process until its time is over.
func (f *fleet) contender(ctx context.Context, root string, t task) (contention, error) {
	given, err := json.Marshal(t)
	if err != nil {
		return contention{}, fmt.Errorf("writing the task: %w", err)
	}
	environment, err := f.environment(ctx)
	if err != nil {
		return contention{}, err
	}
	command := exec.CommandContext(ctx, filepath.Join(root, ".local", "bin", "contender"))
	command.Env = environment
	command.Stdin = bytes.NewReader(given)
	out, err := command.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return contention{}, fmt.Errorf("a contender failed: %w\n%s", err, failed.Stderr)
	}
	if err != nil {
		return contention{}, fmt.Errorf("running a contender: %w", err)
	}
	var said struct{ Tries, Exchanges, Failures int }
	if err := json.Unmarshal(out, &said); err != nil {
		return contention{}, fmt.Errorf("reading what a contender tells: %w", err)
	}
	return contention{tries: said.Tries, failures: said.Failures}, nil
}

// environment leads a contender to AWS past the proxy: its books are the
// provider's, and a thousand workers at once are enough for MiniStack as it is.
func (f *fleet) environment(ctx context.Context) ([]string, error) {
	config := f.stack.AWS()
	keys, err := config.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking up the stack's keys: %w", err)
	}
	return []string{
		"AWS_ENDPOINT_URL=" + *config.BaseEndpoint, "AWS_REGION=" + config.Region,
		"AWS_ACCESS_KEY_ID=" + keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + keys.SecretAccessKey,
	}, nil
}

// account reads from the books what became of a property's refresh tokens.
func account(tokens []sandbox.Token, property string) contention {
	var c contention
	for _, t := range tokens {
		if t.Property != property || t.Kind != sandbox.RefreshToken {
			continue
		}
		c.presentations += t.Presented
		c.most = max(c.most, t.Presented)
		c.revoked = c.revoked || t.RevokedAt != 0
		if t.Generation > 1 {
			c.pairs++
		}
	}
	return c
}
