package grant

import (
	"testing"
	"time"

	"bellhop/shared/profile"
)

var (
	none   = profile.Rotation{Policy: "none"}
	grace  = profile.Rotation{Policy: "grace", Grace: profile.Seconds(30 * time.Second)}
	detect = profile.Rotation{Policy: "detect"}
)

// snapshot is a lease's answer at noon: generation 5, a token whose edge is in
// ten seconds, my own attempt. change edits it.
func snapshot(change func(*Grant)) Grant {
	g := Grant{
		ID: "g", Enabled: true, Health: OK, Generation: 5, Inline: &Sealed{},
		Issued: noon.Add(-43 * time.Second), Expires: noon.Add(17 * time.Second),
		Lease:    &Lease{Owner: "me", Deadline: noon.Add(LeaseFor)},
		Attempts: map[Nonce]Attempt{"me": {Kind: KindRefresh, Generation: 5, At: noon}},
		Asides:   map[Nonce]Aside{},
	}
	if change != nil {
		change(&g)
	}
	return g
}

// attempted adds another's attempt of this age.
func attempted(n Nonce, kind Kind, generation int64, age time.Duration) func(*Grant) {
	return func(g *Grant) { g.Attempts[n] = Attempt{Kind: kind, Generation: generation, At: noon.Add(-age)} }
}

// kept adds an aside of this base and age.
func kept(n Nonce, base int64, age time.Duration) func(*Grant) {
	return func(g *Grant) { g.Asides[n] = Aside{Base: base, At: noon.Add(-age)} }
}

// asked is an aside that has just arrived, of a request this long ago.
func asked(n Nonce, base int64, ago time.Duration) func(*Grant) {
	return func(g *Grant) { g.Asides[n] = Aside{Base: base, At: noon, Issued: noon.Add(-ago)} }
}

func former(base int64) func(*Grant) {
	return func(g *Grant) { g.Asides[FormerNonce(base)] = Aside{Base: base, At: noon, Former: true} }
}

func refused(g *Grant) { g.Refused = 5 }

func raw(n Nonce, base int64, age time.Duration) func(*Grant) {
	at := noon.Add(-age)
	return func(g *Grant) { g.Asides[n] = Aside{Base: base, At: at, Issued: at.Add(-time.Second), Raw: true} }
}

func all(changes ...func(*Grant)) Grant {
	return snapshot(func(g *Grant) {
		for _, c := range changes {
			c(g)
		}
	})
}

