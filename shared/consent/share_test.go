package consent_test

import (
	"testing"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/buckettest"
	"bellhop/shared/consent"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// sharing gives the desk's client a bucket.
func (d *desk) sharing(b bucket.Bucket) *buckettest.Memory {
	d.t.Helper()
	m := &buckettest.Memory{}
	b.Name = bucket.OfClient("main")
	d.must(m.Save(d.t.Context(), b))
	d.Buckets = bucket.NewCache(m, func() time.Time { return d.clock })
	return m
}

// While the token endpoint wants to be left alone the owner hears so before
// leaving for the provider, and when to come again; then all is as ever.
func TestBegin_BusyUntil(t *testing.T) {
	d := newDesk(t)
	until := d.clock.Add(5 * time.Minute)
	d.sharing(bucket.Bucket{}.Hold(bucket.WhyThrottled, until, d.clock))
	authorize, o, err := d.Begin(t.Context(), d.link)
	if err != nil || authorize != "" || o.Code != consent.Busy || !o.Until.Equal(until) {
		t.Fatalf("%q, %q until %v, %v", authorize, o.Code, o.Until, err)
	}
	d.unchanged()
	d.clock = until
	d.ended(d.consents("code-1"), consent.Connected)
}

// The hold came while the owner was at the provider: the code is not presented,
// the link stays good, and the page says when.
func TestCallback_BusyMeanwhile(t *testing.T) {
	d := newDesk(t)
	m := d.sharing(bucket.Bucket{})
	state := d.begin()
	until := d.clock.Add(5 * time.Minute)
	if _, err := bucket.Change(t.Context(), m, bucket.OfClient("main"), func(b bucket.Bucket) bucket.Bucket {
		return b.Hold(bucket.WhyOutage, until, d.clock)
	}); err != nil {
		t.Fatal(err)
	}
	d.clock = d.clock.Add(time.Minute)
	e := d.callback(consent.Query{State: state, Code: secret.New("code-1")})
	d.ended(e, consent.Busy)
	if !e.Until.Equal(until) || !e.Again.Equal(d.link) || len(d.bank.requests) != 0 {
		t.Errorf("until %v, %d requests, way back %v", e.Until, len(d.bank.requests), !e.Again.Empty())
	}
	d.unchanged()
}

// Our registration is refused as far as anybody knows: a person's code tries all
// the same, and when it is taken the trouble is over.
func TestCallback_EndsATrouble(t *testing.T) {
	d := newDesk(t)
	refusal := bucket.ClientRefusal{Code: "invalid_client", Status: 401, SecretVersion: "v1"}
	m := d.sharing(bucket.Bucket{}.ClientRefused(refusal, d.clock).ClientRefused(refusal, d.clock))
	d.ended(d.consents("code-1"), consent.Connected)
	if b, _ := m.Read(t.Context(), bucket.OfClient("main")); b.Troubled() {
		t.Errorf("trouble %+v", b.Trouble)
	}
}

// A client that nobody has connected by yet has no refresh that would find its
// registration refused: people hear of it by the second code that is refused, and
// no more when a code is taken.
func TestCallback_RefusedRegistrationIsTold(t *testing.T) {
	d := newDesk(t)
	m := d.sharing(bucket.Bucket{})
	good := d.bank.outcome
	d.bank.outcome = func(oauth.Request) oauth.Outcome {
		return oauth.Outcome{Class: oauth.BadClient, Status: 401, Code: "invalid_client"}
	}
	d.ended(d.consents("code-1"), consent.Misconfigured)
	d.ended(d.consents("code-2"), consent.Misconfigured)
	b, _ := m.Read(t.Context(), bucket.OfClient("main"))
	if tr := b.Trouble; !b.Troubled() || !tr.Ours() || tr.Code != "invalid_client" || tr.Status != 401 ||
		tr.SecretVersion != "v-current-secret" || tr.Payload != d.digest() || !b.AlertDue.Equal(d.clock) {
		t.Errorf("trouble %+v, alert due %v", b.Trouble, b.AlertDue)
	}
	d.bank.outcome = good
	d.ended(d.consents("code-3"), consent.Connected)
	if b, _ := m.Read(t.Context(), bucket.OfClient("main")); b.Troubled() {
		t.Errorf("trouble %+v", b.Trouble)
	}
}

// digest is the one that the latest request must be known by.
func (d *desk) digest() string {
	d.t.Helper()
	key, err := d.Vault.Digest(d.t.Context(), oauth.DigestPurpose, secret.New("main"))
	d.must(err)
	p, err := profile.ByName("cloudbeds")
	d.must(err)
	return oauth.Digest(secret.New(key), p.Token, d.bank.requests[len(d.bank.requests)-1])
}

// The registration is refused for one grant alone, until its owner connects it
// again.
func TestCallback_EndsBeingRefusedAlone(t *testing.T) {
	d := newDesk(t)
	m := d.sharing(bucket.Bucket{}.ClientRefused(bucket.ClientRefusal{Grant: "grant-1", Status: 401}, d.clock).ClientAccepted("b", d.clock))
	d.ended(d.consents("code-1"), consent.Connected)
	if b, _ := m.Read(t.Context(), bucket.OfClient("main")); len(b.Trouble.Alone) != 0 {
		t.Errorf("trouble %+v", b.Trouble)
	}
}

// A secret that a person mended is used at the owner's next click.
func TestCallback_MendedSecret(t *testing.T) {
	d := newDesk(t)
	good := d.bank.outcome
	d.bank.outcome = func(r oauth.Request) oauth.Outcome {
		if r.ClientSecret.Reveal() != "mended-secret" {
			return oauth.Outcome{Class: oauth.BadClient, Status: 401, Code: "invalid_client"}
		}
		return good(r)
	}
	d.ended(d.consents("code-1"), consent.Misconfigured)
	d.bank.stored = "mended-secret"
	d.ended(d.consents("code-2"), consent.Connected)
}

// An ordinary consent writes nothing that is shared, and a code that fails holds
// nobody unless the provider's profile says so.
func TestCallback_OrdinaryConsentSharesNothing(t *testing.T) {
	for _, class := range []oauth.Class{oauth.Issued, oauth.Dead, oauth.Throttled} {
		d := newDesk(t)
		m := d.sharing(bucket.Bucket{Grants: 3})
		_, before := m.Counts()
		if class != oauth.Issued {
			d.bank.outcome = fails(class)
		}
		d.consents("code-1")
		if _, saves := m.Counts(); saves != before {
			t.Errorf("%s: %d saves", class, saves-before)
		}
	}
}

// A secret that was changed while a warm process has the former one in mind is
// tried with the same code, before anybody hears of a refusal.
func TestCallback_SecretKeptFromBeforeARotation(t *testing.T) {
	d := newDesk(t)
	m := d.sharing(bucket.Bucket{})
	good := d.bank.outcome
	d.bank.outcome = func(r oauth.Request) oauth.Outcome {
		if r.ClientSecret.Reveal() != "promoted-secret" {
			return oauth.Outcome{Class: oauth.BadClient, Status: 401, Code: "invalid_client"}
		}
		return good(r)
	}
	d.bank.read, d.bank.stored = "current-secret", "promoted-secret"
	d.ended(d.consents("code-1"), consent.Connected)
	if b, _ := m.Read(t.Context(), bucket.OfClient("main")); b.Trouble != nil || len(d.bank.requests) != 2 {
		t.Errorf("trouble %+v after %d requests", b.Trouble, len(d.bank.requests))
	}
}
