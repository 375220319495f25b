package main

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
)

// contendWithOAuth2 gives every worker one token source, as its package's
// documentation has it: a Config's TokenSource renews by itself, and
// ReuseTokenSource keeps the token for all goroutines of the process
// (https://pkg.go.dev/golang.org/x/oauth2#ReuseTokenSource). What one process
// was given, the others do not learn: the package has no place for it.
func contendWithOAuth2(ctx context.Context, t task) tally {
	renewals := &counting{}
	config := oauth2.Config{
		ClientID: t.ClientID, ClientSecret: t.ClientSecret,
		Endpoint: oauth2.Endpoint{TokenURL: t.TokenURL, AuthStyle: oauth2.AuthStyleInParams},
	}
	first := &oauth2.Token{AccessToken: t.Access, RefreshToken: t.Refresh, Expiry: t.Expires}
	within := context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, &http.Client{Transport: renewals, Timeout: 10 * time.Second})
	source := oauth2.ReuseTokenSource(first, config.TokenSource(within, first))
	var failures atomic.Int64
	var all sync.WaitGroup
	for range t.Workers {
		all.Go(func() {
			for wait(ctx, look) {
				if _, err := source.Token(); err != nil {
					failures.Add(1)
					return // what is lost is lost: a worker that went on would only ask again
				}
			}
		})
	}
	all.Wait()
	return tally{Tries: int(renewals.sent.Load()), Exchanges: int(renewals.good.Load()), Failures: int(failures.Load())}
}

// counting counts requests and those that were answered with a pair.
type counting struct{ sent, good atomic.Int64 }

// RoundTrip implements [http.RoundTripper].
func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.sent.Add(1)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && answer.StatusCode == http.StatusOK {
		c.good.Add(1)
	}
	return answer, err
}
