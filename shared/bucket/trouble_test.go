package bucket_test

import (
	"fmt"
	"testing"
	"time"

	"bellhop/shared/bucket"
)

// refusal is how a provider refuses our registration with a secret's version, in
// an exchange of that grant.
func refusal(version, grant string) bucket.ClientRefusal {
	return bucket.ClientRefusal{Grant: grant, Code: "invalid_client", Status: 401, Payload: "00ff", SecretVersion: version}
}

// Fifty grants that meet a refused registration are one episode and one alert.
func TestTrouble_OneEpisode(t *testing.T) {
	var b bucket.Bucket
	for i := range 50 {
		b = b.ClientRefused(refusal("v1", fmt.Sprint("g", i)), noon.Add(time.Duration(i)*time.Second))
	}
	if tr := b.Trouble; tr == nil || tr.Episode != 1 || !tr.Since.Equal(noon) || tr.Code != "invalid_client" || tr.Status != 401 ||
		tr.Payload != "00ff" || tr.SecretVersion != "v1" || tr.Refusals != 50 || !b.AlertDue.Equal(noon.Add(time.Second)) {
		t.Errorf("trouble %+v, alert due %v", b.Trouble, b.AlertDue)
	}
}

// A refusal whose digest nobody could make says what else it knows, and leaves the
// digest of the one before; a new episode begins with none.
func TestTrouble_NoDigest(t *testing.T) {
	b := refused(bucket.Bucket{}, "v1", noon).ClientRefused(bucket.ClientRefusal{Status: 400, SecretVersion: "v2"}, noon)
	if tr := b.Trouble; tr.Payload != "00ff" || tr.Status != 400 || tr.SecretVersion != "v2" {
		t.Errorf("trouble %+v", tr)
	}
	b = b.ClientAccepted("g1", noon)
	b.AlertDue = time.Time{} // told
	if tr := b.ClientRefused(bucket.ClientRefusal{Status: 401}, noon).Trouble; tr.Episode != 2 || tr.Payload != "" {
		t.Errorf("trouble %+v", tr)
	}
}

// refused is a bucket whose client was refused twice at that time.
func refused(b bucket.Bucket, version string, at time.Time) bucket.Bucket {
	return b.ClientRefused(refusal(version, "g1"), at).ClientRefused(refusal(version, "g2"), at)
}

// One refusal may be about one grant, whatever the provider calls it: another
// tries at once, and when it is answered nobody has heard of anything.
func TestTrouble_OneGrantAlone(t *testing.T) {
	b := bucket.Bucket{Grants: 50}.ClientRefused(refusal("v1", "g1"), noon)
	if !b.Troubled() || !b.AlertDue.IsZero() {
		t.Fatalf("%+v, alert due %v", b.Trouble, b.AlertDue)
	}
	b, answer := b.Take(bucket.Rules{}, bucket.Ask{Grant: "b", Nonce: "b", SecretVersion: "v1"}, noon)
	if !answer.Goes() {
		t.Fatalf("another waits: %s until %v", answer.Why, answer.At)
	}
	if _, third := b.Take(bucket.Rules{}, bucket.Ask{Grant: "c", Nonce: "c", SecretVersion: "v1"}, noon); third.Goes() {
		t.Error("a third tries beside it")
	}
	if _, own := b.Take(bucket.Rules{}, bucket.Ask{Grant: "g1", Nonce: "g1", SecretVersion: "v1"}, noon.Add(39*time.Second)); own.Goes() {
		t.Error("it takes the next try from the others")
	}
	over := b.ClientAccepted("b", noon.Add(time.Second))
	if over.Troubled() || !over.AlertDue.IsZero() {
		t.Errorf("%+v, alert due %v", over.Trouble, over.AlertDue)
	}
	if again := over.ClientRefused(refusal("v1", "g1"), noon.Add(time.Minute)); again.Troubled() {
		t.Error("the one grant stops the others a second time")
	}
	if both := refused(over, "v1", noon.Add(time.Minute)); !both.Troubled() {
		t.Error("another grant's refusal is overlooked")
	}
	mended := over.ClientAccepted("g1", noon.Add(time.Minute))
	if again := mended.ClientRefused(refusal("v1", "g1"), noon.Add(time.Hour)); !again.Troubled() {
		t.Error("a grant that was answered again is not believed when it is refused")
	}
}

