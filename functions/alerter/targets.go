package main

import (
	"context"
	"sync"

	"bellhop/shared/alert"
	"bellhop/shared/secret"
)

// texts reads secrets that people change, and keeps each for minutes.
type texts interface {
	Text(ctx context.Context, id string) (secret.Text, error)
}

// channelsOf finds the channels that the alert targets' secret switches on.
// They are made anew only when it has changed, so that connections are kept.
func channelsOf(secrets texts, id string) func(context.Context) ([]alert.Channel, error) {
	var mu sync.Mutex // guards what follows
	var was secret.Text
	var channels []alert.Channel
	return func(ctx context.Context) ([]alert.Channel, error) {
		raw, err := secrets.Text(ctx, id)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		if channels != nil && raw.Equal(was) {
			return channels, nil
		}
		fresh, err := alert.ParseTargets(raw)
		if err != nil {
			return nil, err
		}
		was, channels = raw, fresh
		return channels, nil
	}
}
