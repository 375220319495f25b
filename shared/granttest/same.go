package granttest

import (
	"reflect"
	"testing"
	"time"

	"bellhop/shared/grant"
)

// Same fails the test for every field in which two grants differ. Times count
// to the millisecond, as tables keep them; empty and absent collections are the
// same, but for Missing, where absence means that no scope verdict stands.
func Same(t *testing.T, got, want grant.Grant) {
	t.Helper()
	g, w := reflect.ValueOf(plain(got)), reflect.ValueOf(plain(want))
	for i := range g.NumField() {
		if a, b := g.Field(i).Interface(), w.Field(i).Interface(); !reflect.DeepEqual(a, b) {
			t.Errorf("grant's %s is\n  %+v, want\n  %+v", g.Type().Field(i).Name, deref(a), deref(b))
		}
	}
}

func deref(v any) any {
	if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && !r.IsNil() {
		return r.Elem().Interface()
	}
	return v
}

// plain brings a grant into the one form that compares.
func plain(g grant.Grant) grant.Grant {
	g = Clone(g)
	for _, at := range []*time.Time{&g.Issued, &g.Expires, &g.RefreshAt, &g.WakeAt, &g.EpisodeSince, &g.AlertDue, &g.Placement.Since, &g.RefreshExpires, &g.Foretold.Dies} {
		*at = plainTime(*at)
	}
	if g.Lease != nil {
		g.Lease.Deadline = plainTime(g.Lease.Deadline)
	}
	for n, a := range g.Attempts {
		a.At = plainTime(a.At)
		g.Attempts[n] = a
	}
	for n, a := range g.Asides {
		a.At, a.Issued, a.Expires, a.RefreshExpires = plainTime(a.At), plainTime(a.Issued), plainTime(a.Expires), plainTime(a.RefreshExpires)
		if len(a.Scopes) == 0 {
			a.Scopes = nil
		}
		g.Asides[n] = a
	}
	if len(g.Scopes) == 0 {
		g.Scopes = nil
	}
	if len(g.Asks) == 0 {
		g.Asks = nil
	}
	if len(g.Placement.Retired) == 0 {
		g.Placement.Retired = nil
	}
	return g
}

func plainTime(at time.Time) time.Time {
	if at.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(at.UnixMilli()).UTC()
}
