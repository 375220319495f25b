package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRefresh_RotatesThePair(t *testing.T) {
	w := newWorld(t, Config{})
	first := w.connect("1001")
	r := w.refresh(first.refresh)
	second := w.pair(r)
	if second.access == first.access || second.refresh == first.refresh || second.refresh == "" {
		t.Fatal("the pair did not rotate")
	}
	w.want("expires_in", r.json(t)["expires_in"], float64(60))
	w.want("scope", r.text(t, "scope"), "read:rate write:rate")
	w.want("new access token works", w.alive(second.access), true)
	w.want("generations", w.summary().Refresh.Generations, 1)
	w.want("per generation", w.summary().Refresh.PerGeneration, "1.00")
}

func TestRefresh_WithinTheGrace_AnswersAgainAndTheNewestLives(t *testing.T) {
	w := newWorld(t, Config{ReuseGrace: 30 * time.Second})
	first := w.connect("1001")
	second := w.pair(w.refresh(first.refresh))
	w.pass(30*time.Second - time.Millisecond)
	third := w.pair(w.refresh(first.refresh))
	w.want("reason", w.lastReason(), ReasonRecovery)
	if third.refresh == second.refresh {
		t.Fatal("the answer was repeated instead of renewed")
	}
	fourth := w.pair(w.refresh(third.refresh))
	w.want("recoveries", w.summary().Refresh.Recoveries, 1)
	w.want("per generation", w.summary().Refresh.PerGeneration, "1.00")
	w.want("twice outside grace", w.summary().Refresh.TwiceOutsideGrace, 0)
	// The pair whose answer was lost is superseded: it has its own grace, no more.
	w.pass(31 * time.Second)
	w.want("the sibling after its grace", w.refresh(second.refresh).status, 400)
	w.want("detected as reuse, so the newest is dead too", w.refresh(fourth.refresh).status, 400)
}

func TestRefresh_SiblingWithinItsGrace_Answers(t *testing.T) {
	w := newWorld(t, Config{})
	first := w.connect("1001")
	second := w.pair(w.refresh(first.refresh))
	w.pair(w.refresh(first.refresh))
	w.pass(29 * time.Second)
	w.pair(w.refresh(second.refresh))
	w.want("reason", w.lastReason(), ReasonSibling)
	w.want("a first presentation is no recovery", w.summary().Refresh.Recoveries, 1)
}

func TestRefresh_GraceIsNotExtendedByUsingIt(t *testing.T) {
	w := newWorld(t, Config{})
	first := w.connect("1001")
	w.pair(w.refresh(first.refresh))
	w.pass(20 * time.Second)
	w.pair(w.refresh(first.refresh))
	w.pass(10 * time.Second)
	w.want("30 s after the first rotation", w.refresh(first.refresh).status, 400)
}

func TestRefresh_ReuseAfterTheGrace_RevokesTheFamily(t *testing.T) {
	w := newWorld(t, Config{})
	first, other := w.connect("1001"), w.connect("1001")
	second := w.pair(w.refresh(first.refresh))
	w.pass(30 * time.Second)
	r := w.refresh(first.refresh)
	w.want("status", r.status, 400)
	w.want("error", r.text(t, "error"), "invalid_grant")
	w.want("reason", w.lastReason(), ReasonReuse)
	w.want("the live access token", w.alive(second.access), false)
	w.want("the live refresh token", w.refresh(second.refresh).status, 400)
	w.want("why", w.lastReason(), ReasonRevoked)
	w.want("another consent of the same owner", w.refresh(other.refresh).status, 200)
	w.want("reuses", w.summary().Refresh.Reuses, 1)
	w.want("twice outside grace", w.summary().Refresh.TwiceOutsideGrace, 1)
}

func TestRefresh_ReuseRefusedPlainly_LeavesTheFamily(t *testing.T) {
	w := newWorld(t, Config{ReuseGrace: -1, ReuseRefused: true})
	first := w.connect("1001")
	second := w.pair(w.refresh(first.refresh))
	w.want("the old one", w.refresh(first.refresh).status, 400)
	w.want("reason", w.lastReason(), ReasonSuperseded)
	w.want("the new one", w.refresh(second.refresh).status, 200)
}