// Grants that are each refused alone are no trouble of the client's together:
// not when they take turns, and not beside one that is refused for the first time.
func TestTrouble_SeveralGrantsAlone(t *testing.T) {
	b := bucket.Bucket{Grants: 50}
	for _, g := range []string{"g1", "g2"} {
		b = b.ClientRefused(refusal("v1", g), noon).ClientAccepted("b", noon)
	}
	at := noon
	for range 20 {
		at = at.Add(10 * time.Second)
		if b = refused(b, "v1", at); b.Troubled() || !b.AlertDue.IsZero() {
			t.Fatalf("after %v: %+v, alert due %v", at.Sub(noon), b.Trouble, b.AlertDue)
		}
	}
	b = refused(b.ClientRefused(refusal("v1", "g3"), at), "v1", at)
	if !b.Troubled() || b.Trouble.Ours() || !b.AlertDue.IsZero() {
		t.Fatalf("a third one's first refusal: %+v, alert due %v", b.Trouble, b.AlertDue)
	}
	ours := b.ClientRefused(refusal("v1", "g4"), at)
	if !ours.Trouble.Ours() || ours.AlertDue.IsZero() {
		t.Error("they hide a trouble that is the client's")
	}
	over := ours.ClientAccepted("b", at)
	over.AlertDue = time.Time{} // told
	if again := refused(over, "v1", at.Add(time.Hour)); again.Troubled() {
		t.Error("forgotten with the episode")
	}
	if mended := refused(over.ClientAccepted("g1", at), "v1", at); !mended.Troubled() || mended.Trouble.Grant != "g1" {
		t.Error("one that was answered again is not believed when it is refused")
	}
}

// A grant that is refused alone needs somebody from the fifth time on. While the
// client is in trouble nothing is found about it, and when it is answered all is
// forgotten.
func TestTrouble_RefusedAlone(t *testing.T) {
	b := bucket.Bucket{Grants: 50}.ClientRefused(refusal("v1", "g1"), noon).ClientAccepted("b", noon)
	troubled := b
	for i := range 5 {
		if b.RefusedAlone("g1") {
			t.Errorf("after %d refusals", i)
		}
		b = b.ClientRefused(refusal("v1", "g1"), noon)
	}
	if !b.RefusedAlone("g1") || b.RefusedAlone("b") {
		t.Errorf("trouble %+v", b.Trouble)
	}
	if b.ClientRefused(refusal("v1", "g2"), noon).RefusedAlone("g1") {
		t.Error("while the client is in trouble")
	}
	troubled = troubled.ClientRefused(refusal("v1", "g2"), noon)
	for range 5 {
		troubled = troubled.ClientRefused(refusal("v1", "g1"), noon)
	}
	if troubled.ClientAccepted("b", noon).RefusedAlone("g1") {
		t.Error("by refusals that may have been about the client")
	}
	if b = b.ClientAccepted("g1", noon); b.RefusedAlone("g1") || b.Trouble.Alone != nil {
		t.Errorf("answered: %+v", b.Trouble)
	}
	for i := range 300 {
		b = b.ClientRefused(refusal("v1", fmt.Sprint("g", i)), noon).ClientAccepted("b", noon)
	}
	if alone := b.Trouble.Alone; len(alone) != 100 || alone[99].Grant != "g299" {
		t.Errorf("%d are remembered", len(alone))
	}
}

// A client with one grant has no other to ask: after some minutes its own
// refusals are believed.
func TestTrouble_OnlyGrant(t *testing.T) {
	b := bucket.Bucket{Grants: 1}
	for at := time.Duration(0); at < 3*time.Minute; at += 30 * time.Second {
		if b = b.ClientRefused(refusal("v1", "g1"), noon.Add(at)); !b.AlertDue.IsZero() {
			t.Fatalf("people hear of it after %v", at)
		}
	}
	if b = b.ClientRefused(refusal("v1", "g1"), noon.Add(3*time.Minute)); b.AlertDue.IsZero() {
		t.Error("people do not hear of it")
	}
}

