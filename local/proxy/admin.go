package proxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Admin is a client of a running proxy's admin API. Its methods may be called
// concurrently. Their errors carry the proxy's reason.
type Admin struct {
	// URL is the proxy's base URL, such as "http://127.0.0.1:4565".
	URL string
	// Client sends the requests. Nil means http.DefaultClient.
	Client *http.Client
}

// Settings are the rules in force.
func (a Admin) Settings(ctx context.Context) (Settings, error) {
	return request[Settings](ctx, a, http.MethodGet, "settings", nil)
}

// Set puts all settings in force, zero fields with their defaults. To change
// one, read Settings first.
func (a Admin) Set(ctx context.Context, s Settings) error {
	_, err := request[Settings](ctx, a, http.MethodPost, "settings", s)
	return err
}

// Counts are the books since the last reset.
func (a Admin) Counts(ctx context.Context) (Counts, error) {
	return request[Counts](ctx, a, http.MethodGet, "counts", nil)
}

// ResetCounts opens new books and returns the old ones; no call falls between.
func (a Admin) ResetCounts(ctx context.Context) (Counts, error) {
	return request[Counts](ctx, a, http.MethodPost, "counts/reset", nil)
}

// Log returns the chosen calls, oldest first. A call is in the
// log before its caller gets the answer.
func (a Admin) Log(ctx context.Context, q LogQuery) ([]Entry, error) {
	values := url.Values{}
	for name, value := range map[string]string{"service": q.Service, "operation": q.Operation, "function": q.Function} {
		if value != "" {
			values.Set(name, value)
		}
	}
	values.Set("since", strconv.FormatInt(q.Since, 10))
	values.Set("limit", strconv.Itoa(q.Limit))
	return request[[]Entry](ctx, a, http.MethodGet, "log?"+values.Encode(), nil)
}

// Inject adds a fault rule behind the others.
func (a Admin) Inject(ctx context.Context, r Rule) (RuleStatus, error) {
	return request[RuleStatus](ctx, a, http.MethodPost, "faults", r)
}

// Faults lists the rules in their order, spent ones included.
func (a Admin) Faults(ctx context.Context) ([]RuleStatus, error) {
	return request[[]RuleStatus](ctx, a, http.MethodGet, "faults", nil)
}

// Withdraw removes one rule. Copies that it has caused still land.
func (a Admin) Withdraw(ctx context.Context, id int) error {
	_, err := request[struct{}](ctx, a, http.MethodDelete, "faults/"+strconv.Itoa(id), nil)
	return err
}

// WithdrawAll removes all rules.
func (a Admin) WithdrawAll(ctx context.Context) error {
	_, err := request[struct{}](ctx, a, http.MethodDelete, "faults", nil)
	return err
}

// Arm sets a trap. A trap of the same name is replaced; a call that it holds
// goes on.
func (a Admin) Arm(ctx context.Context, t Trap) error {
	if t.When == "" {
		t.When = Before
	}
	t.Nth = max(t.Nth, 1)
	_, err := request[Point](ctx, a, http.MethodPost, "points", t)
	return err
}

// Point tells what became of a trap, without waiting.
func (a Admin) Point(ctx context.Context, name string) (Point, error) {
	return request[Point](ctx, a, http.MethodGet, "points/"+url.PathEscape(name), nil)
}

// Points lists all traps, in no order.
func (a Admin) Points(ctx context.Context) ([]Point, error) {
	return request[[]Point](ctx, a, http.MethodGet, "points", nil)
}

// Await waits until a trap is hit. When ctx ends first it returns ctx's error.
func (a Admin) Await(ctx context.Context, name string) (Hit, error) {
	for {
		p, err := request[Point](ctx, a, http.MethodGet, "points/"+url.PathEscape(name)+"?wait_ms=20000", nil)
		if err != nil {
			return Hit{}, err
		}
		if p.Hit != nil {
			return *p.Hit, nil
		}
		if err := ctx.Err(); err != nil {
			return Hit{}, err
		}
	}
}

// Release lets the call that a trap holds go on; if it holds none yet, it will
// not hold one.
func (a Admin) Release(ctx context.Context, name string) error {
	_, err := request[struct{}](ctx, a, http.MethodPost, "points/"+url.PathEscape(name)+"/release", nil)
	return err
}

// Disarm removes a trap and lets its call go on.
func (a Admin) Disarm(ctx context.Context, name string) error {
	_, err := request[struct{}](ctx, a, http.MethodDelete, "points/"+url.PathEscape(name), nil)
	return err
}

// NameFunction gives the calls that are signed with an access key a name, for
// rules, traps and the log. FunctionKey tells the key of a function.
func (a Admin) NameFunction(ctx context.Context, accessKey, name string) error {
	_, err := request[functionName](ctx, a, http.MethodPost, "functions", functionName{AccessKey: accessKey, Name: name})
	return err
}

// FunctionKey is the access key id that MiniStack 1.5 gives to the processes
// of a function when it runs with AUTH=true (its core/lambda_runtime.py). The
// ARNs are the unqualified ones of the function and of its role.
func FunctionKey(functionARN, roleARN string) string {
	digest := sha256.Sum256([]byte(functionARN + ":" + roleARN))
	return "ASIA" + strings.ToUpper(hex.EncodeToString(digest[:8]))
}

// request makes one admin request and decodes its answer.
func request[T any](ctx context.Context, a Admin, method, path string, body any) (T, error) {
	var into T
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return into, fmt.Errorf("encoding %s: %w", path, err)
		}
		content = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(a.URL, "/")+adminPrefix+path, content)
	if err != nil {
		return into, fmt.Errorf("addressing %s: %w", path, err)
	}
	client := a.Client
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(r)
	if err != nil {
		return into, fmt.Errorf("asking the proxy for %s: %w", path, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		var refused struct{ Error string }
		_ = json.NewDecoder(response.Body).Decode(&refused)
		return into, fmt.Errorf("asking the proxy for %s: status %d: %s", path, response.StatusCode, refused.Error)
	}
	if err := json.NewDecoder(response.Body).Decode(&into); err != nil {
		return into, fmt.Errorf("decoding %s: %w", path, err)
	}
	return into, nil
}

// Wait polls the log until an entry satisfies want, looking from since on. It
// is for what happens at its own time, such as a copy that lands late.
func (a Admin) Wait(ctx context.Context, q LogQuery, want func(Entry) bool) (Entry, error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		entries, err := a.Log(ctx, q)
		if err != nil {
			return Entry{}, err
		}
		for _, e := range entries {
			if want(e) {
				return e, nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return Entry{}, ctx.Err()
		}
	}
}
