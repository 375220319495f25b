package dynamo

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/profile"
)

// known refuses an item that a later release wrote: what it means there is not
// for this one to guess. An index or a half-read item without "v" is refused
// too.
func known(m item) error {
	if v := getNum(m, "v"); v != version {
		return fmt.Errorf("item %s %s has version %d, this release knows %d", getStr(m, "pk"), getStr(m, "sk"), v, version)
	}
	return nil
}

// connectionItem is the META item of a connection. Empty fields are left out.
func connectionItem(c connection.Connection) item {
	m := key("CONN#"+string(c.ID), "META")
	m["v"] = num(version)
	for k, v := range map[string]string{
		"id": string(c.ID), "property": c.Property, "hotel": c.Hotel, "provider": c.Provider,
		"grant": string(c.Grant), "remote_property": c.RemoteProperty,
		"owner_name": c.Owner.Name, "owner_contact": c.Owner.Contact,
		"zone": c.Zone, "currency": c.Currency,
	} {
		putStr(m, k, v)
	}
	if len(c.Mappings) > 0 {
		mappings := item{}
		for k, v := range c.Mappings {
			mappings[k] = str(v)
		}
		m["mappings"] = mapOf(mappings)
	}
	m["revision_is_time"] = flag(c.RevisionIsTime)
	putSealed(m, "signing", c.Signing)
	putSealed(m, "webhook_secret", c.WebhookSecret)
	if !c.Created.IsZero() {
		m["created"] = ms(c.Created)
	}
	return m
}

func connectionOf(m item) connection.Connection {
	c := connection.Connection{
		ID:             connection.ID(getStr(m, "id")),
		Property:       getStr(m, "property"),
		Hotel:          getStr(m, "hotel"),
		Provider:       getStr(m, "provider"),
		Grant:          grant.ID(getStr(m, "grant")),
		RemoteProperty: getStr(m, "remote_property"),
		Owner:          connection.Owner{Name: getStr(m, "owner_name"), Contact: getStr(m, "owner_contact")},
		Zone:           getStr(m, "zone"),
		Currency:       getStr(m, "currency"),
		RevisionIsTime: getFlag(m, "revision_is_time"),
		Signing:        sealedAt(m, "signing"),
		WebhookSecret:  sealedAt(m, "webhook_secret"),
		Created:        getTime(m, "created"),
	}
	if mappings := getMap(m, "mappings"); len(mappings) > 0 {
		c.Mappings = make(map[string]string, len(mappings))
		for k := range mappings {
			c.Mappings[k] = getStr(mappings, k)
		}
	}
	return c
}

// clientItem is the CLIENT item of a client.
func clientItem(c connection.Client) item {
	m := key("CLIENT#"+c.ID, "CLIENT")
	m["v"] = num(version)
	for k, v := range map[string]string{
		"id": c.ID, "provider": c.Provider, "client_id": c.ClientID, "redirect_uri": c.RedirectURI,
		"endpoint_token": c.Endpoints.Token, "endpoint_authorize": c.Endpoints.Authorize,
		"endpoint_revoke": c.Endpoints.Revoke, "endpoint_userinfo": c.Endpoints.UserInfo,
		"endpoint_introspect": c.Endpoints.Introspect, "endpoint_api": c.Endpoints.API,
	} {
		putStr(m, k, v)
	}
	if r := c.Rotation; r != nil {
		m["rotation"] = mapOf(item{"policy": str(r.Policy), "grace_ms": num(r.Grace.D().Milliseconds())})
	}
	if !c.Created.IsZero() {
		m["created"] = ms(c.Created)
	}
	return m
}

func clientOf(m item) connection.Client {
	c := connection.Client{
		ID:          getStr(m, "id"),
		Provider:    getStr(m, "provider"),
		ClientID:    getStr(m, "client_id"),
		RedirectURI: getStr(m, "redirect_uri"),
		Endpoints: profile.Endpoints{
			Token: getStr(m, "endpoint_token"), Authorize: getStr(m, "endpoint_authorize"),
			Revoke: getStr(m, "endpoint_revoke"), UserInfo: getStr(m, "endpoint_userinfo"),
			Introspect: getStr(m, "endpoint_introspect"), API: getStr(m, "endpoint_api"),
		},
		Created: getTime(m, "created"),
	}
	if r := getMap(m, "rotation"); r != nil {
		c.Rotation = &profile.Rotation{
			Policy: getStr(r, "policy"),
			Grace:  profile.Seconds(time.Duration(getNum(r, "grace_ms")) * time.Millisecond),
		}
	}
	return c
}

// putStr sets an attribute unless it is empty.
func putStr(m item, k, v string) {
	if v != "" {
		m[k] = str(v)
	}
}

// putSealed sets a list of sealed values, unless there is none.
func putSealed(m item, k string, sealed []grant.Sealed) {
	if len(sealed) > 0 {
		m[k] = sealedList(sealed)
	}
}

func sealedList(sealed []grant.Sealed) types.AttributeValue {
	l := make([]types.AttributeValue, len(sealed))
	for i, s := range sealed {
		l[i] = mapOf(sealedBytes(s))
	}
	return &types.AttributeValueMemberL{Value: l}
}

func sealedAt(m item, k string) []grant.Sealed {
	l, ok := m[k].(*types.AttributeValueMemberL)
	if !ok {
		return nil
	}
	sealed := make([]grant.Sealed, 0, len(l.Value))
	for _, e := range l.Value {
		if v, ok := e.(*types.AttributeValueMemberM); ok {
			sealed = append(sealed, sealedBytesOf(v.Value))
		}
	}
	return sealed
}

// sealedBytes is a small sealed value that is not a token pair: a signing
// secret, a PKCE verifier, a reconnect ticket.
func sealedBytes(s grant.Sealed) item {
	return item{"key": str(s.Key), "gen": num(s.Generation), "data": bin(s.Data)}
}

func sealedBytesOf(m item) grant.Sealed {
	return grant.Sealed{Key: getStr(m, "key"), Generation: getNum(m, "gen"), Data: getBin(m, "data")}
}
