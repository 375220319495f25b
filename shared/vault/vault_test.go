package vault

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/seal"
	"bellhop/shared/secret"
	"bellhop/shared/secrettest"
)

// shelf holds the key set's text; broken, it cannot be reached.
type shelf struct {
	text   string
	broken bool
}

func (s *shelf) Keys(context.Context) (secret.Text, error) {
	if s.broken {
		return secret.Text{}, errors.New("unreachable")
	}
	return secret.New(s.text), nil
}

const key1 = "0123456789abcdefghijABCDEFGHIJ0123456789abcdefghijABCDEFGHIJ0001"

func newShelf() *shelf {
	return &shelf{text: `{"v":1,"stack":"stack/1","current":"k1","k1":"` + key1 + `"}`}
}

// home remembers what it was asked.
type home struct {
	pair      grant.Pair
	settled   []grant.Grant
	retired   [][]string
	settleErr error
	retireErr error
	fetchErr  error
}

func (h *home) Settle(_ context.Context, g grant.Grant, _ grant.Pair) (string, grant.Placement, error) {
	h.settled = append(h.settled, g)
	g.Placement.Writes++
	return "ref-1", g.Placement, h.settleErr
}

func (h *home) Leave(g grant.Grant) grant.Placement {
	if g.Placement.Writes > 0 {
		g.Placement = grant.Placement{Epoch: g.Placement.Epoch + 1, Retired: []string{"all of it"}}
	}
	return g.Placement
}

func (h *home) Fetch(context.Context, grant.Grant) (grant.Pair, error) { return h.pair, h.fetchErr }

func (h *home) Retire(_ context.Context, g grant.Grant) error {
	h.retired = append(h.retired, g.Placement.Retired)
	return h.retireErr
}

func newVault(t *testing.T) (*Vault, *home) {
	t.Helper()
	h := &home{}
	v := New(seal.NewSource(newShelf(), nil), map[string]grant.Home{grant.HomeSecrets: h})
	if err := v.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return v, h
}

// pair is one as it comes of an exchange.
func pair() grant.Pair {
	issued := time.UnixMilli(1795248000123).UTC()
	return grant.Pair{
		Access: secret.New(secrettest.Mint("at-canary")), Refresh: secret.New(secrettest.Mint("rt-canary")), Scopes: []string{"rates:read", "rates:write"},
		Issued: issued, Expires: issued.Add(time.Minute), Documented: true,
	}
}

// same compares two pairs, tokens included.
func same(a, b grant.Pair) bool {
	return a.Access.Equal(b.Access) && a.Refresh.Equal(b.Refresh) && reflect.DeepEqual(a.Scopes, b.Scopes) &&
		a.Issued.Equal(b.Issued) && a.Expires.Equal(b.Expires) && a.Documented == b.Documented
}

func TestVault_SealAndUnseal(t *testing.T) {
	v, _ := newVault(t)
	noRefresh := pair()
	noRefresh.Refresh, noRefresh.Scopes = secret.Text{}, nil
	none := pair()
	none.Scopes = []string{} // nothing granted: not the same as unchanged
	for name, p := range map[string]grant.Pair{
		"whole": pair(), "no refresh token": noRefresh, "no scopes": none, "no times": {Access: secret.New(secrettest.Mint("a"))},
	} {
		s, err := v.Seal("lisbon-1", 6, p)
		if err != nil || s.Key != "k1" || s.Generation != 6 {
			t.Fatalf("%s: sealed as %+v, %v", name, s, err)
		}
		back, err := v.Unseal(t.Context(), "lisbon-1", s)
		if err != nil || !same(p, back) {
			t.Errorf("%s: came back as %+v, %v", name, back, err)
		}
		if (p.Scopes == nil) != (back.Scopes == nil) {
			t.Errorf("%s: unchanged and none are the same", name)
		}
		if strings.Contains(fmt.Sprintf("%s%+v%x", s.Data, s, s), "canary") {
			t.Errorf("%s: the tokens show", name)
		}
	}
}

