package secretsmanager

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"bellhop/shared/event"
	"bellhop/shared/grant"
)

func run(t *testing.T, h *Home, c *tick, g grant.Grant, generations int, pace time.Duration) grant.Grant {
	t.Helper()
	for range generations {
		g.Generation++
		if len(g.Placement.Retired) > 0 {
			if err := h.Retire(t.Context(), g); err != nil {
				t.Fatalf("retiring: %v", err)
			}
			g.Placement.Retired = nil
		}
		g = settle(t, h, g, pairOf(g.Generation))
		if p, err := h.Fetch(t.Context(), g); err != nil || !p.Access.Equal(pairOf(g.Generation).Access) {
			t.Fatalf("generation %d: fetched %+v, %v", g.Generation, p, err)
		}
		c.advance(pace)
	}
	return g
}

// A token of a minute for a day and a half: 2,000 generations, and the quota is
// never met, let alone hit.
func TestHome_AMinutesTokenNeverMeetsTheQuota(t *testing.T) {
	h, s, c := newHome(t)
	s.quota = DefaultVersions + 1 // a little less than AWS: a write too many would fail
	g := run(t, h, c, lisbon(0), 2000, 45*time.Second)
	most := threshold(g.ID, DefaultVersions)
	if want := int64(2000/most) + 1; g.Placement.Epoch != want {
		t.Errorf("in epoch %d, want %d", g.Placement.Epoch, want)
	}
	if n := len(s.names()); n > 2 {
		t.Errorf("%d secrets are left: %v", n, s.names())
	}
	if calls := s.count("CreateSecret") + s.count("PutSecretValue"); calls != 2000 {
		t.Errorf("%d writes for 2000 pairs", calls)
	}
}

// An hour's token fits into one secret for ever: its versions grow old.
func TestHome_AnHoursTokenNeverTurns(t *testing.T) {
	h, s, c := newHome(t)
	g := run(t, h, c, lisbon(0), 24*60, time.Hour)
	if g.Placement.Epoch != 1 || len(s.names()) != 1 {
		t.Errorf("in epoch %d, secrets %v", g.Placement.Epoch, s.names())
	}
}

// Secrets Manager says "full" earlier than we count: versions that were written
// and never counted, or a quota that is smaller than ours.
func TestHome_FullMeansNextEpochNow(t *testing.T) {
	h, s, c := newHome(t)
	s.quota = 20
	var log bytes.Buffer
	h.log = event.New(&log, slog.LevelInfo, "bellhop")
	g := run(t, h, c, lisbon(0), 20, time.Minute)
	if g.Placement.Epoch != 1 || log.Len() == 0 {
		t.Fatalf("placement is %+v", g.Placement)
	}
	g.Generation++
	g = settle(t, h, g, pairOf(g.Generation))
	if g.Placement.Epoch != 2 || g.Placement.Writes != 1 || !slices.Equal(g.Placement.Retired, []string{"bellhop/grant/lisbon-1/1"}) {
		t.Errorf("placement is %+v", g.Placement)
	}
	for _, want := range []string{`"epoch_turned"`, `"why":"limit"`, `"epoch":2`, `"SecretsManagerWrites":1`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %s: %s", want, log.String())
		}
	}
	if strings.Contains(log.String(), "canary") {
		t.Error("a token is in the log")
	}
}

// The holder died after a turn, before the table knew, more than once: the
// secrets that it made are found again and used.
func TestHome_CrashAfterATurn(t *testing.T) {
	h, s, c := newHome(t)
	s.quota = 3
	g := run(t, h, c, lisbon(0), 3, time.Second)
	for gen := int64(4); gen <= 6; gen++ { // turned, and forgotten
		lost := g
		lost.Generation = gen
		settle(t, h, lost, pairOf(gen))
	}
	g.Generation = 7 // epoch 1 and 2 are full now
	g = settle(t, h, g, pairOf(7))
	if g.Placement.Epoch != 3 || len(g.Placement.Retired) != 2 {
		t.Errorf("placement is %+v", g.Placement)
	}
	if p, err := h.Fetch(t.Context(), g); err != nil || !p.Access.Equal(pairOf(7).Access) {
		t.Errorf("fetched %+v, %v", p, err)
	}
}

// It must end, whatever Secrets Manager says.
func TestHome_EverythingFull(t *testing.T) {
	h, s, _ := newHome(t)
	s.quota = -1
	ref, at, err := h.Settle(t.Context(), lisbon(1), pairOf(1))
	if err == nil || ref != "" || at.Epoch != 0 || s.count("CreateSecret") > 3 {
		t.Errorf("settled at %q, %+v, %v after %v", ref, at, err, s.calls)
	}
}

