package dynamo

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/shared/grant"
	"bellhop/shared/wake"
)

// alertShard is the one shard of the alert index.
const alertShard = wake.AlertShard

func wakeShard(id grant.ID) string { return wake.Shard(string(id)) }

// grantItem is the TOKEN item of a grant. The maps are there from the start:
// DynamoDB sets an entry of a map only if the map exists.
func grantItem(g grant.Grant) item {
	m := grantKey(g.ID)
	m["v"] = num(version)
	for k, v := range map[string]string{
		"id": string(g.ID), "provider": g.Provider, "client": g.Client, "home": g.Home,
		"pair_ref": g.Ref, "account": g.Account, "committed_by": string(g.CommittedBy),
		"token_url": g.TokenURL, "held": g.Held,
	} {
		putStr(m, k, v)
	}
	m["enabled"] = flag(g.Enabled)
	if g.RefreshRenewed {
		m["refresh_renewed"] = flag(true)
	}
	m["generation"], m["epoch"] = num(g.Generation), num(g.Epoch)
	m["holder"], m["attempts"], m["asides"] = leaseItem(m, g.Lease), byNonce(g.Attempts, attemptValue), byNonce(g.Asides, asideValue)
	putFinding(m, g)
	putTimes(m, g)
	if g.Inline != nil {
		m["pair"] = sealedValue(*g.Inline)
	}
	if p := g.Placement; p.Epoch != 0 || p.Writes != 0 || len(p.Retired) > 0 {
		m["placement"] = placementValue(g.Placement)
	}
	if g.Scopes != nil {
		m["scopes"] = list(g.Scopes...)
	}
	if g.Asks != nil {
		m["asks"] = list(g.Asks...)
	}
	for k, n := range map[string]int64{
		"refused": g.Refused, "doubted": g.Doubted, "revived": g.Revived, "episode": g.Episode, "failures": int64(g.Failures), "rejections": int64(g.Rejections), "foretold_days": int64(g.Foretold.Days),
	} {
		if n != 0 {
			m[k] = num(n)
		}
	}
	return m
}

func putFinding(m item, g grant.Grant) {
	if g.Health == grant.ReauthorizationRequired {
		m["reauth"] = str(string(g.Reason))
	}
	if g.Missing != nil || g.Health == grant.ScopeUpdateRequired {
		m["missing_scopes"] = list(g.Missing...)
	}
}

func putTimes(m item, g grant.Grant) {
	for k, t := range map[string]time.Time{
		"issued": g.Issued, "expires": g.Expires, "refresh_at": g.RefreshAt,
		"wake_at": g.WakeAt, "episode_since": g.EpisodeSince, "alert_due": g.AlertDue,
		"refresh_expires": g.RefreshExpires, "foretold_dies": g.Foretold.Dies,
	} {
		if !t.IsZero() {
			m[k] = ms(t)
		}
	}
	if !g.WakeAt.IsZero() {
		m["wake_shard"] = str(wakeShard(g.ID))
	}
	if !g.AlertDue.IsZero() {
		m["alert_shard"] = str(alertShard)
	}
}

// grantOf reads a TOKEN item.
func grantOf(m item) (grant.Grant, error) {
	if err := known(m); err != nil {
		return grant.Grant{}, err
	}
	g := grant.Grant{
		ID: grant.ID(getStr(m, "id")), Provider: getStr(m, "provider"),
		Client: getStr(m, "client"), Home: getStr(m, "home"),
		Enabled: getFlag(m, "enabled"), Health: grant.OK,
		Generation: getNum(m, "generation"), Epoch: getNum(m, "epoch"),
		Ref: getStr(m, "pair_ref"), Placement: placementOf(getMap(m, "placement")),
		Lease: leaseOf(m), Attempts: attemptsOf(getMap(m, "attempts")), Asides: asidesOf(getMap(m, "asides")),
		Refused: getNum(m, "refused"), Doubted: getNum(m, "doubted"), Revived: getNum(m, "revived"),
		Issued: getTime(m, "issued"), Expires: getTime(m, "expires"),
		RefreshAt: getTime(m, "refresh_at"), WakeAt: getTime(m, "wake_at"),
		RefreshExpires: getTime(m, "refresh_expires"), RefreshRenewed: getFlag(m, "refresh_renewed"), Held: getStr(m, "held"),
		TokenURL: getStr(m, "token_url"), Asks: getList(m, "asks"),
		Foretold: grant.Foretold{Dies: getTime(m, "foretold_dies"), Days: int(getNum(m, "foretold_days"))},
		Scopes:   getList(m, "scopes"), Account: getStr(m, "account"),
		Episode: getNum(m, "episode"), EpisodeSince: getTime(m, "episode_since"), AlertDue: getTime(m, "alert_due"),
		CommittedBy: grant.Nonce(getStr(m, "committed_by")), Failures: int(getNum(m, "failures")), Rejections: int(getNum(m, "rejections")),
	}
	if p := getMap(m, "pair"); p != nil {
		s := sealedBytesOf(p)
		g.Inline = &s
	}
	if len(g.Scopes) == 0 {
		g.Scopes = nil // a roll writes an empty list for "never known"
	}
	readFinding(m, &g)
	return g, nil
}

