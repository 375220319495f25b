package alert

import (
	"testing"
	"time"

	"bellhop/shared/grant"
)

var noon = time.UnixMilli(1_763_712_000_000)

func dead(episode int64) grant.Grant {
	return grant.Grant{
		ID: "g", Enabled: true, Health: grant.ReauthorizationRequired, Reason: grant.Revoked,
		Episode: episode, EpisodeSince: noon, AlertDue: noon,
	}
}

// well is a grant that got a pair since its episodes began.
func well(episode int64) grant.Grant {
	return grant.Grant{ID: "g", Enabled: true, Health: grant.OK, Generation: 1, Episode: episode, EpisodeSince: noon}
}

// retried is a grant whose verdict was taken back, and that has its old pair.
func retried(episode int64) grant.Grant {
	g := well(episode)
	g.Generation = 0
	return g
}

func disabled(g grant.Grant) grant.Grant {
	g.Enabled = false
	return g
}

func told(channels ...string) map[string]time.Time {
	m := map[string]time.Time{}
	for _, c := range channels {
		m[c] = noon
	}
	return m
}

func TestOwed(t *testing.T) {
	before, after := noon.Add(-time.Hour), noon.Add(time.Hour)
	for _, c := range []struct {
		name    string
		episode Episode
		grant   grant.Grant
		want    Kind
	}{
		{"broken, nobody told", Episode{Number: 1}, dead(1), Opened},
		{"broken, told", Episode{Number: 1, Opened: told("slack")}, dead(1), Nothing},
		{"broken, another channel told", Episode{Number: 1, Opened: told("webhook")}, dead(1), Opened},
		{"broken and switched off", Episode{Number: 1}, disabled(dead(1)), Nothing},
		{"well again, told", Episode{Number: 1, Opened: told("slack")}, well(1), Recovered},
		{"well again, all told", Episode{Number: 1, Opened: told("slack"), Closed: told("slack")}, well(1), Nothing},
		{"well again, never told", Episode{Number: 1}, well(1), Nothing},
		{"well again and switched off", Episode{Number: 1, Opened: told("slack")}, disabled(well(1)), Recovered},
		{"to be presented once more, told", Episode{Number: 1, Opened: told("slack")}, retried(1), Nothing},
		{"presented once more, and refused", Episode{Number: 1, Opened: told("slack")}, dead(2), Nothing},
		{"closed, and broken in the same number", Episode{Number: 1, Opened: told("slack"), Closed: told("slack")}, dead(1), Nothing},
		{"reconnected, and the next has begun", Episode{Number: 1, Opened: told("slack"), Recovered: before}, dead(2), Recovered},
		{"replaced by the next at the same moment", Episode{Number: 1, Opened: told("slack"), Recovered: noon}, dead(2), Nothing},
		{"replaced by the next, unseen between", Episode{Number: 1, Opened: told("slack")}, dead(2), Nothing},
		{"reconnected, and two have begun since", Episode{Number: 1, Opened: told("slack"), Recovered: after}, dead(3), Recovered},
		{"reconnected, the grant's own health still to be read", Episode{Number: 1, Recovered: noon}, dead(1), Nothing},
	} {
		if got := c.episode.Owed(c.grant, "slack"); got != c.want {
			t.Errorf("%s: owes %q, want %q", c.name, got, c.want)
		}
	}
}

func TestOver(t *testing.T) {
	both := []string{"slack", "webhook"}
	for _, c := range []struct {
		name    string
		episode Episode
		grant   grant.Grant
		want    bool
	}{
		{"still broken, all told", Episode{Number: 1, Opened: told(both...)}, dead(1), false},
		{"well, one channel to be told", Episode{Number: 1, Opened: told(both...), Closed: told("slack")}, well(1), false},
		{"well, all told", Episode{Number: 1, Opened: told(both...), Closed: told(both...)}, well(1), true},
		{"well, nobody had been told", Episode{Number: 1}, well(1), true},
		{"to be presented once more", Episode{Number: 1, Opened: told(both...)}, retried(1), false},
		{"replaced", Episode{Number: 1, Opened: told(both...)}, dead(2), true},
	} {
		if got := c.episode.Over(c.grant, both); got != c.want {
			t.Errorf("%s: over = %v, want %v", c.name, got, c.want)
		}
	}
}

func TestOf(t *testing.T) {
	scopes := dead(2)
	scopes.Health, scopes.Reason, scopes.Missing = grant.ScopeUpdateRequired, grant.ScopeMissing, []string{"write:rate"}
	e, ok := Of(scopes)
	if !ok || e.Number != 2 || e.Health != grant.ScopeUpdateRequired || len(e.Missing) != 1 || !e.Since.Equal(noon) {
		t.Errorf("Of = %+v, %v", e, ok)
	}
	never := dead(1)
	never.Reason = grant.NeverConnected
	for name, g := range map[string]grant.Grant{"well": well(3), "never connected": never, "no episode yet": dead(0)} {
		if e, ok := Of(g); ok {
			t.Errorf("%s: an episode to tell: %+v", name, e)
		}
	}
}

func TestEnd(t *testing.T) {
	consented, flagged, now := noon.Add(time.Minute), noon.Add(2*time.Minute), noon.Add(time.Hour)
	g := well(1)
	g.AlertDue = flagged
	for _, c := range []struct {
		name    string
		episode Episode
		grant   grant.Grant
		want    time.Time
	}{
		{"by consent", Episode{Since: noon, Recovered: consented}, g, consented},
		{"by a late answer, flagged", Episode{Since: noon}, g, flagged},
		{"nobody knows", Episode{Since: noon}, well(1), now},
	} {
		if got := c.episode.End(c.grant, now); !got.Equal(c.want) {
			t.Errorf("%s: ended %v, want %v", c.name, got, c.want)
		}
	}
}