func TestVault_ASealIsForOneGrantAndGeneration(t *testing.T) {
	v, _ := newVault(t)
	s, err := v.Seal("lisbon-1", 6, pair())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Unseal(t.Context(), "lisbon-2", s); !errors.Is(err, seal.ErrBroken) {
		t.Errorf("another grant: %v", err)
	}
	s.Generation = 7
	if _, err := v.Unseal(t.Context(), "lisbon-1", s); !errors.Is(err, seal.ErrBroken) {
		t.Errorf("another generation: %v", err)
	}
	s.Generation, s.Key = 6, "k9"
	if _, err := v.Unseal(t.Context(), "lisbon-1", s); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("another key: %v", err)
	}
}

// An answer that could not be read comes back byte for byte, and as nothing
// that could be taken for a pair.
func TestVault_RawAnswer(t *testing.T) {
	v, _ := newVault(t)
	for _, body := range []string{`{"access_token":`, "<html>canary</html>", "\x00\xff\xfe not UTF-8", strings.Repeat("x", 64<<10)} {
		s, err := v.SealRaw("lisbon-1", 6, secret.New(body))
		if err != nil {
			t.Fatal(err)
		}
		p, err := v.Unseal(t.Context(), "lisbon-1", s)
		var raw *RawError
		if !errors.As(err, &raw) || raw.Raw.Reveal() != body || !p.Access.Empty() {
			t.Errorf("came back as %+v, %v", p, err)
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "canary") {
			t.Errorf("the error prints the answer: %v", err)
		}
	}
}

// Between an answer and the table nothing is asked of anybody.
func TestVault_SealsWhileTheKeysCannotBeReached(t *testing.T) {
	s := newShelf()
	clock := time.Now()
	v := New(seal.NewSource(s, func() time.Time { return clock }), nil)
	if err := v.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.broken = true
	clock = clock.Add(24 * time.Hour)
	if _, err := v.Seal("lisbon-1", 6, pair()); err != nil {
		t.Errorf("sealing: %v", err)
	}
	if err := v.Ready(t.Context()); err != nil {
		t.Errorf("an old key set is good enough: %v", err)
	}
}

func TestVault_NotReady(t *testing.T) {
	s := newShelf()
	s.broken = true
	v := New(seal.NewSource(s, nil), nil)
	if v.Ready(t.Context()) == nil {
		t.Error("ready without keys")
	}
	if _, err := v.Seal("lisbon-1", 6, pair()); !errors.Is(err, seal.ErrNotReady) {
		t.Errorf("sealing: %v", err)
	}
	if _, err := v.SealBytes(t.Context(), "signing/lisbon-1", []byte("x")); err == nil {
		t.Error("sealed bytes without keys")
	}
}

func TestVault_OpensInlineBeforeHome(t *testing.T) {
	v, h := newVault(t)
	h.pair = grant.Pair{Access: secret.New(secrettest.Mint("from-home"))}
	s, err := v.Seal("lisbon-1", 6, pair())
	if err != nil {
		t.Fatal(err)
	}
	g := grant.Grant{ID: "lisbon-1", Home: grant.HomeSecrets, Generation: 7, Inline: &s, Ref: "old"}
	if p, err := v.Open(t.Context(), g); err != nil || !same(p, pair()) {
		t.Errorf("inline: %+v, %v", p, err)
	}
	g.Inline = nil
	if p, err := v.Open(t.Context(), g); err != nil || p.Access.Reveal() != secrettest.Mint("from-home") {
		t.Errorf("at home: %+v, %v", p, err)
	}
	h.fetchErr = grant.ErrPairMissing
	if _, err := v.Open(t.Context(), g); !errors.Is(err, grant.ErrPairMissing) {
		t.Errorf("not at home: %v", err)
	}
	g.Ref = ""
	if _, err := v.Open(t.Context(), g); !errors.Is(err, ErrEmpty) {
		t.Errorf("before the first commit: %v", err)
	}
}

