package invtest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/profile"
)

// Suite holds an inventory to its contract. It expects an empty one for every
// call of fresh.
func Suite(t *testing.T, fresh func(t *testing.T) connection.Inventory) {
	for name, story := range map[string]func(*testing.T, connection.Inventory){
		"ComesBackWhole":            comesBackWhole,
		"AnIdIsTakenOnce":           anIDIsTakenOnce,
		"UnknownIsSaidSo":           unknownIsSaidSo,
		"FoundByPropertyAndByGrant": foundByPropertyAndByGrant,
		"AllCanBeLeftEarly":         allCanBeLeftEarly,
		"PrefixesAreNotConfused":    prefixesAreNotConfused,
		"ClientsAreListed":          clientsAreListed,
		"RemovedIsFoundNowhere":     removedIsFoundNowhere,
		"ResealedAndNothingElse":    resealedAndNothingElse,
	} {
		t.Run(name, func(t *testing.T) { story(t, fresh(t)) })
	}
}

// Lisbon is a connection with every field set.
func Lisbon() connection.Connection {
	return connection.Connection{
		ID: "lisbon-1", Property: "LIS", Hotel: "Hotel Lisboa", Provider: "cloudbeds", Grant: "grant-1",
		RemoteProperty: "4711",
		Owner:          connection.Owner{Name: "Ana Sousa", Contact: "ana@example.com"},
		Zone:           "Europe/Lisbon", Currency: "EUR",
		Mappings:       map[string]string{"DBL/BAR": "88", "DBL/": "89"},
		RevisionIsTime: true,
		Signing:        []grant.Sealed{{Key: "k1", Generation: 3, Data: []byte{1, 2, 0, 255}}, {Key: "k2", Data: []byte{9}}},
		WebhookSecret:  []grant.Sealed{{Key: "k1", Data: []byte{7}}},
		Created:        time.UnixMilli(1_700_000_000_123),
	}
}

// Registration is a client with every field set.
func Registration() connection.Client {
	return connection.Client{
		ID: "main", Provider: "cloudbeds", ClientID: "live_1", RedirectURI: "https://connect.example.com/oauth/callback",
		Endpoints: profile.Endpoints{
			Token: "http://127.0.0.1:1/t", Authorize: "http://127.0.0.1:1/a", Revoke: "http://127.0.0.1:1/r",
			Introspect: "http://127.0.0.1:1/i", UserInfo: "http://127.0.0.1:1/u", API: "http://127.0.0.1:1/api",
		},
		Rotation: &profile.Rotation{Policy: "grace", Grace: profile.Seconds(30 * time.Second)},
		Created:  time.UnixMilli(1_700_000_000_456),
	}
}

func comesBackWhole(t *testing.T, s connection.Inventory) {
	add(t, s, Lisbon())
	got, err := s.Connection(t.Context(), "lisbon-1")
	if err != nil || !reflect.DeepEqual(got, Lisbon()) {
		t.Errorf("Connection = %+v, %v; want %+v", got, err, Lisbon())
	}
	bare := connection.Connection{ID: "bare", Property: "B", Grant: "g"}
	add(t, s, bare)
	if got, err := s.Connection(t.Context(), "bare"); err != nil || !reflect.DeepEqual(got, bare) {
		t.Errorf("Connection = %+v, %v; want %+v", got, err, bare)
	}
	if err := s.AddClient(t.Context(), Registration()); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Client(t.Context(), "main"); err != nil || !reflect.DeepEqual(got, Registration()) {
		t.Errorf("Client = %+v, %v; want %+v", got, err, Registration())
	}
}

