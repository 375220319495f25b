// Package vault puts token pairs away and takes them out again: sealed, on
// their way through a table, and at home, where a committed pair lives. The
// plain form of a pair exists in this package and in the memory of whoever asks
// for one, nowhere else.
package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/seal"
	"bellhop/shared/secret"
)

// ErrEmpty says that the grant has no pair yet.
var ErrEmpty = errors.New("grant has no token pair yet")

// purposes of the seals; see [seal.Subject].
const (
	forPair = "pair"
	forText = "text"
)

// Vault opens and seals pairs. It is safe for concurrent use.
type Vault struct {
	keys  *seal.Source
	homes map[string]grant.Home
}

// New returns a vault. homes are by the names that grants use; "sealed" is
// there without being named.
func New(keys *seal.Source, homes map[string]grant.Home) *Vault {
	all := map[string]grant.Home{grant.HomeSealed: Inline{}}
	for name, home := range homes {
		all[name] = home
	}
	return &Vault{keys: keys, homes: all}
}

// Ready sees that the key set is here. It is called before a credential is
// presented, because an answer that cannot be sealed cannot be kept.
func (v *Vault) Ready(ctx context.Context) error {
	_, err := v.keys.Keys(ctx)
	return err
}

// Seal seals a pair for the table. base is the generation that its exchange
// presented. It needs no network once the vault was Ready; before, it returns
// [seal.ErrNotReady].
func (v *Vault) Seal(id grant.ID, base int64, p grant.Pair) (grant.Sealed, error) {
	return v.seal(subject(id, base), Encode(p))
}

// SealRaw seals an answer that our parser refused; [Vault.Unseal] gives it back
// as a [*RawError].
func (v *Vault) SealRaw(id grant.ID, base int64, raw secret.Text) (grant.Sealed, error) {
	return v.seal(subject(id, base), encodeRaw(raw))
}

func (v *Vault) seal(s seal.Subject, plain secret.Text) (grant.Sealed, error) {
	set, err := v.keys.Held()
	if err != nil {
		return grant.Sealed{}, fmt.Errorf("sealing: %w", err)
	}
	key, data, err := set.Seal(s, plain)
	if err != nil {
		return grant.Sealed{}, fmt.Errorf("sealing: %w", err)
	}
	return grant.Sealed{Key: key, Generation: s.Generation, Data: data}, nil
}

// Unseal opens what Seal or SealRaw made for that grant. A raw answer comes
// back as a [*RawError]; other errors are [seal.ErrUnknownKey] and
// [seal.ErrBroken], or of fetching the keys.
func (v *Vault) Unseal(ctx context.Context, id grant.ID, s grant.Sealed) (grant.Pair, error) {
	plain, err := v.unseal(ctx, subject(id, s.Generation), s)
	if err != nil {
		return grant.Pair{}, err
	}
	return Decode(plain)
}

func (v *Vault) unseal(ctx context.Context, who seal.Subject, s grant.Sealed) (secret.Text, error) {
	set, err := v.keys.Having(ctx, s.Key)
	if err != nil {
		return secret.Text{}, fmt.Errorf("opening: %w", err)
	}
	plain, err := set.Open(who, s.Key, s.Data)
	if err != nil {
		return secret.Text{}, fmt.Errorf("opening: %w", err)
	}
	return plain, nil
}

// Open returns the committed pair of g: inline while it has not moved home,
// else from there. ErrEmpty before the first commit; [grant.ErrPairMissing]
// when its home does not have it.
func (v *Vault) Open(ctx context.Context, g grant.Grant) (grant.Pair, error) {
	if g.Inline != nil {
		p, err := v.Unseal(ctx, g.ID, *g.Inline)
		if err != nil {
			return p, fmt.Errorf("pair of grant %s: %w", g.ID, err)
		}
		return p, nil
	}
	if g.Ref == "" {
		return grant.Pair{}, fmt.Errorf("grant %s: %w", g.ID, ErrEmpty)
	}
	if _, err := v.home(g); err != nil {
		return grant.Pair{}, err
	}
	p, err := v.fetch(ctx, g)
	if err != nil {
		return p, fmt.Errorf("fetching the pair of grant %s: %w", g.ID, err)
	}
	return p, nil
}

// fetch asks the grant's home, and then the others: the home is where the next
// pair goes, and a grant that was moved has its present one where it was.
func (v *Vault) fetch(ctx context.Context, g grant.Grant) (grant.Pair, error) {
	p, err := v.homes[g.Home].Fetch(ctx, g)
	for name, home := range v.homes {
		if !errors.Is(err, grant.ErrPairMissing) {
			break
		}
		if name != g.Home {
			p, err = home.Fetch(ctx, g)
		}
	}
	return p, err
}