func TestHome_SomebodyDeletedTheSecret(t *testing.T) {
	for name, force := range map[string]bool{"with a window": false, "at once": true} {
		h, s, _ := newHome(t)
		g := settle(t, h, lisbon(1), pairOf(1))
		if _, err := s.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("bellhop/grant/lisbon-1/1"), ForceDeleteWithoutRecovery: &force}); err != nil {
			t.Fatal(err)
		}
		g.Generation = 2
		g = settle(t, h, g, pairOf(2))
		if p, err := h.Fetch(t.Context(), g); err != nil || !p.Access.Equal(pairOf(2).Access) {
			t.Errorf("%s: fetched %+v, %v", name, p, err)
		}
		if turned := g.Placement.Epoch == 2; turned == force {
			t.Errorf("%s: placement is %+v", name, g.Placement)
		}
	}
}

// Throttled, denied, down: the pair stays inline, and nothing is said to be
// anywhere.
func TestHome_Retire(t *testing.T) {
	h, s, c := newHome(t)
	s.quota = 2
	g := run(t, h, c, lisbon(0), 3, time.Second)
	if err := h.Retire(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	if names := s.names(); !slices.Equal(names, []string{"bellhop/grant/lisbon-1/2"}) {
		t.Errorf("secrets are %v", names)
	}
	if err := h.Retire(t.Context(), g); err != nil {
		t.Errorf("again: %v", err)
	}
}

// A damaged item must not cost a living pair, this grant's or another's.
func TestHome_RetireOnlyWhatIsFormer(t *testing.T) {
	h, s, c := newHome(t)
	g := run(t, h, c, lisbon(0), 1, time.Second)
	other := settle(t, h, grant.Grant{ID: "lisbon-10", Generation: 1}, pairOf(1))
	g.Placement.Retired = []string{"bellhop/grant/lisbon-1/1", "bellhop/grant/lisbon-10/1", "bellhop/keys", "bellhop/client/main", "other/grant/lisbon-1/7"}
	err := h.Retire(t.Context(), g)
	if err == nil || s.count("DeleteSecret") != 0 {
		t.Errorf("deleted %d, %v", s.count("DeleteSecret"), err)
	}
	for _, g := range []grant.Grant{g, other} {
		if _, err := h.Fetch(t.Context(), g); err != nil {
			t.Errorf("%s: %v", g.ID, err)
		}
	}
	g.Placement.Epoch = 5 // the placement says one thing, the ref another
	g.Placement.Retired = []string{"bellhop/grant/lisbon-1/1"}
	if h.Retire(t.Context(), g) == nil || s.count("DeleteSecret") != 0 {
		t.Error("the secret that the pair is in was deleted")
	}
}

// One that cannot be deleted does not keep the others.
func TestHome_RetireTriesAll(t *testing.T) {
	h, s, _ := newHome(t)
	g := lisbon(1)
	g.Placement = grant.Placement{Epoch: 9, Retired: []string{"bellhop/grant/lisbon-1/1", "bellhop/grant/lisbon-1/2", "bellhop/grant/lisbon-1/3"}}
	denied := errors.New("denied")
	s.fail = func(string) (error, bool) {
		if s.calls["DeleteSecret"] == 1 {
			return denied, false
		}
		return nil, true
	}
	if err := h.Retire(t.Context(), g); !errors.Is(err, denied) || s.count("DeleteSecret") != 3 {
		t.Errorf("%d deletions, %v", s.count("DeleteSecret"), err)
	}
}

// Who looks after the stack is told that former secrets stay, and in one word
// why: they are paid for, and hold tokens.
func TestHome_RetireTellsWhatStays(t *testing.T) {
	former, living := "bellhop/grant/lisbon-1/1", "bellhop/grant/lisbon-1/9"
	for name, row := range map[string]struct {
		names []string
		err   error
		want  string // of the event; empty for none
	}{
		"deleted":   {[]string{former}, nil, ""},
		"denied":    {[]string{former}, says("AccessDeniedException")(t.Context()), `"secrets":1,"why":"denied"`},
		"refused":   {[]string{former}, &types.InternalServiceError{}, `"secrets":1,"why":"refused"`},
		"no answer": {[]string{former, "bellhop/grant/lisbon-1/2"}, errors.New("broken pipe"), `"secrets":2,"why":"no_answer"`},
		"damaged":   {[]string{living}, nil, `"secrets":1,"why":"not_former"`},
	} {
		h, s, _ := newHome(t)
		var log bytes.Buffer
		h.log = event.New(&log, slog.LevelInfo, "test")
		s.fail = func(string) (error, bool) { return row.err, row.err == nil }
		g := lisbon(1)
		g.Placement = grant.Placement{Epoch: 9, Retired: row.names}
		if err := h.Retire(t.Context(), g); (err == nil) != (row.want == "") {
			t.Errorf("%s: %v", name, err)
		}
		said := log.String()
		if row.want == "" && said != "" || !strings.Contains(said, row.want) {
			t.Errorf("%s: the log is %s", name, said)
		}
		if counted := fmt.Sprintf(`"SecretsNotRetired":%d`, len(row.names)); row.want != "" && !strings.Contains(said, counted) {
			t.Errorf("%s: not %s in %s", name, counted, said)
		}
	}
}
