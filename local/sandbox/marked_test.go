package sandbox

import (
	"testing"

	"bellhop/shared/secrettest"
)

// Every value that is issued can be found by a search that knows none of them.
func TestIssued_CarriesTheMark(t *testing.T) {
	w := newWorld(t, Config{})
	w.pair(w.refresh(w.connect("1001").refresh))
	w.clientToken()
	tokens, err := w.admin.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, k := range tokens {
		kinds[k.Kind]++
		if secrettest.Find([]byte("a line with "+k.Value+" in it")) < 0 {
			t.Errorf("%s of %s %d cannot be found", k.Kind, k.Persona, k.N)
		}
	}
	if kinds[AccessToken] < 3 || kinds[RefreshToken] < 2 || kinds[AuthCode] < 1 {
		t.Errorf("issued %v: not every kind was tried", kinds)
	}
}
