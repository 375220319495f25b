package grant

import (
	"slices"
	"testing"
	"time"

	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// Refresh tokens that die of idleness, or unused of age, are exercised in time,
// whatever the access token's life.
func TestKeptAlive_InTime(t *testing.T) {
	days := func(n int) profile.Seconds { return profile.Seconds(time.Duration(n) * day) }
	code := profile.Token{Grant: "authorization_code"}
	idle := func(of profile.Seconds) profile.Token { p := code; p.RefreshIdle = of; return p }
	for _, c := range []struct {
		name   string
		life   time.Duration // of the access token
		ends   time.Duration // of the refresh token's age; 0 unknown
		token  profile.Token
		latest time.Duration // after its issue
	}{
		{"an hour's token exercises it anyway", time.Hour, 0, idle(days(30)), 51 * time.Minute},
		{"a token of a year, idle for 30 days", 365 * day, 0, idle(days(30)), 22*day + 12*time.Hour},
		{"idle for less than the token lives", 8 * time.Hour, 0, idle(profile.Seconds(time.Hour)), 45 * time.Minute},
		{"no known idleness", 365 * day, 0, code, 365*day - 365*day*15/100},
		{"it ends before the token", 365 * day, 90 * day, code, 76 * day},
		{"it ends before it is idle", 365 * day, 10 * day, idle(days(30)), 3 * day},
		{"people were told for the last time", 365 * day, day, code, day - 2*time.Minute},
		{"an hour's token, whatever people are to be told", time.Hour, 14*day + 61*time.Minute, code, 51 * time.Minute},
		{"so near its end, once more is for nothing", time.Hour, 9 * time.Minute, code, 51 * time.Minute},
		{"minting by a user's password neither", 365 * day, 0, profile.Token{Grant: "password", RefreshIdle: days(30)}, 365*day - 365*day*15/100},
		{"minting keeps nothing alive", 365 * day, 0, profile.Token{Grant: "client_credentials", RefreshIdle: days(30)}, 365*day - 365*day*15/100},
		{"never without pause", time.Hour, 0, idle(profile.Seconds(time.Second)), 5 * time.Second},
	} {
		p := Pair{Issued: noon, Expires: noon.Add(c.life)}
		if c.ends > 0 {
			p.RefreshExpires = noon.Add(c.ends)
		}
		got := TimesOf("g", p, c.token.Refresh).KeptAlive("g", c.token)
		after := got.RefreshAt.Sub(noon)
		if after > c.latest || after < c.latest-2*time.Minute-c.latest/20 {
			t.Errorf("%s: refreshed after %v, want %v or a little sooner", c.name, after, c.latest)
		}
		if !got.WakeAt.Equal(got.RefreshAt) || !got.Expires.Equal(p.Expires) {
			t.Errorf("%s: times %+v", c.name, got)
		}
	}
}

// Access tokens that outlive the thresholds of their refresh token are refreshed
// at each of them, so that people are told in time, and no oftener: three times
// in its life, however early the wakes come and wherever the answers place the
// end.
func TestKeptAlive_AtEachThreshold(t *testing.T) {
	for name, access := range map[string]time.Duration{"of 30 days": 30 * day, "of a year": 365 * day, "of 5 days": 5 * day} {
		for _, early := range []time.Duration{0, RefreshEarly, -time.Minute} {
			dies := noon.Add(90 * day)
			g, told, uses := Grant{Enabled: true, Health: OK}, []int{}, 0
			for at, drift := noon, 2*time.Second; at.Before(dies.Add(-3 * time.Minute)); drift = -drift {
				p := Pair{Issued: at, Expires: at.Add(access), RefreshExpires: dies.Add(drift)}
				times := TimesOf("g", p, profile.RefreshRule{}).Following(g).KeptAlive("g", profile.Token{})
				if g.ForetellsAnew(times, profile.Token{}) {
					f, _ := Grant{Enabled: true, Generation: 1, RefreshExpires: p.RefreshExpires}.Forecast(profile.Token{}, at)
					told = append(told, f.Days)
					if left := dies.Sub(at); (left - time.Duration(f.Days)*day).Abs() > 2*time.Minute {
						t.Errorf("access tokens %s: %d days are told with %v left", name, f.Days, left)
					}
				}
				g.Generation, g.Issued, g.WakeAt = g.Generation+1, at, times.WakeAt
				g.RefreshExpires, g.RefreshRenewed = times.RefreshExpires, times.RefreshRenewed
				at, uses = times.WakeAt.Add(-early), uses+1
			}
			if !slices.Equal(told, []int{14, 7, 1}) {
				t.Errorf("access tokens %s, wakes %v early: told %v", name, early, told)
			}
			if most := int(90*day/access)*5/4 + 5; uses > most {
				t.Errorf("access tokens %s, wakes %v early: used %d times, want %d at most", name, early, uses, most)
			}
		}
	}
}

// A refresh token that use renews is not used ever faster, however its life lies
// to the thresholds.
func TestKeptAlive_RenewedIsNotRushed(t *testing.T) {
	for _, life := range []time.Duration{25 * time.Hour, 25*time.Hour + time.Minute, 8 * day, 15 * day, 30 * day} {
		times := Times{Issued: noon, RefreshAt: noon.Add(life), WakeAt: noon.Add(life), RefreshExpires: noon.Add(life), RefreshRenewed: true}
		if at := times.KeptAlive("g", profile.Token{}).RefreshAt; at.Before(noon.Add(life / 2)) {
			t.Errorf("a life of %v is renewed after %v", life, at.Sub(noon))
		}
	}
}

// A token that ends of age is used once or twice more as the end comes near,
// not ever faster.
func TestKeptAlive_NoLastRush(t *testing.T) {
	ends, at, uses := noon.Add(day), noon, 0
	for ; at.Before(ends); uses++ {
		p := Pair{Issued: at, Expires: at.Add(30 * day), RefreshExpires: ends}
		at = TimesOf("g", p, profile.RefreshRule{}).KeptAlive("g", profile.Token{}).RefreshAt
	}
	if uses != 2 {
		t.Errorf("used %d times in its last day, want 2", uses)
	}
}

func TestRefreshEnds_RotatingAloneMakesNoneYounger(t *testing.T) {
	former, said := noon.Add(10*day), noon.Add(20*day)
	quarter := profile.Token{RefreshLifetime: profile.Seconds(90 * day)}
	rotated := Pair{Issued: noon, Refresh: secret.New("new")}
	for _, c := range []struct {
		name   string
		answer Pair
		token  profile.Token
		former time.Time
		want   time.Time
	}{
		{"the answer says so", Pair{Issued: noon, RefreshExpires: said}, quarter, former, said},
		{"a new one lives as the profile says", rotated, quarter, former, noon.Add(90 * day)},
		{"a new one of which nobody says anything", rotated, profile.Token{}, former, former},
		{"the old one goes on", Pair{Issued: noon}, quarter, former, former},
		{"nobody ever knew", rotated, profile.Token{}, time.Time{}, time.Time{}},
		{"nobody knows when the old one was issued", Pair{Issued: noon}, quarter, time.Time{}, time.Time{}},
	} {
		if got := RefreshEnds(c.answer, c.former, c.token); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// An end that each use renews is told from one that stands still by how far it
// moves, not by how long the tokens live.
func TestFollowing_WhetherTheEndIsRenewed(t *testing.T) {
	for _, c := range []struct {
		name    string
		between time.Duration // of the two pairs
		moved   time.Duration // of the end
		former  bool
		renewed bool
	}{
		{"an hour's token renews it", time.Hour, time.Hour, false, true},
		{"it stands still", time.Hour, 0, true, false},
		{"it stands still but for the seconds by which answers err", 40 * time.Second, 9 * time.Second, true, false},
		{"a minute's token renews it, within seconds", 40 * time.Second, 31 * time.Second, false, true},
		{"it comes nearer, where a session ends", time.Hour, -10 * time.Minute, true, false},
		{"too soon to say, what was renewed is", 5 * time.Second, 0, true, true},
		{"too soon to say, what stood still does", 5 * time.Second, 5 * time.Second, false, false},
	} {
		former := Grant{Issued: noon, RefreshExpires: noon.Add(10 * day), RefreshRenewed: c.former}
		times := Times{Issued: noon.Add(c.between), RefreshExpires: former.RefreshExpires.Add(c.moved)}
		if got := times.Following(former).RefreshRenewed; got != c.renewed {
			t.Errorf("%s: renewed %v", c.name, got)
		}
	}
	consented := Times{Issued: noon, RefreshExpires: noon.Add(day)}.Following(Grant{})
	if !consented.RefreshRenewed || (Times{Issued: noon}).Following(Grant{}).RefreshRenewed {
		t.Error("after a consent an end may be renewed, and one that nobody knows is not")
	}
}

// The thresholds, to the instant: 14, 7 and 1 days before, or an hour sooner.
func TestForecast_Thresholds(t *testing.T) {
	dies := noon.Add(30 * day)
	g := Grant{Enabled: true, Health: OK, Generation: 1, Issued: noon, WakeAt: noon.Add(time.Hour), RefreshExpires: dies}
	for _, c := range []struct {
		left time.Duration
		days int
	}{
		{14*day + SameDeath + 1, 0}, {14*day + SameDeath, 14}, {7*day + SameDeath + 1, 14}, {7*day + SameDeath, 7},
		{day + SameDeath + 1, 7}, {day + SameDeath, 1}, {1, 1}, {0, 0}, {-day, 0},
	} {
		f, ok := g.Forecast(profile.Token{}, dies.Add(-c.left))
		if ok != (c.days > 0) || f.Days != c.days || ok && !f.Dies.Equal(dies) {
			t.Errorf("%v before its end: %+v, %v; want %d", c.left, f, ok, c.days)
		}
	}
}

func TestForecast_OfWhat(t *testing.T) {
	month := profile.Token{RefreshIdle: profile.Seconds(30 * day)}
	now := noon.Add(25 * day)
	base := Grant{Enabled: true, Health: OK, Generation: 1, Issued: noon, WakeAt: now.Add(time.Hour)}
	for _, c := range []struct {
		name  string
		edit  func(*Grant)
		token profile.Token
		days  int
	}{
		{"a living grant is exercised", func(*Grant) {}, month, 0},
		{"one that is switched off is not", func(g *Grant) { g.Enabled = false }, month, 7},
		{"nor one that nothing wakes", func(g *Grant) {
			g.Health, g.WakeAt = ScopeUpdateRequired, time.Time{}
		}, month, 7},
		{"age comes first", func(g *Grant) { g.Enabled, g.RefreshExpires = false, now.Add(time.Hour) }, month, 1},
		{"idleness comes first", func(g *Grant) { g.Enabled, g.RefreshExpires = false, now.Add(10*day) }, month, 7},
		{"what each use renews dies of nothing", func(g *Grant) { g.RefreshRenewed, g.RefreshExpires = true, now.Add(time.Hour) }, month, 0},
		{"unless nobody uses it", func(g *Grant) {
			g.RefreshRenewed, g.RefreshExpires, g.Enabled = true, now.Add(time.Hour), false
		}, month, 1},
		{"no bound is known", func(g *Grant) { g.Enabled = false }, profile.Token{}, 0},
		{"a person is needed already", func(g *Grant) { g.Health, g.WakeAt = ReauthorizationRequired, time.Time{} }, month, 0},
		{"there is no token", func(g *Grant) { g.Enabled, g.Generation = false, 0 }, month, 0},
	} {
		g := base
		c.edit(&g)
		if f, ok := g.Forecast(c.token, now); f.Days != c.days || ok != (c.days > 0) {
			t.Errorf("%s: %+v, %v, want %d days", c.name, f, ok, c.days)
		}
	}
}

func TestForetells_EachThresholdOnce(t *testing.T) {
	dies := noon.Add(5 * day)
	g := Grant{Foretold: Foretold{Dies: dies, Days: 7}}
	for f, news := range map[Foretold]bool{
		{dies, 7}: false, {dies, 14}: false, {dies, 1}: true, {dies.Add(day), 14}: true,
		{dies.Add(SameDeath), 7}: false, {dies.Add(-SameDeath), 7}: false, {dies.Add(-2 * time.Second), 1}: true,
		{dies.Add(SameDeath + 1), 7}: true, {dies.Add(-SameDeath - 1), 7}: true,
	} {
		if g.Foretells(f) != news {
			t.Errorf("%+v is news: %v, want %v", f, !news, news)
		}
	}
}

// A refresh token of half an hour that each use renews, in a session that ends:
// nobody is told of anything until the end stands still, and of that once.
func TestForetellsAnew_RenewedByUse(t *testing.T) {
	const idle = 30 * time.Minute
	session, looks := noon.Add(10*time.Hour+time.Minute), 0
	g := Grant{Enabled: true, Health: OK}
	for at := noon; at.Before(session); at = at.Add(4 * time.Minute) {
		times := Times{Issued: at, Expires: at.Add(5 * time.Minute), WakeAt: at.Add(4 * time.Minute), RefreshExpires: earliest(at.Add(idle), session)}
		times = times.Following(g)
		if g.ForetellsAnew(times, profile.Token{}) {
			looks++
		}
		g.Generation, g.Issued, g.WakeAt = g.Generation+1, at, times.WakeAt
		g.RefreshExpires, g.RefreshRenewed = times.RefreshExpires, times.RefreshRenewed
		f, near := g.Forecast(profile.Token{}, at)
		if near != (session.Sub(at) < idle-2*time.Minute) || near && (f.Days != 1 || !f.Dies.Equal(session)) {
			t.Fatalf("%v before the end of the session: %+v, %v", session.Sub(at), f, near)
		}
	}
	if looks != 1 {
		t.Errorf("looked %d times, want 1", looks)
	}
}

// The alerter is asked to look once for each threshold, not at every refresh of
// a fortnight, although each answer places the end a little elsewhere.
func TestForetellsAnew_OncePerThreshold(t *testing.T) {
	dies, looks := noon.Add(20*day), 0
	g := Grant{Enabled: true, Health: OK, Generation: 1, Issued: noon, RefreshExpires: dies}
	for at, drift := noon.Add(time.Hour), 2*time.Second; at.Before(dies); at, drift = at.Add(time.Hour), -drift {
		times := Times{Issued: at, Expires: at.Add(time.Hour), WakeAt: at.Add(time.Hour), RefreshExpires: dies.Add(drift)}
		if g.ForetellsAnew(times, profile.Token{}) {
			looks++
		}
		g.Issued, g.WakeAt, g.RefreshExpires = at, times.WakeAt, times.RefreshExpires
	}
	if looks != 3 {
		t.Errorf("looked %d times in 20 days, want 3", looks)
	}
	told := g
	told.Issued, told.Foretold = noon, Foretold{Dies: dies, Days: 1}
	if told.ForetellsAnew(Times{Issued: dies.Add(-time.Hour), WakeAt: dies, RefreshExpires: dies}, profile.Token{}) {
		t.Error("people were told already")
	}
	if g.ForetellsAnew(Times{Issued: dies.Add(-time.Hour), WakeAt: dies, RefreshExpires: dies.Add(90 * day)}, profile.Token{}) {
		t.Error("a token that starts anew is foretold")
	}
}