func TestRefresh_SwitchesActAtRunTimeAndPerPersona(t *testing.T) {
	w := newWorld(t, Config{})
	first := w.connect("1001")
	w.pair(w.refresh(first.refresh))
	w.switches(Cloudbeds, func(v *Switches) { v.ReuseGrace, v.Reuse = 0, ReuseRefuse })
	w.want("grace off", w.refresh(first.refresh).status, 400)
	w.switches(Cloudbeds, func(v *Switches) { v.ReuseGrace = 60_000 })
	w.want("grace on", w.refresh(first.refresh).status, 200)
	generic, err := w.admin.Switches(t.Context(), Generic)
	if err != nil {
		t.Fatal(err)
	}
	w.want("the other persona's grace", generic.ReuseGrace, int64(30_000))
}

func TestRefresh_OldAccessTokenLivesOrDiesBySwitch(t *testing.T) {
	for _, dies := range []bool{false, true} {
		w := newWorld(t, Config{OldAccessDiesAtRefresh: dies})
		first := w.connect("1001")
		w.pair(w.refresh(first.refresh))
		w.want("the old access token is alive", w.alive(first.access), !dies)
		if dies {
			w.want("reason", w.lastReason(), ReasonSuperseded)
		}
	}
}

func TestRefresh_LifetimeOfTheRefreshToken(t *testing.T) {
	w := newWorld(t, Config{RefreshTokenLifetime: time.Hour})
	first := w.connect("1001")
	w.pass(time.Hour)
	w.want("status", w.refresh(first.refresh).status, 400)
	w.want("reason", w.lastReason(), ReasonExpired)
}

func TestRefresh_TwoHoldersAtOnce_OneIsFirst(t *testing.T) {
	w := newWorld(t, Config{})
	first := w.connect("1001")
	w.fault(Fault{Kind: FaultLatency, Endpoint: "token", Millis: 200, Count: 1})
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { _, _ = w.try("POST", cbToken, refreshForm(first.refresh).Encode(), formHeader) })
	}
	both.Wait()
	m := w.summary().Refresh
	w.want("presentations", m.Presentations, 2)
	w.want("recoveries", m.Recoveries, 1)
	w.want("overlapped", m.Overlapped, 1)
}

func TestRefresh_ByAnotherClient_IsRefused(t *testing.T) {
	w := newWorld(t, Config{})
	first := w.connect("1001")
	form := refreshForm(first.refresh)
	form.Set("client_id", "rival")
	form.Set("client_secret", "cb-rival")
	w.want("status", w.form(cbToken, form).status, 400)
	w.want("reason", w.lastReason(), ReasonOtherFault)
	w.want("the owner's client", w.refresh(first.refresh).status, 200)
}