// readFinding derives the health from the findings that stand: a dead grant
// comes before a missing scope.
func readFinding(m item, g *grant.Grant) {
	if _, stands := m["missing_scopes"]; stands {
		g.Missing = getList(m, "missing_scopes")
		g.Health, g.Reason = grant.ScopeUpdateRequired, grant.ScopeMissing
	}
	if _, stands := m["reauth"]; stands {
		g.Health, g.Reason = grant.ReauthorizationRequired, grant.Reason(getStr(m, "reauth"))
	}
}

func sealedValue(s grant.Sealed) types.AttributeValue { return mapOf(sealedBytes(s)) }

// leaseItem is the holder map, and sets the deadline beside it.
func leaseItem(m item, l *grant.Lease) types.AttributeValue {
	holder := item{}
	if l != nil {
		holder[string(l.Owner)] = num(1)
		m["deadline"] = ms(l.Deadline)
	}
	return mapOf(holder)
}

// leaseOf reads the lease. A deadline that stands alone is of a lease that has
// ended.
func leaseOf(m item) *grant.Lease {
	for owner := range getMap(m, "holder") {
		return &grant.Lease{Owner: grant.Nonce(owner), Deadline: getTime(m, "deadline")}
	}
	return nil
}

func attemptValue(a grant.Attempt) types.AttributeValue {
	return mapOf(item{"kind": str(string(a.Kind)), "gen": num(a.Generation), "at": ms(a.At)})
}

// byNonce makes a map attribute of what holders left, by their nonces.
func byNonce[T any](all map[grant.Nonce]T, value func(T) types.AttributeValue) types.AttributeValue {
	m := item{}
	for n, v := range all {
		m[string(n)] = value(v)
	}
	return mapOf(m)
}

func attemptsOf(m item) map[grant.Nonce]grant.Attempt {
	all := make(map[grant.Nonce]grant.Attempt, len(m))
	for n := range m {
		a := getMap(m, n)
		all[grant.Nonce(n)] = grant.Attempt{Kind: grant.Kind(getStr(a, "kind")), Generation: getNum(a, "gen"), At: getTime(a, "at")}
	}
	return all
}

func asideValue(a grant.Aside) types.AttributeValue {
	m := item{"sealed": sealedValue(a.Sealed), "base": num(a.Base), "at": ms(a.At)}
	for k, t := range map[string]time.Time{"issued": a.Issued, "expires": a.Expires, "refresh_expires": a.RefreshExpires} {
		if !t.IsZero() {
			m[k] = ms(t)
		}
	}
	if a.Scopes != nil {
		m["scopes"] = list(a.Scopes...)
	}
	for k, is := range map[string]bool{"former": a.Former, "raw": a.Raw} {
		if is {
			m[k] = flag(true)
		}
	}
	return mapOf(m)
}

func asidesOf(m item) map[grant.Nonce]grant.Aside {
	all := make(map[grant.Nonce]grant.Aside, len(m))
	for n := range m {
		a := getMap(m, n)
		all[grant.Nonce(n)] = grant.Aside{
			Sealed: sealedBytesOf(getMap(a, "sealed")), Base: getNum(a, "base"), At: getTime(a, "at"),
			Issued: getTime(a, "issued"), Expires: getTime(a, "expires"), Scopes: getList(a, "scopes"),
			RefreshExpires: getTime(a, "refresh_expires"),
			Former:         getFlag(a, "former"), Raw: getFlag(a, "raw"),
		}
	}
	return all
}

func placementValue(p grant.Placement) types.AttributeValue {
	m := item{"epoch": num(p.Epoch), "writes": num(int64(p.Writes))}
	if !p.Since.IsZero() {
		m["since"] = ms(p.Since)
	}
	if !p.Put.IsZero() {
		m["put"] = ms(p.Put)
	}
	if len(p.Retired) > 0 {
		m["retired"] = list(p.Retired...)
	}
	return mapOf(m)
}

func placementOf(m item) grant.Placement {
	return grant.Placement{
		Epoch: getNum(m, "epoch"), Writes: int(getNum(m, "writes")),
		Since: getTime(m, "since"), Put: getTime(m, "put"), Retired: getList(m, "retired"),
	}
}