func TestVault_UnknownHome(t *testing.T) {
	v, _ := newVault(t)
	g := grant.Grant{ID: "lisbon-1", Home: "attic", Ref: "r"}
	if _, err := v.Open(t.Context(), g); err == nil {
		t.Error("opened")
	}
	if _, _, err := v.Settle(t.Context(), g, pair()); err == nil {
		t.Error("settled")
	}
	if err := v.Retire(t.Context(), g); err == nil {
		t.Error("retired")
	}
}

func TestVault_Settle(t *testing.T) {
	v, h := newVault(t)
	g := grant.Grant{ID: "lisbon-1", Home: grant.HomeSecrets, Generation: 7, Placement: grant.Placement{Epoch: 2, Writes: 3}}
	ref, at, err := v.Settle(t.Context(), g, pair())
	if err != nil || ref != "ref-1" || at.Writes != 4 || len(h.retired) != 0 {
		t.Errorf("settled at %s, %+v, %v; retired %v", ref, at, err, h.retired)
	}
}

// The commit after a turn deletes what the turn left behind; what could not be
// deleted stays named, so that it is not forgotten.
func TestVault_SettleRetiresWhatIsLeft(t *testing.T) {
	v, h := newVault(t)
	g := grant.Grant{ID: "lisbon-1", Home: grant.HomeSecrets, Placement: grant.Placement{Epoch: 2, Retired: []string{"old"}}}
	if _, at, err := v.Settle(t.Context(), g, pair()); err != nil || len(at.Retired) != 0 || len(h.retired) != 1 {
		t.Errorf("placement %+v, %v; retired %v", at, err, h.retired)
	}
	h.retireErr = errors.New("denied")
	if _, at, err := v.Settle(t.Context(), g, pair()); err != nil || !reflect.DeepEqual(at.Retired, []string{"old"}) {
		t.Errorf("placement %+v, %v: what stays must stay named", at, err)
	}
	h.settleErr = errors.New("full")
	if ref, _, err := v.Settle(t.Context(), g, pair()); ref != "" || !errors.Is(err, h.settleErr) {
		t.Errorf("settled at %q, %v", ref, err)
	}
}

// Where nothing can be deleted, names pile up: each settling tries a few, those
// that were tried longest ago first, and forgets none.
func TestVault_SettleRetiresFewAtOnce(t *testing.T) {
	v, h := newVault(t)
	h.retireErr = errors.New("denied")
	g := grant.Grant{ID: "lisbon-1", Home: grant.HomeSecrets, Placement: grant.Placement{Epoch: 9, Retired: strings.Fields("1 2 3 4 5 6 7")}}
	for i, want := range []struct{ tried, left string }{
		{"1 2 3 4 5", "6 7 1 2 3 4 5"}, {"6 7 1 2 3", "4 5 6 7 1 2 3"}, {"4 5 6 7 1", "2 3"}, {"2 3", ""},
	} {
		if i == 2 {
			h.retireErr = nil
		}
		_, at, err := v.Settle(t.Context(), g, pair())
		if tried := strings.Join(h.retired[i], " "); err != nil || tried != want.tried || strings.Join(at.Retired, " ") != want.left {
			t.Errorf("settling %d: tried %s, left %v, %v", i, tried, at.Retired, err)
		}
		g.Placement = at
	}
}

// A grant that was moved has its present pair where it was, until its next one.
func TestVault_OpensAtTheFormerHome(t *testing.T) {
	v, h := newVault(t)
	h.pair = grant.Pair{Access: secret.New(secrettest.Mint("from-the-former-home"))}
	g := grant.Grant{ID: "lisbon-1", Home: grant.HomeSealed, Generation: 7, Ref: "1/v"}
	if p, err := v.Open(t.Context(), g); err != nil || p.Access.Reveal() != secrettest.Mint("from-the-former-home") {
		t.Errorf("opened %+v, %v", p, err)
	}
	h.fetchErr = errors.New("throttled")
	if _, err := v.Open(t.Context(), g); !errors.Is(err, h.fetchErr) || errors.Is(err, grant.ErrPairMissing) {
		t.Errorf("the former home does not answer: %v; that the pair is missing is not known", err)
	}
}

