package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/seal"
	"bellhop/shared/secret"
	"bellhop/shared/secretsmanager"
	"bellhop/shared/vault"
)

// keyring is where the key set lives. Replace is ErrMoved when somebody else has
// changed it since it was read.
type keyring interface {
	Read(ctx context.Context) (text secret.Text, version string, err error)
	Replace(ctx context.Context, was string, text secret.Text) error
}

// keySet reads the key set with the version that a change must name.
func (d *desk) keySet(ctx context.Context) (set *seal.KeySet, version string, err error) {
	text, version, err := d.keys.Read(ctx)
	if err == nil {
		set, err = seal.Parse(text)
	}
	return set, version, err
}

// replaceKeys writes the key set back.
func (d *desk) replaceKeys(ctx context.Context, was string, set *seal.KeySet) error {
	err := d.keys.Replace(ctx, was, set.Text())
	if errors.Is(err, secretsmanager.ErrMoved) {
		return fmt.Errorf("somebody else has changed the key set this moment: look at keys list, then try again (%w)", err)
	}
	return err
}

// keyNames are the ids that rotate gives: a number, and the minute it was made
// in, which no other place says. The template's first key is k1.
var keyNames = regexp.MustCompile(`^k(\d+)(?:-(\d{8}-\d{4}))?$`)

const keyTime = "20060102-1504" // UTC

// nextKey is the id of a key made now.
func nextKey(set *seal.KeySet, now time.Time) string {
	highest := 0
	for _, id := range set.Keys() {
		if m := keyNames.FindStringSubmatch(id); m != nil {
			n, _ := strconv.Atoi(m[1])
			highest = max(highest, n)
		}
	}
	return fmt.Sprintf("k%d-%s", highest+1, now.UTC().Format(keyTime))
}

// madeAt is when a key was made, zero when its id does not say.
func madeAt(id string) time.Time {
	m := keyNames.FindStringSubmatch(id)
	if m == nil || m[2] == "" {
		return time.Time{}
	}
	t, err := time.Parse(keyTime, m[2])
	if err != nil {
		return time.Time{}
	}
	return t
}

// rotateKeys is `keys rotate`.
type rotateKeys struct{}

// Run adds a key and makes it current in one compare-and-swap, then reseals what
// no refresh would: the secrets that lie beside connections. Pairs are resealed
// by their next refresh. Run again after an interruption it makes one more key,
// which harms nobody.
func (rotateKeys) Run(ctx context.Context, d *desk) error {
	set, version, err := d.keySet(ctx)
	if err != nil {
		return err
	}
	id := nextKey(set, d.now())
	next, err := set.With(id, seal.NewKey())
	if err == nil {
		next, err = next.Using(id)
	}
	if err != nil {
		return refuse("%v", err) // a key of this minute is there: somebody rotated it just now
	}
	if err := d.replaceKeys(ctx, version, next); err != nil {
		return err
	}
	n, err := d.resealAll(ctx, next)
	if err != nil {
		return fmt.Errorf("key %s seals from now on; run keys rotate once more, because not all signing secrets were resealed: %w", id, err)
	}
	return d.print(table{
		rows: [][]string{{"current key", id}, {"former key", set.Current()}, {"connections resealed", strconv.Itoa(n)},
			{"next", "once every pair was refreshed, bellhop keys retire " + set.Current()}},
		data: map[string]any{"current": id, "former": set.Current(), "resealed": n},
	})
}

// known is a key set that is here: what Secrets Manager shows of a change may
// be late, and a seal under the former key would be none.
type known struct{ *seal.KeySet }

// Keys returns its text.
func (k known) Keys(context.Context) (secret.Text, error) { return k.Text(), nil }

// resealAll seals every connection's secrets under the current key, and returns
// how many connections it changed.
func (d *desk) resealAll(ctx context.Context, set *seal.KeySet) (n int, err error) {
	r := resealer{desk: d, current: set.Current(), sealer: vault.New(seal.NewSource(known{set}, d.now), nil)}
	var failed error
	err = d.inventory.All(ctx, func(c connection.Connection) bool {
		changed, err := r.reseal(ctx, c)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("connection %s: %w", c.ID, err))
		}
		if changed {
			n++
		}
		return ctx.Err() == nil
	})
	return n, errors.Join(err, failed)
}

// resealer seals under one key what lies beside connections.
type resealer struct {
	*desk
	sealer  *vault.Vault
	current string // its key's id
}

func (r resealer) reseal(ctx context.Context, was connection.Connection) (bool, error) {
	is := was
	var err error
	if is.Signing, err = r.resealed(ctx, connection.SigningLabel(was.ID), was.Signing); err != nil {
		return false, err
	}
	if is.WebhookSecret, err = r.resealed(ctx, connection.WebhookLabel(was.ID), was.WebhookSecret); err != nil {
		return false, err
	}
	if is.SameSeals(was) {
		return false, nil
	}
	return true, r.inventory.Reseal(ctx, was, is)
}

// resealed opens and seals again what is not under the current key.
func (r resealer) resealed(ctx context.Context, label string, sealed []grant.Sealed) ([]grant.Sealed, error) {
	var all []grant.Sealed
	for _, s := range sealed {
		if s.Key != r.current {
			plain, err := r.sealer.OpenBytes(ctx, label, s)
			if err != nil {
				return nil, err
			}
			if s, err = r.sealer.SealBytes(ctx, label, plain); err != nil {
				return nil, err
			}
		}
		all = append(all, s)
	}
	return all, nil
}
