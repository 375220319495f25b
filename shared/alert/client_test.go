package alert

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"bellhop/shared/bucket"
)

var refusal = bucket.ClientRefusal{Code: "invalid_client", Status: 401, SecretVersion: "v1"}

// inTrouble is a client's bucket whose registration was refused at noon.
func inTrouble() bucket.Bucket {
	return refusedTwice(bucket.Bucket{Name: bucket.OfClient("main"), Grants: 12}, noon)
}

// refusedTwice is a bucket whose client was refused for two grants: one alone would be
// about that grant.
func refusedTwice(b bucket.Bucket, at time.Time) bucket.Bucket {
	return b.ClientRefused(refusal, at).ClientRefused(refusal, at)
}

func clientClaim(b bucket.Bucket, k Kind, me string, now time.Time) ClientClaim {
	return ClientClaim{Episode: b.Trouble.Episode, Kind: k, Channel: "slack", Me: me, Now: now, Until: now.Add(35 * time.Second)}
}

// tellsClient claims and delivers what is owed, and says what that was.
func tellsClient(b *bucket.Bucket, now time.Time) Kind {
	k := ClientOwed(*b, "slack")
	if k == Nothing {
		return k
	}
	c := clientClaim(*b, k, "me", now)
	*b = DeliveredClient(ClaimClient(*b, c), c)
	return k
}

func TestClientOwed(t *testing.T) {
	b := bucket.Bucket{Name: bucket.OfClient("main")}
	if k := ClientOwed(b, "slack"); k != Nothing {
		t.Errorf("a client that was never in trouble owes %q", k)
	}
	once := bucket.Bucket{Name: b.Name}.ClientRefused(refusal, noon)
	if k := ClientOwed(once, "slack"); k != Nothing {
		t.Errorf("a single refusal, which may be about one grant, owes %q", k)
	}
	b = inTrouble()
	var heard []Kind
	hear := func(now time.Time) { heard = append(heard, tellsClient(&b, now)) }
	hear(noon)
	hear(noon)
	b = refusedTwice(b, noon.Add(time.Minute)) // the next grant of the same client
	hear(noon.Add(time.Minute))
	b = b.ClientAccepted("g", noon.Add(time.Hour))
	hear(noon.Add(time.Hour))
	hear(noon.Add(time.Hour))
	if want := []Kind{Opened, Nothing, Nothing, Recovered, Nothing}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
	b = refusedTwice(SettleClient(b, []string{"slack"}), noon.Add(2*time.Hour))
	if b.Trouble.Episode != 2 || ClientOwed(b, "slack") != Opened {
		t.Errorf("the next episode: %+v", b.Trouble)
	}
}

func TestClientOwed_WhoNeverHeardOfItDoesNotHearThatItIsOver(t *testing.T) {
	if k := ClientOwed(inTrouble().ClientAccepted("g", noon.Add(time.Second)), "slack"); k != Nothing {
		t.Errorf("owed %q", k)
	}
}

// While one channel may be hearing that it is over, a refusal begins the next
// episode: that channel would otherwise never hear that it goes on.
func TestClientRefused_WhileRecoveredIsOnItsWay(t *testing.T) {
	b := inTrouble()
	tellsClient(&b, noon)
	b = b.ClientAccepted("g", noon.Add(time.Minute))
	c := clientClaim(b, Recovered, "me", noon.Add(time.Minute))
	b = ClaimClient(b, c)
	b = refusedTwice(b, noon.Add(time.Minute+time.Second))
	b = DeliveredClient(b, c)
	if b.Trouble.Episode != 2 || ClientOwed(b, "slack") != Opened {
		t.Errorf("episode %d, owed %q", b.Trouble.Episode, ClientOwed(b, "slack"))
	}
}