func anIDIsTakenOnce(t *testing.T, s connection.Inventory) {
	add(t, s, Lisbon())
	other := Lisbon()
	other.Property, other.Grant = "PRG", "grant-2"
	if err := s.Add(t.Context(), other); !errors.Is(err, connection.ErrExists) {
		t.Errorf("second Add: %v, want ErrExists", err)
	}
	// All or nothing: the refused one is in no list either.
	if found, err := s.Of(t.Context(), "PRG"); err != nil || len(found) != 0 {
		t.Errorf("Of(PRG) = %v, %v; want none", found, err)
	}
	if found, err := s.ByGrant(t.Context(), "grant-2"); err != nil || len(found) != 0 {
		t.Errorf("ByGrant(grant-2) = %v, %v; want none", found, err)
	}
	if got, err := s.Connection(t.Context(), "lisbon-1"); err != nil || got.Property != "LIS" {
		t.Errorf("the first one is now of property %q (%v)", got.Property, err)
	}
	if err := s.AddClient(t.Context(), Registration()); err != nil {
		t.Fatal(err)
	}
	if err := s.AddClient(t.Context(), Registration()); !errors.Is(err, connection.ErrClientExists) {
		t.Errorf("second AddClient: %v, want ErrClientExists", err)
	}
}

func unknownIsSaidSo(t *testing.T, s connection.Inventory) {
	if _, err := s.Connection(t.Context(), "nobody"); !errors.Is(err, connection.ErrUnknown) {
		t.Errorf("Connection: %v, want ErrUnknown", err)
	}
	if _, err := s.Client(t.Context(), "nobody"); !errors.Is(err, connection.ErrUnknownClient) {
		t.Errorf("Client: %v, want ErrUnknownClient", err)
	}
	for name, list := range map[string]func(context.Context) (int, error){
		"Of":      func(ctx context.Context) (int, error) { l, err := s.Of(ctx, "X"); return len(l), err },
		"ByGrant": func(ctx context.Context) (int, error) { l, err := s.ByGrant(ctx, "X"); return len(l), err },
		"Clients": func(ctx context.Context) (int, error) { l, err := s.Clients(ctx); return len(l), err },
	} {
		if n, err := list(t.Context()); n != 0 || err != nil {
			t.Errorf("%s = %d of them, %v; want none", name, n, err)
		}
	}
}

func foundByPropertyAndByGrant(t *testing.T, s connection.Inventory) {
	for _, c := range []connection.Connection{
		{ID: "lis-cb", Property: "LIS", Grant: "owner", Provider: "cloudbeds"},
		{ID: "lis-gen", Property: "LIS", Grant: "chain", Provider: "generic"},
		{ID: "prg-gen", Property: "PRG", Grant: "chain", Provider: "generic"},
	} {
		add(t, s, c)
	}
	found, err := s.Of(t.Context(), "LIS")
	expect(t, "Of(LIS)", found, err, "lis-cb", "lis-gen")
	found, err = s.ByGrant(t.Context(), "chain")
	expect(t, "ByGrant(chain)", found, err, "lis-gen", "prg-gen")
}

func allCanBeLeftEarly(t *testing.T, s connection.Inventory) {
	for i := range 40 {
		add(t, s, connection.Connection{ID: connection.ID(fmt.Sprintf("c%02d", i)), Property: "P", Grant: "g"})
	}
	seen := map[connection.ID]bool{}
	if err := s.All(t.Context(), func(c connection.Connection) bool { seen[c.ID] = true; return true }); err != nil || len(seen) != 40 {
		t.Errorf("All yielded %d different ones, %v; want 40", len(seen), err)
	}
	n := 0
	if err := s.All(t.Context(), func(connection.Connection) bool { n++; return n < 3 }); err != nil || n != 3 {
		t.Errorf("All yielded %d after being told to stop at 3 (%v)", n, err)
	}
}

func prefixesAreNotConfused(t *testing.T, s connection.Inventory) {
	add(t, s, connection.Connection{ID: "a", Property: "LIS", Grant: "g"})
	add(t, s, connection.Connection{ID: "b", Property: "LIS2", Grant: "g2"})
	add(t, s, connection.Connection{ID: "c#d", Property: "CONN#a", Grant: "CONN"})
	found, err := s.Of(t.Context(), "LIS")
	expect(t, "Of(LIS)", found, err, "a")
	found, err = s.ByGrant(t.Context(), "g")
	expect(t, "ByGrant(g)", found, err, "a")
	found, err = s.ByGrant(t.Context(), "CONN")
	expect(t, "ByGrant(CONN)", found, err, "c#d")
}

