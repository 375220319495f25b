package leaks

import (
	"strings"
	"testing"
)

const (
	opaque = "Qk3vX8nZ1aLwT0dYpHfR7uBcE5mJsG2i9OqWxV4yKtN"
	jwtA   = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJodHRwOi8vMTI3LjAuMC4xIiwianRpIjoiQUFBQUFBQUFBQSJ9.c2lnbmF0dXJlLW9mLXRoZS1maXJzdC10b2tlbg"
	jwtB   = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJodHRwOi8vMTI3LjAuMC4xIiwianRpIjoiQkJCQkJCQkJCQiJ9.dGhlLXNpZ25hdHVyZS1vZi1hbm90aGVyLW9uZQ"
)

func TestLeaks_APlantedTokenIsFound(t *testing.T) {
	f := New([]Secret{{"an opaque token", opaque}, {"a JWT", jwtA}, {"another JWT", jwtB}})
	for _, c := range []struct{ name, text, want string }{
		{"whole", "token=" + opaque + ";", "an opaque token"},
		{"alone", opaque, "an opaque token"},
		{"its beginning", "access_token " + opaque[:20] + "...", "an opaque token"},
		{"its end", "..." + opaque[len(opaque)-18:], "an opaque token"},
		{"in a header", "Authorization: Bearer " + jwtA, "a JWT"},
		{"a signature", jwtB[strings.LastIndex(jwtB, ".")+1:], "another JWT"},
		{"a payload", strings.Split(jwtB, ".")[1], "another JWT"},
		{"after much else", strings.Repeat("all is well\n", 10_000) + opaque, "an opaque token"},
	} {
		found := f.Search(Place{"a log", []byte(c.text)})
		if len(found) != 1 || found[0].What != c.want || found[0].Place != "a log" {
			t.Errorf("%s: found %v, want %s", c.name, found, c.want)
		}
	}
}

func TestLeaks_WhatIsNoSecretIsNotFound(t *testing.T) {
	f := New([]Secret{{"an opaque token", opaque}, {"a JWT", jwtA}, {"another JWT", jwtB}})
	for _, text := range []string{
		"", "short", "grant lis-cloudbeds, generation 7", opaque[:10] + "…",
		strings.Split(jwtA, ".")[0], // every JWT begins like this
	} {
		if found := f.Search(Place{"a log", []byte(text)}); len(found) > 0 {
			t.Errorf("%q: found %v", text, found)
		}
	}
}

func TestLeaks_TheFindingDoesNotTellTheSecret(t *testing.T) {
	f := New([]Secret{{"the client secret of generic-group", "gs_" + opaque}})
	found := f.Search(Place{"the pages", []byte("gs_" + opaque)})
	if len(found) != 1 || strings.Contains(found[0].String(), opaque[:8]) {
		t.Errorf("found %v", found)
	}
}

func TestLeaks_ShortSecretsAreLookedForWhole(t *testing.T) {
	f := New([]Secret{{"a short one", "tok-4711"}})
	if found := f.Search(Place{"a log", []byte("the token tok-4711 was used")}); len(found) != 1 {
		t.Errorf("found %v", found)
	}
}