// While it lasts one exchange every three minutes tries, the others wait for
// what becomes of it, and a code is not kept waiting.
func TestTrouble_OneTries(t *testing.T) {
	b := refused(bucket.Bucket{Grants: 50}, "v1", noon)
	ask := func(n string) bucket.Ask { return bucket.Ask{Grant: n, Nonce: n, SecretVersion: "v1"} }
	_, answer := b.Take(bucket.Rules{}, ask("a"), noon.Add(time.Minute))
	if answer.Why != bucket.WhyClient || answer.At.Before(noon.Add(3*time.Minute)) || answer.At.After(noon.Add(3*time.Minute+3*time.Second)) {
		t.Errorf("after a minute: %q until %v", answer.Why, answer.At)
	}
	next, answer := b.Take(bucket.Rules{}, ask("a"), noon.Add(3*time.Minute))
	if !answer.Goes() || !b.Writes(bucket.Rules{}, ask("a")) {
		t.Fatalf("after three: %q", answer.Why)
	}
	if _, own := next.Take(bucket.Rules{}, ask("a"), noon.Add(3*time.Minute)); !own.Goes() {
		t.Errorf("the same exchange again: %q", own.Why)
	}
	if _, other := next.Take(bucket.Rules{}, ask("b"), noon.Add(3*time.Minute)); other.Why != bucket.WhyClient {
		t.Errorf("a second one goes beside it: %q", other.Why)
	}
	code := bucket.Ask{Nonce: "c", Code: true}
	if _, answer := b.Take(bucket.Rules{}, code, noon.Add(time.Minute)); !answer.Goes() || b.Writes(bucket.Rules{}, code) {
		t.Errorf("a person waits with the code: %q", answer.Why)
	}
}

// A secret that was not refused is tried soon, once; two processes that disagree
// about which is the new one do not hammer.
func TestTrouble_AnotherSecretIsTriedSoon(t *testing.T) {
	b := refused(bucket.Bucket{}, "v1", noon)
	with := func(n, version string) bucket.Ask { return bucket.Ask{Grant: n, Nonce: n, SecretVersion: version} }
	if _, answer := b.Take(bucket.Rules{}, with("a", "v2"), noon.Add(19*time.Second)); answer.Goes() {
		t.Error("at once")
	}
	tries, versions := 0, []string{"v1", "v2"}
	for at := time.Duration(0); at < 3*time.Minute; at += time.Second {
		next, answer := b.Take(bucket.Rules{}, with(at.String(), versions[int(at/time.Second)%2]), noon.Add(at))
		if answer.Goes() {
			tries++
			b = next.ClientRefused(refusal(versions[int(at/time.Second)%2], "g1"), noon.Add(at))
		}
	}
	if tries == 0 || tries > 9 {
		t.Errorf("%d tries in three minutes", tries)
	}
}

// It is over with the first answer that does not refuse us, and people hear of
// it. What comes back before they did is the same episode; later it is another.
func TestTrouble_Over(t *testing.T) {
	b := refused(bucket.Bucket{}, "v1", noon)
	b.AlertDue = time.Time{} // told
	over := b.ClientAccepted("g2", noon.Add(time.Hour))
	if over.Troubled() || !over.Trouble.Over.Equal(noon.Add(time.Hour)) || !over.AlertDue.Equal(noon.Add(time.Hour)) {
		t.Fatalf("trouble %+v, alert due %v", over.Trouble, over.AlertDue)
	}
	if again := over.ClientAccepted("g2", noon.Add(2*time.Hour)); !again.Trouble.Over.Equal(noon.Add(time.Hour)) {
		t.Error("it was over twice")
	}
	if _, answer := over.Take(bucket.Rules{}, bucket.Ask{Nonce: "n", SecretVersion: "v1"}, noon.Add(time.Hour)); !answer.Goes() {
		t.Errorf("still waiting: %s", answer.Why)
	}
	back := over.ClientRefused(refusal("v1", "g3"), noon.Add(time.Hour+time.Second))
	if !back.Troubled() || back.Trouble.Episode != 1 || !back.Trouble.Since.Equal(noon) {
		t.Errorf("before anybody was told: %+v", back.Trouble)
	}
	over.AlertDue = time.Time{}
	over.Trouble.Told = map[string]time.Time{"recovered/slack": noon}
	later := refused(over.ClientAccepted("g1", noon.Add(4*time.Hour)), "v2", noon.Add(5*time.Hour))
	if later.Trouble.Episode != 2 || !later.Trouble.Since.Equal(noon.Add(5*time.Hour)) || later.Trouble.Told != nil || later.AlertDue.IsZero() {
		t.Errorf("later: %+v", later.Trouble)
	}
	if quiet := (bucket.Bucket{}).ClientAccepted("g2", noon); quiet.Trouble != nil || !quiet.AlertDue.IsZero() {
		t.Error("a client that never was in trouble is reported as recovered")
	}
}