func clientsAreListed(t *testing.T, s connection.Inventory) {
	for _, id := range []string{"b", "a"} {
		if err := s.AddClient(t.Context(), connection.Client{ID: id, Provider: "generic"}); err != nil {
			t.Fatal(err)
		}
	}
	l, err := s.Clients(t.Context())
	if err != nil || len(l) != 2 || l[0].ID != "a" || l[1].ID != "b" {
		t.Errorf("Clients = %+v, %v; want a and b", l, err)
	}
}

func removedIsFoundNowhere(t *testing.T, s connection.Inventory) {
	c := Lisbon()
	other := c
	other.ID = "lisbon-2"
	add(t, s, c)
	add(t, s, other)
	if err := s.Remove(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Connection(t.Context(), c.ID); !errors.Is(err, connection.ErrUnknown) {
		t.Errorf("Connection: %v, want ErrUnknown", err)
	}
	found, err := s.Of(t.Context(), c.Property)
	expect(t, "Of", found, err, "lisbon-2")
	found, err = s.ByGrant(t.Context(), c.Grant)
	expect(t, "ByGrant", found, err, "lisbon-2")
	var all []connection.Connection
	err = s.All(t.Context(), func(c connection.Connection) bool { all = append(all, c); return true })
	expect(t, "All", all, err, "lisbon-2")
	if err := s.Remove(t.Context(), c); !errors.Is(err, connection.ErrUnknown) {
		t.Errorf("removed twice: %v, want ErrUnknown", err)
	}
	add(t, s, c) // the id is free again
}

func resealedAndNothingElse(t *testing.T, s connection.Inventory) {
	was := Lisbon()
	add(t, s, was)
	is := was
	is.Signing = []grant.Sealed{{Key: "k2", Data: []byte{5}}}
	is.Hotel, is.Mappings = "another", nil
	if err := s.Reseal(t.Context(), was, is); err != nil {
		t.Fatal(err)
	}
	want := was
	want.Signing = is.Signing
	if got, err := s.Connection(t.Context(), was.ID); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("resealed as\n %+v, %v; want\n %+v", got, err, want)
	}
	if err := s.Reseal(t.Context(), was, is); err != nil {
		t.Errorf("the same again: %v", err)
	}
	third := is
	third.Signing = []grant.Sealed{{Key: "k3", Data: []byte{6}}}
	if err := s.Reseal(t.Context(), was, third); !errors.Is(err, connection.ErrMoved) {
		t.Errorf("over other secrets: %v, want ErrMoved", err)
	}
	bare := connection.Connection{ID: "porto-1", Property: "OPO", Grant: "g"}
	add(t, s, bare)
	if err := s.Reseal(t.Context(), bare, is); err != nil {
		t.Errorf("of one that had none: %v", err)
	}
	gone := connection.Connection{ID: "gone"}
	if err := s.Reseal(t.Context(), gone, gone); !errors.Is(err, connection.ErrUnknown) {
		t.Errorf("of none: %v, want ErrUnknown", err)
	}
}

func add(t *testing.T, s connection.Inventory, c connection.Connection) {
	t.Helper()
	if err := s.Add(t.Context(), c); err != nil {
		t.Fatalf("adding %s: %v", c.ID, err)
	}
}

func expect(t *testing.T, what string, found []connection.Connection, err error, want ...connection.ID) {
	t.Helper()
	ids := []connection.ID{}
	for _, c := range found {
		ids = append(ids, c.ID)
	}
	if err != nil || !reflect.DeepEqual(ids, want) {
		t.Errorf("%s = %v, %v; want %v", what, ids, err, want)
	}
}
