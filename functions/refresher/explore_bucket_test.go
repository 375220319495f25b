package main

import (
	"context"
	"time"

	"bellhop/shared/bucket"
)

// purse is what the client's grants share, as one actor reaches it: it remembers
// nothing, and holds an exchange back when the scheduler says so. What it counts
// and whom it suspects has tests of its own in package bucket; here it matters
// that "not now" between a lease and its request costs nothing.
type purse struct{ *actor }

var _ bucket.Store = purse{}

// heldFor is how long the provider wants to be left alone.
const heldFor = 5 * time.Second

// Read implements [bucket.Store].
func (p purse) Read(_ context.Context, name string) (bucket.Bucket, error) {
	b := bucket.Bucket{Name: name}
	if p.ask("Bucket") == held {
		b.HoldUntil, b.HoldWhy = time.Now().Add(heldFor), "throttled"
	}
	p.knows("Bucket", []byte(b.HoldWhy))
	return b, nil
}

// Save implements [bucket.Store].
func (purse) Save(context.Context, bucket.Bucket) error { return nil }