// What the former home has of a grant that moved is left, then retired.
func TestVault_SettleLeavesTheFormerHome(t *testing.T) {
	v, h := newVault(t)
	g := grant.Grant{ID: "lisbon-1", Home: grant.HomeSealed, Generation: 8, Placement: grant.Placement{Epoch: 2, Writes: 3}}
	_, at, err := v.Settle(t.Context(), g, pair())
	if !errors.Is(err, grant.ErrInline) || !reflect.DeepEqual(at.Retired, []string{"all of it"}) || len(h.retired) != 0 {
		t.Fatalf("left as %+v, %v; retired %v", at, err, h.retired)
	}
	g.Placement = at
	_, at, err = v.Settle(t.Context(), g, pair())
	if !errors.Is(err, grant.ErrInline) || len(at.Retired) != 0 || len(h.retired) != 1 {
		t.Errorf("then as %+v, %v; retired %v", at, err, h.retired)
	}
}

func TestVault_Clear(t *testing.T) {
	v, h := newVault(t)
	g := grant.Grant{ID: "lisbon-1", Home: grant.HomeSecrets, Ref: "2/v", Placement: grant.Placement{Epoch: 2, Writes: 3}}
	if err := v.Clear(t.Context(), g); err != nil || !reflect.DeepEqual(h.retired, [][]string{{"all of it"}}) {
		t.Errorf("retired %v, %v", h.retired, err)
	}
	h.retireErr = errors.New("denied")
	if err := v.Clear(t.Context(), g); !errors.Is(err, h.retireErr) {
		t.Errorf("cleared: %v", err)
	}
}

// Home "sealed" is there without being named, and leaves pairs where they are.
func TestVault_SealedHome(t *testing.T) {
	v, h := newVault(t)
	h.fetchErr = grant.ErrPairMissing
	g := grant.Grant{ID: "lisbon-1", Home: grant.HomeSealed, Generation: 7}
	if _, _, err := v.Settle(t.Context(), g, pair()); !errors.Is(err, grant.ErrInline) {
		t.Errorf("settled: %v", err)
	}
	if err := v.Retire(t.Context(), g); err != nil {
		t.Errorf("retired: %v", err)
	}
	g.Ref = "r"
	if _, err := v.Open(t.Context(), g); !errors.Is(err, grant.ErrPairMissing) {
		t.Errorf("opened: %v", err)
	}
}

func TestVault_Bytes(t *testing.T) {
	v, _ := newVault(t)
	s, err := v.SealBytes(t.Context(), "signing/lisbon-1", []byte("whsec_canary"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := v.OpenBytes(t.Context(), "signing/lisbon-1", s); err != nil || string(b) != "whsec_canary" {
		t.Errorf("opened %q, %v", b, err)
	}
	if _, err := v.OpenBytes(t.Context(), "signing/lisbon-2", s); !errors.Is(err, seal.ErrBroken) {
		t.Errorf("under another label: %v", err)
	}
	if _, err := v.Unseal(t.Context(), "signing/lisbon-1", s); !errors.Is(err, seal.ErrBroken) {
		t.Errorf("as a pair: %v", err)
	}
}

// A digest is the same for the same text in every process, and holds nothing of
// it; without keys there is none.
func TestVault_Digest(t *testing.T) {
	v, _ := newVault(t)
	other, _ := newVault(t)
	a, err := v.Digest(t.Context(), "payload", secret.New("refresh_token=canary"))
	if err != nil || len(a) != 16 {
		t.Fatalf("digest %q, %v", a, err)
	}
	if b, err := other.Digest(t.Context(), "payload", secret.New("refresh_token=canary")); err != nil || a != b {
		t.Errorf("another process says %q, %v; this one %q", b, err, a)
	}
	if b, _ := v.Digest(t.Context(), "payload", secret.New("refresh_token=canary2")); a == b {
		t.Error("another text has the same digest")
	}
	away := newShelf()
	away.broken = true
	if d, err := New(seal.NewSource(away, nil), nil).Digest(t.Context(), "payload", secret.New("x")); err == nil || d != "" {
		t.Errorf("without keys: %q, %v", d, err)
	}
}
