package secrettest

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// Whatever stands around it and however it is dressed, it is found, and masked.
func TestFind_InEveryDress(t *testing.T) {
	token := Mint("refresh-7")
	for name, text := range map[string]string{
		"plain": token, "in JSON": fmt.Sprintf("{\"refresh_token\":%q}", token), "in a query": url.QueryEscape("token=" + token + "&x=ü"),
		"cut short": token[:20], "hex": hex.EncodeToString([]byte(token)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(token))),
		"spaced hex": fmt.Sprintf("% x", token), "bytes": fmt.Sprint([]byte("a" + token)),
		"basic authentication": base64.StdEncoding.EncodeToString([]byte("client:" + token)),
	} {
		line := []byte("all is well\n" + text + "\nall is well")
		if i := Find(line); i < len("all is well\n") {
			t.Errorf("%s: found at %d", name, i)
		}
		if Find(Masked(line)) >= 0 {
			t.Errorf("%s: the finding shows it", name)
		}
	}
	for before := range 9 {
		text := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("~", before) + token + strings.Repeat("?", before)))
		if Find([]byte(text)) < 0 {
			t.Errorf("base64 after %d bytes: not found in %s", before, text)
		}
	}
}

func TestFind_NothingElse(t *testing.T) {
	for _, text := range []string{"", "access-7", "[secret]", mark[:len(mark)-1], strings.ToUpper(mark)} {
		if i := Find([]byte(text)); i >= 0 {
			t.Errorf("found in %q at %d", text, i)
		}
	}
}

func TestMint_TellsThemApart(t *testing.T) {
	if first, again := Mint("a"), Mint("a"); first == Mint("b") || first != again {
		t.Error("a token's name does not tell it from others")
	}
	if name := Named(Mint("refresh-7")); name != "refresh-7" || Named("other") != "other" {
		t.Errorf("named %q", name)
	}
}
