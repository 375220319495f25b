// Package bucket holds what grants share at one token endpoint: how many calls
// are left, when the provider will listen again, whose turn it is where only one
// may speak, whether it refuses our registration, and whether its refusals of
// grants are to be believed.
//
// Each bucket is one value under one version. Decisions are functions of it and
// of the time, the world is reached through [Store], and every change is
// compare-and-swap ([Change]). Nothing about the safety of a token rests on it:
// that is the grant's own item (docs/design.md section 5). A bucket says only
// when a holder who may present a credential does so.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"time"
)

// Bucket is the STATE item of one bucket. A value is a snapshot; its methods
// return changed copies and never write through its slices and pointers.
type Bucket struct {
	// Name is one of [OfClient] and [OfAccount].
	Name string
	// Version counts saves; 0 is a bucket that was never written, which holds
	// nobody.
	Version int64
	// Grants is how many grants the client has, as the operator's command
	// counted them; 0 when nobody has. It need not be exact.
	Grants int

	// Calls is the log that the budgets are counted by, oldest first.
	Calls []Call

	// HoldUntil is when the provider will listen again, HoldWhy what it said
	// ([WhyThrottled], [WhyOutage]). Holds counts holds in a row, each begun after the
	// one before was over: it paces the next one.
	HoldUntil time.Time
	HoldWhy   string
	Holds     int

	// Lane is whose turn it is, where the provider takes one at a time.
	Lane Lane

	Suspects Suspects
	// Trouble is the last time that the provider refused our registration; nil
	// when it never did.
	Trouble *Trouble
	// AlertDue, when not zero, says that the alerter owes people a message about
	// Trouble since then.
	AlertDue time.Time
}

// Why a call is not made now, in a bounded vocabulary: for the log, for
// grant.Grant.Held and for the operator's command.
const (
	WhyThrottled = "throttled"  // the provider said 429, or a 400 that means it
	WhyOutage    = "outage"     // the provider said 503
	WhyBudget    = "budget"     // the calls that the provider allows are spent
	WhyLane      = "lane"       // another exchange of the client is under way
	WhyClient    = "bad_client" // the provider refuses our registration
	WhySuspected = "suspected"  // too many grants were refused at once to believe it
)

// OfClient names the bucket of a client: budgets, lane, suspects and trouble are
// always there, holds where the provider's profile says "client".
func OfClient(client string) string { return "client/" + client }

// ClientOf is the client whose own bucket has that name; empty for the name of
// another kind of bucket.
func ClientOf(name string) string {
	client, ok := strings.CutPrefix(name, "client/")
	if !ok {
		return ""
	}
	return client
}

// OfAccount names the bucket of one account of a client at the provider, for
// holds where the profile says "account".
func OfAccount(client, account string) string { return "account/" + client + "/" + account }

// Store is the buckets' part of the grants table. Implementations are safe for
// concurrent use, and package buckettest's suite runs on every one of them.
// Times are kept to the millisecond.
type Store interface {
	// Read is strongly consistent. A bucket that was never written is empty but
	// for its name, and no error.
	Read(ctx context.Context, name string) (Bucket, error)
	// Save writes b as version b.Version+1 if the version is still b.Version,
	// and is ErrMoved if it is not. After any other error the outcome is
	// unknown: it may have landed, or land later while the version is still
	// the same.
	Save(ctx context.Context, b Bucket) error
}

// ErrMoved says that a bucket has changed since it was read.
var ErrMoved = errors.New("bucket has changed meanwhile")

// How often, and how far apart at most, a change is tried while others come
// between.
const (
	changes     = 12
	changePause = 30 * time.Millisecond
)

// Change reads a bucket, lets decide change it, and saves it, again from the
// start while others come between. A decision that changes nothing writes
// nothing. It returns the bucket as decided.
//
// After a save whose outcome is unknown decide may meet its own work: it must
// know it by the names that it left (a nonce, a channel) and not do it twice.
func Change(ctx context.Context, s Store, name string, decide func(Bucket) Bucket) (Bucket, error) {
	var err error
	for try := range changes {
		if try > 0 && !pause(ctx, try) {
			break
		}
		var b Bucket
		if b, err = s.Read(ctx, name); err != nil {
			continue
		}
		next := decide(b)
		if reflect.DeepEqual(b, next) {
			return b, nil
		}
		if err = s.Save(ctx, next); err == nil {
			next.Version++
			return next, nil
		}
	}
	return Bucket{}, fmt.Errorf("changing bucket %s: %w", name, err)
}

// pause waits a random part of a growing while, so that those who met do not
// meet again. It reports whether the context still lasts.
func pause(ctx context.Context, try int) bool {
	select {
	case <-time.After(rand.N(time.Duration(try) * changePause)):
		return true
	case <-ctx.Done():
		return false
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