func TestRecover_Rows(t *testing.T) {
	spent := attempted("a", KindRefresh, 5, 20*time.Second) // young: not old yet
	older := attempted("a", KindRefresh, 5, 40*time.Second) // old; a grace of 30 s is over
	for _, c := range []struct {
		name     string
		g        Grant
		rotation profile.Rotation
		want     Plan
	}{
		{"nothing happened: present", all(), detect, Plan{Step: Present}},

		{"row 1: an aside of this generation comes first", all(kept("a", 5, time.Second)), none, Plan{Step: Roll, Aside: "a", KeepFormer: true}},
		{"row 1: newest arrival first", all(kept("a", 5, 9*time.Second), kept("b", 5, time.Second)), grace, Plan{Step: Roll, Aside: "b", KeepFormer: true}},
		{"row 1: at detect the old pair is known spent", all(kept("a", 5, time.Second)), detect, Plan{Step: Roll, Aside: "a"}},
		{"row 1: a refused pair is not kept", all(kept("a", 5, time.Second), refused), none, Plan{Step: Roll, Aside: "a"}},
		{"row 1: the last request first, whenever its answer was put away", all(asked("b", 5, 9*time.Second), asked("c", 5, 5*time.Second), asked("d", 5, 8*time.Second)), grace, Plan{Step: Roll, Aside: "c", KeepFormer: true}},

		{"row 1a: asked for after the committed pair", all(asked("a", 4, 42*time.Second)), grace, Plan{Step: Roll, Aside: "a", KeepFormer: true}},
		{"row 1a: not what was asked for before it", all(asked("a", 4, 44*time.Second)), grace, Plan{Step: Present}},
		{"row 1a: there are no siblings at detect", all(asked("a", 4, 42*time.Second)), detect, Plan{Step: Present}},
		{"row 1a: a former pair is no answer", all(asked("a", 4, 42*time.Second), func(g *Grant) { a := g.Asides["a"]; a.Former = true; g.Asides["a"] = a }), grace, Plan{Step: Present}},

		{"row 2: an older aside goes before what may be spent", all(kept("a", 3, time.Second), kept("b", 4, time.Hour), older), grace, Plan{Step: Roll, Aside: "b", KeepFormer: true}},
		{"row 2: at detect, of an older base, the old pair is kept", all(kept("a", 4, time.Second), spent), detect, Plan{Step: Roll, Aside: "a", KeepFormer: true}},
		{"row 2: not while presenting is free", all(kept("a", 4, time.Second), spent), grace, Plan{Step: Present}},
		{"row 2: not when nothing may be spent", all(kept("a", 4, time.Second)), detect, Plan{Step: Present}},
		{"row 2: a former pair is no answer", all(former(4), older), grace, Plan{Step: Wait, Until: noon.Add(11 * time.Second)}},

		{"row 3: refused before, no POST", all(refused), none, Plan{Step: Conclude}},
		{"row 3: an older refusal says nothing", all(func(g *Grant) { g.Refused = 4 }), none, Plan{Step: Present}},

		{"row 4: until the edge, and until every holder has ended", all(attempted("a", KindRefresh, 5, time.Second)), detect, Plan{Step: Wait, Until: noon.Add(25 * time.Second)}},
		{"row 4: the edge is later", all(older), detect, Plan{Step: Wait, Until: noon.Add(11 * time.Second)}},
		{"row 4: attempts of any generation count", all(older, attempted("b", KindRefresh, 3, 0)), detect, Plan{Step: Wait, Until: noon.Add(26 * time.Second)}},
		{"row 4: grace is over", all(older), grace, Plan{Step: Wait, Until: noon.Add(11 * time.Second)}},

		{"row 4a: an earlier generation's holder may bring what supersedes ours", all(attempted("a", KindRefresh, 4, 20*time.Second)), grace, Plan{Step: Wait, Until: noon.Add(6 * time.Second)}},
		{"row 4a: until the last one of them has ended", all(attempted("a", KindRefresh, 4, 25*time.Second), attempted("b", KindRefresh, 3, 24*time.Second)), grace, Plan{Step: Wait, Until: noon.Add(2 * time.Second)}},
		{"row 4a: also where presenting is free", all(spent, attempted("b", KindRefresh, 4, 24*time.Second)), grace, Plan{Step: Wait, Until: noon.Add(2 * time.Second)}},
		{"row 4a: they have ended", all(attempted("a", KindRefresh, 4, 25*time.Second)), grace, Plan{Step: Present}},
		{"row 4a: not while what they presented is the last hope", all(attempted("a", KindRefresh, 4, time.Second), former(4)), grace, Plan{Step: Present}},
		{"row 4a: nor when it is in force again", all(attempted("a", KindRefresh, 3, time.Second), func(g *Grant) { g.Revived = 5 }), grace, Plan{Step: Present}},
		{"row 4a: but the next one's elders are waited for", all(attempted("a", KindRefresh, 4, time.Second), func(g *Grant) { g.Revived = 4 }), grace, Plan{Step: Wait, Until: noon.Add(25 * time.Second)}},
		{"row 4a: who mints asks for no such thing", all(attempted("a", KindClient, 4, time.Second)), grace, Plan{Step: Present}},

		{"row 5: an older generation's attempt spends nothing of ours", all(attempted("a", KindRefresh, 4, time.Second)), detect, Plan{Step: Present}},
		{"row 5: minting spends nothing", all(attempted("a", KindClient, 5, time.Second)), detect, Plan{Step: Present}},
		{"row 5: nor does a code", all(attempted("a", KindCode, 5, time.Second)), detect, Plan{Step: Present}},
		{"row 5: free at once", all(spent), none, Plan{Step: Present}},
		{"row 5: grace counts from the first attempt", all(older, attempted("b", KindRefresh, 5, time.Second)), grace, Plan{Step: Wait, Until: noon.Add(25 * time.Second)}},

		{"raw: it cannot be rolled, but it shows what was spent", all(raw("a", 5, time.Second)), detect, Plan{Step: Wait, Until: noon.Add(11 * time.Second)}},
		{"raw: the grace counts from its request", all(raw("a", 5, 28*time.Second)), grace, Plan{Step: Present}},
		{"raw: and is over then", all(raw("a", 5, 29*time.Second)), grace, Plan{Step: Wait, Until: noon.Add(11 * time.Second)}},
		{"raw: a readable one goes first", all(raw("a", 5, 0), kept("b", 5, time.Minute)), detect, Plan{Step: Roll, Aside: "b"}},
	} {
		if got := c.g.Recover("me", c.rotation, noon); !same(got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

func same(a, b Plan) bool {
	return a.Step == b.Step && a.Aside == b.Aside && a.KeepFormer == b.KeepFormer && a.Until.Equal(b.Until) && len(a.Unreadable) == len(b.Unreadable)
}

// The edge of grace, and the moment at which a credential that may be spent is
// presented once.
func TestRecover_Boundaries(t *testing.T) {
	at := func(g Grant, rotation profile.Rotation, after time.Duration) Step {
		return g.Recover("me", rotation, noon.Add(after)).Step
	}
	g := all(attempted("a", KindRefresh, 5, 0))
	if at(g, grace, 30*time.Second-1) != Present || at(g, grace, 10*time.Second) != Present {
		t.Error("inside the grace it is presented at once")
	}
	if until := g.FreeUntil("me", grace, noon); !until.Equal(noon.Add(30 * time.Second)) {
		t.Errorf("free until %v", until)
	}
	if !g.FreeUntil("me", detect, noon).IsZero() || !g.FreeUntil("me", grace, noon.Add(time.Minute)).IsZero() {
		t.Error("a bound where presenting is not for the grace's sake")
	}
	g.Expires = noon.Add(time.Hour)
	if at(g, grace, 30*time.Second) != Wait {
		t.Error("when the grace is over it waits for the edge")
	}
	g.Expires = noon.Add(17 * time.Second) // the edge comes before the holder has ended
	if at(g, detect, 25*time.Second-1) != Wait || at(g, detect, 25*time.Second) != Present {
		t.Error("at the edge it is presented once every holder has surely ended, not sooner")
	}
}

func TestAfterInvalidGrant(t *testing.T) {
	for _, c := range []struct {
		name string
		g    Grant
		want Plan
	}{
		{"the winner's pair is the one", all(func(g *Grant) { g.Generation = 6 }), Plan{Step: UseWinner}},
		{"the lease is another's", all(attempted("b", KindRefresh, 5, time.Second), func(g *Grant) { g.Lease.Owner = "b" }), Plan{Step: Refuse, Until: noon.Add(25 * time.Second)}},
		{"the lease is over and nobody's", all(func(g *Grant) { g.Lease = nil }), Plan{Step: Refuse}},
		{"asides go first, the highest base first", all(kept("a", 3, 0), kept("b", 4, time.Hour)), Plan{Step: Roll, Aside: "b"}},
		{"a former pair last of all", all(kept("a", 1, 0), former(4)), Plan{Step: Roll, Aside: "a"}},
		{"but before a verdict", all(former(4)), Plan{Step: Roll, Aside: FormerNonce(4)}},
		{"somebody may still come with an answer", all(attempted("b", KindRefresh, 4, time.Second)), Plan{Step: Refuse, Until: noon.Add(25 * time.Second)}},
		{"nobody can any more", all(attempted("b", KindRefresh, 5, 25*time.Second)), Plan{Step: Condemn}},
		{"only what we cannot read is left", all(raw("a", 5, 0)), Plan{Step: Condemn, Unreadable: []Nonce{"a"}}},
	} {
		if got := c.g.AfterInvalidGrant(5, "me", noon); !same(got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

func TestAfterUnknown(t *testing.T) {
	far := func(g *Grant) { g.Expires = noon.Add(time.Hour) }
	failed := func(g *Grant) { g.Failures = 3 }
	minted := func(g *Grant) { g.Attempts["me"] = Attempt{Kind: KindClient, Generation: 5, At: noon} }
	for _, c := range []struct {
		name     string
		g        Grant
		rotation profile.Rotation
		from, to time.Duration
	}{
		{"free: at once", all(), none, 0, 0},
		{"inside the grace: at once", all(), grace, 0, 0},
		{"free, but not the first time: after a pause", all(failed), none, time.Second, 16 * time.Second},
		{"inside the grace, not the first time", all(failed), grace, time.Second, 15 * time.Second},
		{"inside the grace, after an outage", all(func(g *Grant) { g.Failures, g.Expires = 40, noon.Add(time.Hour) }), grace, time.Second, 15 * time.Second},
		{"a grace shorter than a lease", all(failed), profile.Rotation{Policy: "grace", Grace: profile.Seconds(10 * time.Second)}, time.Second, 5 * time.Second},
		{"detect: at the edge", all(far), detect, 3589 * time.Second, 3589 * time.Second},
		{"detect: not before I have surely ended", all(), detect, 26 * time.Second, 26 * time.Second},
		{"minting spends nothing", all(minted), detect, 0, 0},
	} {
		got := c.g.AfterUnknown("me", c.rotation, noon).Sub(noon)
		if got < c.from || got > c.to {
			t.Errorf("%s: again after %v, want %v to %v", c.name, got, c.from, c.to)
		}
	}
}

func TestWhyDead(t *testing.T) {
	idle := profile.Token{RefreshIdle: profile.Seconds(10 * time.Second)}
	whole := profile.Token{RefreshLifetime: profile.Seconds(43 * time.Second)}
	for _, c := range []struct {
		name  string
		g     Grant
		token profile.Token
		want  Reason
	}{
		{"nothing of ours can have spent it", all(), profile.Token{}, Revoked},
		{"an answer was lost", all(attempted("a", KindRefresh, 5, time.Hour)), idle, AnswerLost},
		{"an answer could not be read", all(raw("a", 5, time.Minute)), profile.Token{}, AnswerLost},
		{"unused for too long", all(), idle, Expired},
		{"not yet", all(), whole, Revoked},
		{"older than its answer said", all(func(g *Grant) { g.RefreshExpires = noon }), profile.Token{}, Expired},
		{"not so old", all(func(g *Grant) { g.RefreshExpires = noon.Add(1) }), profile.Token{}, Revoked},
	} {
		if got := c.g.WhyDead("me", c.token, noon); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// A request that is refused needs a person when it was refused often and for long.
func TestRejected_Boundaries(t *testing.T) {
	g := Grant{ID: "g", Generation: 1, Issued: noon, Expires: noon.Add(time.Minute), Rejections: timesRejected - 1}
	late := g.Edge().Add(longRejected)
	with := func(change func(*Grant)) Grant { g := g; change(&g); return g }
	for name, row := range map[string]struct {
		g    Grant
		now  time.Time
		want bool
	}{
		"often and for long":           {g, late, true},
		"not for long enough":          {g, late.Add(-1), false},
		"not often enough":             {with(func(g *Grant) { g.Rejections-- }), late, false},
		"often, but of other failures": {with(func(g *Grant) { g.Rejections, g.Failures = 0, 99 }), late, false},
		"there never was a token":      {Grant{ID: "g", Rejections: timesRejected - 1}, noon, true},
	} {
		if got := row.g.Rejected(row.now); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