// Settle puts the pair of g's generation into its home and returns its place,
// for [grant.Store.Settle]. [grant.ErrInline] means that it is at home where it
// is; any other error that it stays inline for now, which loses nothing. Some
// of what earlier generations left behind is retired first; the others, and what
// could not be, stay named in the placement.
func (v *Vault) Settle(ctx context.Context, g grant.Grant, p grant.Pair) (ref string, at grant.Placement, err error) {
	home, err := v.home(g)
	if err != nil {
		return "", g.Placement, err
	}
	g.Placement.Retired = v.retireSome(ctx, g)
	ref, at, err = home.Settle(ctx, g, p)
	if errors.Is(err, grant.ErrInline) {
		return "", v.left(g), err
	}
	if err != nil {
		return "", g.Placement, fmt.Errorf("settling the pair of grant %s: %w", g.ID, err)
	}
	return ref, at, nil
}

// retiresAtOnce and retireFor bound what a settling does for former pairs before
// it comes to its own: where nothing can be deleted, names pile up.
const (
	retiresAtOnce = 5
	retireFor     = time.Second
)

// retireSome retires the first that g's placement names, and returns what is
// still to be. A failure, of which the home tells, puts them behind the others.
func (v *Vault) retireSome(ctx context.Context, g grant.Grant) []string {
	names := g.Placement.Retired
	if len(names) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, retireFor)
	defer cancel()
	n := min(len(names), retiresAtOnce)
	g.Placement.Retired = names[:n]
	if v.Retire(ctx, g) != nil {
		return slices.Concat(names[n:], names[:n])
	}
	return names[n:]
}

// leaver is a home that keeps something for a grant even after its pairs have
// moved elsewhere.
type leaver interface {
	Leave(g grant.Grant) grant.Placement
}

// left is the placement of a grant whose pairs stay inline: what another home
// still has of it is named for the next commit to retire.
func (v *Vault) left(g grant.Grant) grant.Placement {
	for _, home := range v.homes {
		if h, ok := home.(leaver); ok {
			g.Placement = h.Leave(g)
		}
	}
	return g.Placement
}

// Retire deletes what g's placement names as left behind, in whichever home it
// is. Settle does so by itself; this is for a grant that will not settle any
// more.
func (v *Vault) Retire(ctx context.Context, g grant.Grant) error {
	if _, err := v.home(g); err != nil {
		return err
	}
	var problems []error
	for _, home := range v.homes {
		problems = append(problems, home.Retire(ctx, g))
	}
	return errors.Join(problems...)
}

// Clear deletes everything that the homes have of a grant that is gone.
func (v *Vault) Clear(ctx context.Context, g grant.Grant) error {
	g.Ref, g.Placement = "", v.left(g)
	return v.Retire(ctx, g)
}

func (v *Vault) home(g grant.Grant) (grant.Home, error) {
	home, ok := v.homes[g.Home]
	if !ok {
		return nil, fmt.Errorf("grant %s: there is no home %q", g.ID, g.Home)
	}
	return home, nil
}

// SealBytes seals a secret that is no token pair, such as a connection's
// signing secret. The label says whose it is: it opens under no other. It
// fetches the key set when it must.
func (v *Vault) SealBytes(ctx context.Context, label string, plain []byte) (grant.Sealed, error) {
	if err := v.Ready(ctx); err != nil {
		return grant.Sealed{}, err
	}
	return v.seal(seal.Subject{Purpose: forText, Name: label}, secret.New(string(plain)))
}

// OpenBytes opens what SealBytes sealed under the same label.
func (v *Vault) OpenBytes(ctx context.Context, label string, s grant.Sealed) ([]byte, error) {
	plain, err := v.unseal(ctx, seal.Subject{Purpose: forText, Name: label, Generation: s.Generation}, s)
	if err != nil {
		return nil, err
	}
	return []byte(plain.Reveal()), nil
}

// Digest says in 16 hexadecimal digits whether two texts are the same, and
// nothing else about them; see [seal.KeySet.Digest]. The purpose keeps digests
// of different things apart. It fetches the key set when it must.
func (v *Vault) Digest(ctx context.Context, purpose string, text secret.Text) (string, error) {
	set, err := v.keys.Keys(ctx)
	if err != nil {
		return "", fmt.Errorf("making a digest: %w", err)
	}
	return set.Digest(purpose, text)
}

func subject(id grant.ID, base int64) seal.Subject {
	return seal.Subject{Purpose: forPair, Name: string(id), Generation: base}
}
