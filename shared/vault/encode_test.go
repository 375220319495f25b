package vault

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"bellhop/shared/secret"
	"bellhop/shared/secrettest"
)

func TestEncode_IsDeterministic(t *testing.T) {
	if !Encode(pair()).Equal(Encode(pair())) {
		t.Error("the same pair gives other bytes")
	}
	want := `{"v":1,"access":"` + secrettest.Mint("at-canary") + `","refresh":"` + secrettest.Mint("rt-canary") + `","scopes":["rates:read","rates:write"],"issued":1795248000123,"expires":1795248060123,"documented":true}`
	if got := Encode(pair()).Reveal(); got != want {
		t.Errorf("the stored form changed: %s", got)
	}
	if p, err := Decode(secret.New(want)); err != nil || !same(p, pair()) {
		t.Errorf("the stored form reads as %+v, %v", p, err)
	}
}

func TestDecode_Refuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": ``, "not JSON": `canary`, "another version": `{"v":2,"access":"canary"}`, "no version": `{"access":"canary"}`,
		"no access token": `{"v":1,"refresh":"canary"}`, "a list": `["canary"]`, "a number": `{"v":1,"access":7}`,
	} {
		p, err := Decode(secret.New(text))
		if !errors.Is(err, ErrForm) || !p.Access.Empty() || strings.Contains(fmt.Sprint(err), "canary") {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Encode(pair()).Reveal())
	f.Add(encodeRaw(secret.New("<html>")).Reveal())
	f.Add(`{"v":1}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Decode(secret.New(text))
		if err != nil {
			return
		}
		back, err := Decode(Encode(p))
		if err != nil || !same(p, back) {
			t.Errorf("%q: %+v came back as %+v, %v", text, p, back, err)
		}
	})
}
