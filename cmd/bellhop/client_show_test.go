package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/profile"
)

// tells changes a client's bucket as the functions do.
func (o *office) tells(client string, decide func(bucket.Bucket) bucket.Bucket) {
	o.t.Helper()
	if _, err := bucket.Change(o.t.Context(), o.desk.buckets, bucket.OfClient(client), decide); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) client(id string) (s clientStatus) {
	o.t.Helper()
	if err := json.Unmarshal([]byte(o.must("", "--json", "clients", "show", id)), &s); err != nil {
		o.t.Fatal(err)
	}
	return s
}

func TestClientShow_CountsItsGrants(t *testing.T) {
	o := newOffice(t)
	o.connects()
	o.must("", append([]string{"connections", "add", "porto-1", "--client", "gen"}, addLisbon("gen")[5:]...)...)
	if s := o.client("cloud"); s.Grants != 1 || s.Held != "" || s.Secrets != "one" || s.Trouble != nil {
		t.Errorf("shown as %+v", s)
	}
	if b, err := o.desk.buckets.Read(t.Context(), bucket.OfClient("cloud")); err != nil || b.Grants != 1 {
		t.Errorf("the bucket counts %d, %v", b.Grants, err)
	}
	if _, _, code := o.run("", "clients", "show", "nobody"); code != exitUnknown {
		t.Errorf("no such client: exit %d", code)
	}
}

func TestClientShow_HoldAndTrouble(t *testing.T) {
	o := newOffice(t)
	o.connects()
	o.tells("cloud", func(b bucket.Bucket) bucket.Bucket { return b.Hold(bucket.WhyThrottled, noon.Add(time.Hour), noon) })
	if s := o.client("cloud"); s.Held != bucket.WhyThrottled || s.NextFree.Before(noon.Add(time.Hour)) {
		t.Errorf("held: %+v", s)
	}
	o.passes(2 * time.Hour)
	stored := o.secrets["cloud"]
	stored.Version = "v7"
	o.secrets["cloud"] = stored
	refused := o.desk.now()
	o.tells("cloud", func(b bucket.Bucket) bucket.Bucket {
		r := bucket.ClientRefusal{Grant: "a", Code: "invalid_client", Status: 401, Payload: "0123456789abcdef", SecretVersion: "v7"}
		b = b.ClientRefused(r, o.desk.now())
		r.Grant = "b" // one refused grant may be its own fault, two are the client's
		return b.ClientRefused(r, o.desk.now())
	})
	s := o.client("cloud")
	if s.Held != bucket.WhyClient || s.Trouble == nil || s.Trouble.SecretVersion != "v7" {
		t.Errorf("in trouble: %+v", s)
	}
	out := o.must("", "clients", "show", "cloud")
	for _, want := range []string{"status 401 invalid_client", "0123456789abcdef", "bellhop clients rotate cloud"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "s3cret") {
		t.Error("a secret is printed")
	}
	o.passes(time.Minute)
	if s := o.client("cloud"); s.Held != bucket.WhyClient || s.NextFree.Before(refused.Add(3*time.Minute)) {
		t.Errorf("a minute later the same secret goes at %v, held %q", s.NextFree, s.Held)
	}
	stored.Version = "v8"
	o.secrets["cloud"] = stored
	if s := o.client("cloud"); s.Held != "" {
		t.Errorf("another secret is held (%s) until %v", s.Held, s.NextFree)
	}
}

// What is left of a budget is what a refresh could still use: a share is kept
// for people who reconnect, and old calls leave.
func TestClientShow_BudgetLeft(t *testing.T) {
	rules := profile.Token{Budgets: []profile.Budget{{Calls: 5, Window: profile.Seconds(24 * time.Hour)}}, CodeShare: 1}
	b := bucket.Bucket{Name: bucket.OfClient("c")}
	for i, want := range []int{4, 3, 2, 1, 0} {
		s := clientStatus{}.of(b, rules, "v1", noon)
		if s.Budgets[0].Left != want || s.Budgets[0].Calls != 5 || (s.Held == "") != (want > 0) {
			t.Errorf("after %d calls: %+v", i, s)
		}
		if want == 0 && (s.Held != bucket.WhyBudget || s.NextFree.Before(noon.Add(24*time.Hour))) {
			t.Errorf("spent: %s until %v", s.Held, s.NextFree)
		}
		b.Calls = append(b.Calls, bucket.Call{At: noon, By: string(rune('a' + i))})
	}
	if s := (clientStatus{}).of(b, rules, "v1", noon.Add(25*time.Hour)); s.Budgets[0].Left != 4 {
		t.Errorf("the day after: %+v", s)
	}
	credits := profile.Token{Budgets: []profile.Budget{{Calls: 22, Window: profile.Seconds(time.Hour), Cost: 4}}}
	for i, want := range []int{5, 4} {
		s := clientStatus{}.of(bucket.Bucket{Name: b.Name, Calls: b.Calls[:i]}, credits, "v1", noon)
		if s.Budgets[0].Left != want || s.Budgets[0].Calls != 5 {
			t.Errorf("22 credits, 4 each, %d spent: %+v", 4*i, s)
		}
	}
}