func TestToken_ClientAuthentication(t *testing.T) {
	w := newWorld(t, Config{})
	first := w.connect("1001")
	wrong := refreshForm(first.refresh)
	wrong.Set("client_secret", "guess")
	r := w.form(cbToken, wrong)
	w.want("wrong secret", r.status, 401)
	w.want("error", r.text(t, "error"), "invalid_client")
	w.want("the token was not looked at", w.lastReason(), ReasonUnexamined)
	w.want("so it was not presented", w.summary().Refresh.Presentations, 0)

	next := refreshForm(first.refresh)
	next.Set("client_secret", "cb-next")
	w.want("the second of two secrets", w.form(cbToken, next).status, 200)

	twice := refreshForm("x")
	twice.Add("grant_type", "refresh_token")
	w.want("a parameter given twice", w.form(cbToken, twice).status, 400)

	header := map[string]string{"Content-Type": formHeader["Content-Type"], "Authorization": basic("bellhop", "cb-secret")}
	w.want("cloudbeds takes no Basic", w.send("POST", cbToken, refreshForm("x").Encode(), header).status, 401)
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

func TestCode_WorksOnceOnly_AndASecondUseRevokes(t *testing.T) {
	w := newWorld(t, Config{})
	code := w.code("1001")
	first := w.pair(w.form(cbToken, codeForm(code)))
	w.want("second use", w.form(cbToken, codeForm(code)).status, 400)
	w.want("what it had brought", w.refresh(first.refresh).status, 400)
}

func TestCode_Expires(t *testing.T) {
	w := newWorld(t, Config{})
	code := w.code("1001")
	w.pass(time.Minute)
	w.want("status", w.form(cbToken, codeForm(code)).status, 400)
}

func TestCode_WrongVerifier_OrRedirect_OrNone(t *testing.T) {
	for name, spoil := range map[string]func(url.Values){
		"wrong verifier":      func(v url.Values) { v.Set("code_verifier", strings.Repeat("x", 43)) },
		"no verifier":         func(v url.Values) { v.Del("code_verifier") },
		"another redirect":    func(v url.Values) { v.Set("redirect_uri", callback+"/") },
		"no redirect":         func(v url.Values) { v.Del("redirect_uri") },
		"another client":      func(v url.Values) { v.Set("client_id", "rival"); v.Set("client_secret", "cb-rival") },
		"a code of somewhere": func(v url.Values) { v.Set("code", "abc.def") },
	} {
		w := newWorld(t, Config{})
		form := codeForm(w.code("1001"))
		spoil(form)
		r := w.form(cbToken, form)
		w.want(name, r.status, 400)
		w.want(name, r.text(t, "error"), "invalid_grant")
	}
}

func TestCode_TellsTheProperty(t *testing.T) {
	w := newWorld(t, Config{})
	r := w.form(cbToken, codeForm(w.code("1001")))
	if !strings.Contains(r.body, `"resources":[{"id":"1001","type":"property"}]`) {
		t.Errorf("no resources in %s", r.body)
	}
	info := w.send("GET", "/cloudbeds/api/v1.3/userinfo", "", bearerHeader(w.pair(r).access)).json(t)
	w.want("user_id", info["user_id"], "owner-a")
	w.want("property_id", info["property_id"], "1001")
}

func TestClientCredentials_ByBasicOrBody_GivesAJWT(t *testing.T) {
	w := newWorld(t, Config{BaseURL: "http://sandbox.example"})
	w.pass(300 * time.Millisecond)
	header := map[string]string{"Content-Type": formHeader["Content-Type"], "Authorization": basic("pms", "generic-secret")}
	r := w.send("POST", genToken, "grant_type=client_credentials&scope=rates:write+rates:read", header)
	token := w.pair(r)
	w.want("no refresh token", token.refresh, "")
	claims := jwtClaims(t, token.access)
	iat, exp := claims["iat"].(float64), claims["exp"].(float64)
	w.want("lifetime by claims", exp-iat, float64(60))
	w.want("issued", int64(iat), w.clock().Unix())
	w.want("issuer", claims["iss"], "http://sandbox.example/generic")
	w.want("scope", claims["scope"], "rates:write rates:read")
	w.clientToken() // by the body
	w.want("counted", w.summary().ClientTokens, 2)

	header["Authorization"] = basic("pms", "wrong")
	r = w.send("POST", genToken, "grant_type=client_credentials", header)
	w.want("wrong secret", r.status, 401)
	w.want("challenge", r.header.Get("WWW-Authenticate"), `Basic realm="sandbox"`)
	header["Authorization"] = basic("pms", "generic-secret")
	w.want("two ways at once", w.send("POST", genToken, "grant_type=client_credentials&client_secret=x", header).status, 400)
	w.want("another grant", w.send("POST", genToken, "grant_type=password", header).status, 400)
	r = w.send("POST", genToken, "grant_type=client_credentials&scope=admin", header)
	w.want("a scope too many", r.text(t, "error"), "invalid_scope")
}

func jwtClaims(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %d parts", len(parts))
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(text, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestAccessToken_EndsAtTheSecondItNames(t *testing.T) {
	w := newWorld(t, Config{})
	generic, cloudbeds := w.clientToken(), w.connect("1001").access
	w.pass(time.Minute - time.Millisecond)
	w.want("generic, a millisecond before", w.send("GET", "/generic/v2/jobs/x", "", bearerHeader(generic)).status, 404)
	w.want("cloudbeds, a millisecond before", w.alive(cloudbeds), true)
	w.pass(time.Millisecond)
	r := w.send("GET", "/generic/v2/jobs/x", "", bearerHeader(generic))
	w.want("generic", r.status, 401)
	w.want("challenge", r.header.Get("WWW-Authenticate"), `Bearer error="invalid_token"`)
	w.want("cloudbeds", w.alive(cloudbeds), false)
	w.want("reason", w.lastReason(), ReasonExpired)
}

func TestAccessToken_JWTIssuedWithinASecond_EndsOnTheClaimsSecond(t *testing.T) {
	w := newWorld(t, Config{})
	w.pass(300 * time.Millisecond)
	token := w.clientToken()
	w.pass(time.Minute - 301*time.Millisecond)
	w.want("just before exp", w.send("GET", "/generic/v2/jobs/x", "", bearerHeader(token)).status, 404)
	w.pass(time.Millisecond)
	w.want("exp", w.clock().Unix(), int64(jwtClaims(t, token)["exp"].(float64)))
	w.want("at exp", w.send("GET", "/generic/v2/jobs/x", "", bearerHeader(token)).status, 401)
}

func TestAccessToken_AlteredOrMisplaced_IsUnknown(t *testing.T) {
	w := newWorld(t, Config{})
	p, jwt := w.connect("1001"), w.clientToken()
	head, rest, _ := strings.Cut(jwt, ".")
	for name, token := range map[string]string{
		"altered JWT with the true signature": head + "x." + rest,
		"the other persona's":                 p.access,
		"a refresh token":                     p.refresh,
	} {
		w.want(name, w.send("GET", "/generic/v2/jobs/x", "", bearerHeader(token)).status, 401)
		w.want(name, w.lastReason(), ReasonUnknown)
	}
	r := w.send("GET", "/generic/v2/jobs/x", "", nil)
	w.want("no token", r.header.Get("WWW-Authenticate"), `Bearer realm="sandbox"`)
}

func TestRevocation_OfEitherToken_EndsBoth(t *testing.T) {
	for _, which := range []func(pair) string{func(p pair) string { return p.access }, func(p pair) string { return p.refresh }} {
		w := newWorld(t, Config{})
		p := w.connect("1001")
		form := url.Values{"token": {which(p)}, "client_id": {"bellhop"}, "client_secret": {"cb-secret"}}
		w.want("status", w.form("/cloudbeds/oauth/revoke", form).status, 200)
		w.want("access token", w.alive(p.access), false)
		w.want("refresh token", w.refresh(p.refresh).status, 400)
	}
}

func TestRevocation_Refusals(t *testing.T) {
	w := newWorld(t, Config{})
	p := w.connect("1001")
	form := url.Values{"token": {"unknown"}, "client_id": {"bellhop"}, "client_secret": {"cb-secret"}}
	w.want("an unknown token is no error", w.form("/cloudbeds/oauth/revoke", form).status, 200)
	form = url.Values{"token": {p.refresh}, "client_id": {"bellhop"}, "client_secret": {"wrong"}}
	w.want("a wrong secret", w.form("/cloudbeds/oauth/revoke", form).status, 401)
	form = url.Values{"token": {p.refresh}, "client_id": {"rival"}, "client_secret": {"cb-rival"}}
	w.form("/cloudbeds/oauth/revoke", form)
	w.want("nobody revoked it", w.refresh(p.refresh).status, 200)
}

func TestIntrospection_FollowsTheToken(t *testing.T) {
	w := newWorld(t, Config{})
	token := w.clientToken()
	ask := func() map[string]any {
		header := map[string]string{"Content-Type": formHeader["Content-Type"], "Authorization": basic("pms", "generic-secret")}
		return w.send("POST", "/generic/oauth/introspect", url.Values{"token": {token}}.Encode(), header).json(t)
	}
	answer := ask()
	w.want("active", answer["active"], true)
	w.want("exp", answer["exp"], float64(w.clock().Add(time.Minute).Unix()))
	w.want("client", answer["client_id"], "pms")
	w.want("it does not count as use", w.lastReason(), ReasonNamed)
	w.pass(time.Minute)
	w.want("after its end", ask()["active"], false)
	w.want("without authentication", w.form("/generic/oauth/introspect", url.Values{"token": {token}}).status, 401)
}
