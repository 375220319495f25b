package consent

import (
	"testing"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// A refresh may follow a consent within the same millisecond, and its pair has
// the consent's times then. What is settled as the consent's must be its own
// bytes: settled in the place of the newer pair, they would end it.
func TestLanded_KnowsItsOwnBytes(t *testing.T) {
	at := grant.Times{Issued: time.UnixMilli(1000), Expires: time.UnixMilli(61000)}
	mine := grant.ConsentWrite{Epoch: 1, Sealed: grant.Sealed{Data: []byte("mine")}, Times: at}
	for name, c := range map[string]struct {
		inline *grant.Sealed
		epoch  int64
		want   bool
	}{
		"mine":             {&grant.Sealed{Data: []byte("mine")}, 2, true},
		"refreshed since":  {&grant.Sealed{Data: []byte("newer")}, 2, false},
		"settled already":  {nil, 2, true},
		"of another epoch": {&grant.Sealed{Data: []byte("mine")}, 3, false},
	} {
		g := grant.Grant{Epoch: c.epoch, Inline: c.inline, Issued: at.Issued, Expires: at.Expires}
		if landed(g, mine) != c.want {
			t.Errorf("%s: landed is %v", name, !c.want)
		}
	}
}

// sealing is a vault that seals.
type sealing struct{ vault }

func (sealing) Seal(grant.ID, int64, grant.Pair) (grant.Sealed, error) { return grant.Sealed{}, nil }

// The first pair of all is exercised in time too: a token of a year would leave
// its refresh token to die of idleness, or of age, before the first refresh.
func TestConsentWrite_KeepsTheFirstPairAlive(t *testing.T) {
	const day = 24 * time.Hour
	now := time.UnixMilli(1_763_712_000_000)
	f := &Flow{Vault: sealing{}, Now: func() time.Time { return now }}
	for name, row := range map[string]struct {
		token profile.Token
		least time.Duration // that it is left alone
		most  time.Duration
	}{
		"dies of 30 idle days":   {profile.Token{RefreshIdle: profile.Seconds(30 * day)}, 15 * day, 25 * day},
		"dies 90 days old":       {profile.Token{RefreshLifetime: profile.Seconds(90 * day)}, 70 * day, 77 * day},
		"nobody knows of an end": {profile.Token{}, 300 * day, 330 * day},
	} {
		x := &exchanged{grant: grant.Grant{ID: "lisbon-1"}}
		x.profile.Token = row.token
		x.pair = grant.Pair{Refresh: secret.New("refresh-1"), Issued: now, Expires: now.Add(365 * day)}
		write, err := f.consentWrite(x, &walker{})
		if after := write.Times.WakeAt.Sub(now); err != nil || after < row.least || after > row.most {
			t.Errorf("%s: exchanged after %v, %v", name, after, err)
		}
	}
}
