package proxy

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// stale makes eventually consistent reads lag behind the writes, as they may
// on AWS. Before each write it reads the item as it is (a consistent read of
// the proxy's own), so it knows what every item was a moment ago. A read that
// may be stale is answered by the stand-in first and then put back in time,
// item by item: an item that was written within the delay is shown as it was
// before the oldest of those writes, or not at all if it did not exist or did
// not match. That is what DynamoDB promises: every item as it was at some
// moment, without a common moment for all.
//
// Where an answer cannot be put back faithfully (filters, nested projections,
// legacy conditions) it stays fresh, which is legal at any time. Writes that
// were made while the delays were off are not remembered.
type stale struct {
	proxy  *Proxy
	reader *reader

	mu     sync.Mutex
	recent map[string]map[string]*history // guarded by mu; by table and key
}

// history is what an item was before each of its recent writes, oldest first.
type history struct {
	key    item
	writes []*past
}

type past struct {
	at     time.Time
	before item // nil when the item did not exist
}

// pending is a write on its way.
type pending struct {
	table, key string
	past       *past
}

func newStale(p *Proxy, r *reader) *stale {
	return &stale{proxy: p, reader: r, recent: make(map[string]map[string]*history)}
}

// begin remembers what the written items are now. They count as written from
// here on, so that no read meets the new state between write and answer.
func (s *stale) begin(ctx context.Context, c *call) []pending {
	if s.proxy.current().staleFor() == 0 {
		return nil
	}
	var begun []pending
	for _, w := range c.dynamo.changes {
		key := w.key(s.proxy.tables.of(w.TableName))
		if key == nil || w.kind == "ConditionCheck" {
			continue
		}
		before, err := s.reader.item(ctx, c.region, w.TableName, key)
		if err != nil {
			continue // then this write is seen at once
		}
		begun = append(begun, s.add(w.TableName, key, before))
	}
	return begun
}

func (s *stale) add(table string, key, before item) pending {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recent[table] == nil {
		s.recent[table] = make(map[string]*history)
	}
	h := s.recent[table][key.text()]
	if h == nil {
		h = &history{key: key}
		s.recent[table][key.text()] = h
	}
	p := &past{at: s.proxy.now(), before: before}
	h.writes = append(h.writes, p)
	return pending{table, key.text(), p}
}

// finish starts the delay of the writes, or forgets them if the service
// refused. Without an answer they may have landed, so they stay.
func (s *stale) finish(writes []pending, a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range writes {
		if a == nil || a.status == http.StatusOK {
			w.past.at = s.proxy.now()
			continue
		}
		h := s.recent[w.table][w.key]
		if h == nil {
			continue
		}
		kept := h.writes[:0]
		for _, p := range h.writes {
			if p != w.past {
				kept = append(kept, p)
			}
		}
		h.writes = kept
	}
}

// unseen is an item that a stale read must show as it was.
type unseen struct {
	key    item
	before item // nil: did not exist
}

// unseenIn lists the items of a table whose writes are younger than delay, and
// forgets histories that no setting reaches any more.
func (s *stale) unseenIn(table string, delay time.Duration) map[string]unseen {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.proxy.now()
	forget := s.proxy.current().staleFor()
	found := make(map[string]unseen)
	for key, h := range s.recent[table] {
		for len(h.writes) > 0 && now.Sub(h.writes[0].at) >= forget {
			h.writes = h.writes[1:]
		}
		if len(h.writes) == 0 {
			delete(s.recent[table], key)
			continue
		}
		for _, p := range h.writes {
			if now.Sub(p.at) < delay {
				found[key] = unseen{h.key, p.before}
				break
			}
		}
	}
	return found
}

// rewrite puts an answer back in time where it may be.
func (s *stale) rewrite(c *call, a *answer, ts *tables) *answer {
	settings := s.proxy.current()
	if settings.staleFor() == 0 || a.status != http.StatusOK {
		return a
	}
	d := c.dynamo
	delay := settings.ReadDelay.Duration()
	if d.IndexName != "" {
		delay = settings.IndexDelay.Duration()
	}
	if delay <= 0 || d.ConsistentRead {
		return a
	}
	var body []byte
	switch c.operation {
	case "GetItem":
		body = s.oldItem(d, delay)
	case "BatchGetItem":
		body = s.oldBatch(d, a.body, delay, ts)
	case "Query", "Scan":
		body = s.oldPage(d, a.body, delay, ts)
	}
	if body == nil {
		return a
	}
	return a.withBody(body)
}
