package secretsmanager

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"bellhop/shared/grant"
)

// calm is when the provider is asked in an hour and a half without weather.
func calm(t *testing.T) (times []time.Duration) {
	t.Run("calm", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHotel(t, 0)
			h.lives(90 * time.Minute)
			times = h.exchanged
		})
	})
	return times
}

// writes are the calls that a home makes beside reading.
var writes = []string{"CreateSecret", "PutSecretValue", "DeleteSecret"}

// Secrets Manager takes nothing for an hour, each time for another reason. Not
// one exchange is lost or late; every pair is in the table, sealed, and said to
// be; afterwards it goes home, and what former epochs left is deleted.
func TestHour_WritesRefused(t *testing.T) {
	want := calm(t)
	for name, row := range map[string]struct {
		ops     []string
		err     func(context.Context) error
		settles bool // in the hour too
	}{
		"every secret is full": {[]string{"PutSecretValue"}, func(context.Context) error { return &types.LimitExceededException{} }, true},
		"the account is full":  {[]string{"CreateSecret", "PutSecretValue"}, func(context.Context) error { return &types.LimitExceededException{} }, false},
		"throttled":            {writes, says("ThrottlingException"), false},
		"down":                 {writes, func(context.Context) error { return &types.InternalServiceError{} }, false},
		"hangs":                {writes, hangs, false},
		"access denied":        {writes, says("AccessDeniedException"), false},
		"key policy": {[]string{"CreateSecret", "PutSecretValue"}, func(context.Context) error {
			return &types.EncryptionFailure{Message: aws.String("Access to KMS is not allowed")}
		}, false},
		"deletes nothing": {[]string{"DeleteSecret"}, says("AccessDeniedException"), true},
		"deletion hangs":  {[]string{"DeleteSecret"}, hangs, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHotel(t, 0)
				h.lives(15 * time.Minute)
				h.weather.refuse = func(ctx context.Context, op string) error {
					if slices.Contains(row.ops, op) {
						return row.err(ctx)
					}
					return nil
				}
				h.log.Reset()
				h.lives(time.Hour)
				if g := h.grant(); (g.Inline == nil) != row.settles {
					t.Errorf("in the hour: settled %v, placement %+v", g.Inline == nil, g.Placement)
				}
				if said := strings.Contains(h.log.String(), `"PairsNotSettled":1`); said == row.settles {
					t.Errorf("pairs not settled are counted: %v", said)
				}
				if slices.Equal(row.ops, []string{"DeleteSecret"}) && !strings.Contains(h.log.String(), `"SecretsNotRetired":`) {
					t.Error("former secrets that stay are not counted")
				}
				h.weather.refuse = nil
				h.lives(15 * time.Minute)
				h.isWhole(want)
			})
		})
	}
}

// readsRefused are the ways in which nothing can be read.
var readsRefused = map[string]func(context.Context) error{
	"throttled":  says("ThrottlingException"),
	"denied":     says("AccessDeniedException"),
	"key policy": func(context.Context) error { return &types.DecryptionFailure{} },
	"down":       func(context.Context) error { return &types.InternalServiceError{} },
	"hangs":      hangs,
}

// A process that keeps its pairs goes through an hour in which Secrets Manager
// answers nothing at all, reads included.
func TestHour_NothingAnswersAWarmProcess(t *testing.T) {
	want := calm(t)
	for name, err := range readsRefused {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHotel(t, 10)
				h.lives(15 * time.Minute)
				h.weather.refuse = func(ctx context.Context, _ string) error { return err(ctx) }
				h.lives(time.Hour)
				h.weather.refuse = nil
				h.lives(15 * time.Minute)
				if name != "hangs" {
					h.isWhole(want)
					return
				}
				h.inTime() // what hangs may cost seconds, never an exchange
				h.isWhole(h.exchanged)
			})
		})
	}
}

// One that does not, because it keeps none or has just begun, cannot open what
// has moved home; without keys it could not even seal an answer. It presents
// nothing, loses nothing, and exchanges as soon as it may read.
func TestHour_NothingAnswersAColdProcess(t *testing.T) {
	for name, err := range readsRefused {
		t.Run(name, func(t *testing.T) { hourWithoutReads(t, err, func(*hotel) {}) })
		t.Run(name+", and it is new", func(t *testing.T) {
			hourWithoutReads(t, err, func(h *hotel) { h.begins(0) })
		})
	}
}

func hourWithoutReads(t *testing.T, err func(context.Context) error, begin func(*hotel)) {
	synctest.Test(t, func(t *testing.T) {
		h := newHotel(t, 0)
		h.lives(15 * time.Minute)
		before := h.grant()
		done, looked := len(h.exchanged), h.looks
		h.weather.refuse = func(ctx context.Context, op string) error {
			if op == "GetSecretValue" {
				return err(ctx)
			}
			return nil
		}
		begin(h)
		h.lives(time.Hour)
		if g := h.grant(); g.Generation != before.Generation || g.Health != grant.OK || g.Ref != before.Ref || len(h.exchanged) != done {
			t.Errorf("generation %d, %s, ref %s after %d exchanges", g.Generation, g.Health, g.Ref, len(h.exchanged)-done)
		}
		if n := h.looks - looked; n < 180 {
			t.Errorf("looked %d times in the hour: the pause grew", n)
		}
		h.weather.refuse = nil
		h.lives(soonAfter)
		if g := h.grant(); g.Generation != before.Generation+1 || h.provider.MostPresented() != 1 {
			t.Errorf("%v after the hour: generation %d, a token presented %d times", soonAfter, g.Generation, h.provider.MostPresented())
		}
	})
}

// soonAfter is how long after the service's return the exchange is resumed.
const soonAfter = 20 * time.Second

// The process begins anew in the middle of the hour in which nothing is taken:
// what is inline opens with the keys alone.
func TestHour_WritesRefusedAndTheProcessDies(t *testing.T) {
	want := calm(t)
	synctest.Test(t, func(t *testing.T) {
		h := newHotel(t, 10)
		h.lives(15 * time.Minute)
		h.weather.refuse = func(_ context.Context, op string) error {
			if slices.Contains(writes, op) {
				return errors.New("refused")
			}
			return nil
		}
		for range 4 {
			h.lives(15 * time.Minute)
			h.starts(10)
		}
		h.weather.refuse = nil
		h.lives(15 * time.Minute)
		h.isWhole(want)
	})
}