// A refusal that comes before anybody was told otherwise goes on with the
// episode: nobody hears of either.
func TestClientRefused_BeforeAnybodyWasTold(t *testing.T) {
	b := inTrouble()
	tellsClient(&b, noon)
	b = refusedTwice(b.ClientAccepted("g", noon.Add(time.Minute)), noon.Add(2*time.Minute))
	if b.Trouble.Episode != 1 || ClientOwed(b, "slack") != Nothing || !b.Trouble.Since.Equal(noon) {
		t.Errorf("trouble %+v, owed %q", b.Trouble, ClientOwed(b, "slack"))
	}
}

func TestClaimClient_OneSenderAtATime(t *testing.T) {
	b := inTrouble()
	first, second := clientClaim(b, Opened, "a", noon), clientClaim(b, Opened, "b", noon.Add(time.Second))
	b = ClaimClient(b, first)
	if !first.Holds(b) {
		t.Fatal("the first claim is not held")
	}
	if again := ClaimClient(b, first); !first.Holds(again) {
		t.Error("a claim whose answer was lost is its own rival")
	}
	if after := ClaimClient(b, second); second.Holds(after) || !first.Holds(after) {
		t.Error("two send the same message side by side")
	}
	second.Now = noon.Add(36 * time.Second) // the first died
	after := ClaimClient(b, second)
	if !second.Holds(after) || first.Holds(after) {
		t.Errorf("a claim that ran out is in the way: %+v", after.Trouble.Told)
	}
	other := second
	other.Channel, other.Me = "webhook", "c"
	if b := ClaimClient(after, other); !other.Holds(b) || !second.Holds(b) {
		t.Error("one channel's claim is in another's way")
	}
	if b := UnclaimClient(b, first); first.Holds(b) || b.Trouble.Told != nil {
		t.Errorf("left after unclaiming: %+v", b.Trouble.Told)
	}
	if same := UnclaimClient(b, second); !first.Holds(same) {
		t.Error("unclaiming another's claim ended it")
	}
}

func TestClaimClient_OnlyWhatIsOwed(t *testing.T) {
	b := inTrouble()
	for name, c := range map[string]ClientClaim{
		"recovered while it lasts": clientClaim(b, Recovered, "a", noon),
		"of another episode":       {Episode: 7, Kind: Opened, Channel: "slack", Me: "a", Now: noon, Until: noon.Add(time.Minute)},
	} {
		if after := ClaimClient(b, c); c.Holds(after) {
			t.Errorf("%s was claimed", name)
		}
	}
	over := b.ClientAccepted("g", noon.Add(time.Minute))
	if c := clientClaim(over, Opened, "a", noon); c.Holds(ClaimClient(over, c)) {
		t.Error("opened is claimed although it is over")
	}
}

// What is decided never writes through the snapshot that it was decided from.
func TestClientDecisions_LeaveTheSnapshotAlone(t *testing.T) {
	b := inTrouble()
	c := clientClaim(b, Opened, "a", noon)
	claimed := ClaimClient(b, c)
	before := claimed.Trouble.Told
	copied := map[string]time.Time{}
	for k, v := range before {
		copied[k] = v
	}
	DeliveredClient(claimed, c)
	UnclaimClient(claimed, c)
	ClaimClient(claimed, clientClaim(b, Opened, "b", noon.Add(time.Hour)))
	if b.Trouble.Told != nil || !reflect.DeepEqual(before, copied) {
		t.Errorf("the snapshots changed: %+v, %+v", b.Trouble.Told, before)
	}
}

func TestSettleClient(t *testing.T) {
	b := inTrouble()
	if SettleClient(b, []string{"slack", "webhook"}).AlertDue.IsZero() {
		t.Error("settled before anybody was told")
	}
	tellsClient(&b, noon)
	if SettleClient(b, []string{"slack", "webhook"}).AlertDue.IsZero() {
		t.Error("settled before the other channel was told")
	}
	if !SettleClient(b, []string{"slack"}).AlertDue.IsZero() {
		t.Error("flagged although all are told")
	}
	if !SettleClient(b, nil).AlertDue.IsZero() {
		t.Error("flagged although nobody is to be told")
	}
}
