package bench

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"bellhop/shared/wake"
)

// pageBytes is how much of an index one Query reads
// (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html).
const pageBytes = 1 << 20

// standIn answers the few calls that a sweep makes, in DynamoDB's and SQS's own
// protocol, for tables that are too large for MiniStack to be quick about. It
// keeps no promise of DynamoDB but paging: everything is read as written, no
// condition is looked at, and what is sent to a queue is counted and forgotten.
// It is filled before it serves, and not written to afterwards.
type standIn struct {
	grants    string // the table's name; every other table is empty
	pageBytes int    // of an index, that one Query reads
	// pattern is a TOKEN item as the product's own code writes it; the others
	// are like it, but for their names and times.
	pattern map[string]json.RawMessage
	shards  map[string][]entry // by wake shard, soonest first
	byID    map[string]entry

	mu    sync.Mutex
	calls map[string]int // guarded by mu; by operation
	pages int            // guarded by mu: Query calls that went on where another ended
	sent  int            // guarded by mu: messages
}

// entry is one grant of the table.
type entry struct {
	id string
	at time.Time // its wake
}

func newStandIn(grants string) *standIn {
	return &standIn{grants: grants, pageBytes: pageBytes, shards: map[string][]entry{}, byID: map[string]entry{}, calls: map[string]int{}}
}

// fill makes as many grants, of which the first so many are due within the
// next seconds and the others in an hour. The pattern must have been written.
func (s *standIn) fill(grants, due int, now time.Time) {
	clear(s.shards)
	clear(s.byID)
	for i := range grants {
		e := entry{id: fmt.Sprintf("grant-%06d", i), at: now.Add(time.Hour)}
		if i < due {
			e.at = now.Add(time.Duration(i%60) * time.Second)
		}
		shard := wake.Shard(e.id)
		s.shards[shard] = append(s.shards[shard], e)
		s.byID[e.id] = e
	}
	for _, all := range s.shards {
		slices.SortStableFunc(all, func(a, b entry) int { return a.at.Compare(b.at) })
	}
}

// ServeHTTP implements [http.Handler].
func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	answer, known := map[string]func(*json.Decoder) (any, error){
		"Query": s.query, "GetItem": s.getItem, "BatchGetItem": s.batchGetItem, "PutItem": s.putItem,
		"SendMessageBatch": s.sendMessageBatch, "SendMessage": s.sendMessage,
	}[operation]
	if !known {
		http.Error(w, `{"__type":"UnknownOperationException"}`, http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.calls[operation]++
	s.mu.Unlock()
	said, err := answer(json.NewDecoder(r.Body))
	if err != nil {
		http.Error(w, fmt.Sprintf(`{"__type":"ValidationException","message":%q}`, err), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(said)
}

// text and number are values in DynamoDB's JSON.
func text(s string) json.RawMessage      { return json.RawMessage(`{"S":` + strconv.Quote(s) + `}`) }
func number(t time.Time) json.RawMessage { return fmt.Appendf(nil, `{"N":"%d"}`, t.UnixMilli()) }

// keys adds the keys of the table to what is known of an entry.
func (e entry) keys(m attributes) attributes {
	m["pk"], m["sk"] = text("GRANT#"+e.id), text("TOKEN")
	return m
}

// indexed is what the index holds of it.
func (e entry) indexed() attributes {
	return e.keys(attributes{"wake_shard": text(wake.Shard(e.id)), "wake_at": number(e.at)})
}

// attributes are an item in DynamoDB's JSON.
type attributes = map[string]json.RawMessage

// item is the whole of a grant's item.
func (s *standIn) item(e entry) attributes {
	m := e.keys(maps.Clone(s.pattern))
	m["id"], m["wake_shard"] = text(e.id), text(wake.Shard(e.id))
	m["wake_at"], m["refresh_at"] = number(e.at), number(e.at)
	return m
}

// query reads one page of the grants' wake index: KEYS_ONLY, as the template
// projects it, in the order of wake_at.
func (s *standIn) query(body *json.Decoder) (any, error) {
	var in struct {
		TableName, IndexName      string
		ExpressionAttributeValues map[string]map[string]string
		ExclusiveStartKey         attributes
	}
	if err := body.Decode(&in); err != nil {
		return nil, err
	}
	answer := struct {
		Items            []attributes
		Count            int
		LastEvaluatedKey attributes `json:",omitempty"`
	}{Items: []attributes{}}
	if in.TableName != s.grants || in.IndexName != "wake" {
		return answer, nil
	}
	until, err := strconv.ParseInt(in.ExpressionAttributeValues[":until"]["N"], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("condition is not one that a sweep makes: %w", err)
	}
	entries, last := s.after(in.ExpressionAttributeValues[":shard"]["S"], in.ExclusiveStartKey), attributes(nil)
	for size := 0; len(entries) > 0 && entries[0].at.UnixMilli() <= until; entries = entries[1:] {
		if size >= s.pageBytes {
			answer.LastEvaluatedKey = last
			break
		}
		last = entries[0].indexed()
		answer.Items = append(answer.Items, last)
		size += indexedBytes(entries[0])
	}
	answer.Count = len(answer.Items)
	return answer, nil
}

// indexedBytes is what an entry of the index counts: names and values, a
// number's being short.
func indexedBytes(e entry) int {
	return len("pk") + len("GRANT#"+e.id) + len("sk"+"TOKEN") + len("wake_shard") + 1 + len("wake_at") + 8
}

// after is what is left of a shard behind a key; all of it without one.
func (s *standIn) after(shard string, key attributes) []entry {
	entries := s.shards[shard]
	if key == nil {
		return entries
	}
	s.mu.Lock()
	s.pages++
	s.mu.Unlock()
	i := slices.IndexFunc(entries, func(e entry) bool { return string(text("GRANT#"+e.id)) == string(key["pk"]) })
	return entries[i+1:]
}

// find is the item of a key, nil for none.
func (s *standIn) find(key map[string]map[string]string) attributes {
	e, ok := s.byID[strings.TrimPrefix(key["pk"]["S"], "GRANT#")]
	if !ok {
		return nil
	}
	return s.item(e)
}

func (s *standIn) getItem(body *json.Decoder) (any, error) {
	var in struct{ Key map[string]map[string]string }
	if err := body.Decode(&in); err != nil {
		return nil, err
	}
	return map[string]attributes{"Item": s.find(in.Key)}, nil
}

func (s *standIn) batchGetItem(body *json.Decoder) (any, error) {
	var in struct {
		RequestItems map[string]struct {
			Keys []map[string]map[string]string
		}
	}
	if err := body.Decode(&in); err != nil {
		return nil, err
	}
	found := map[string][]attributes{}
	for table, wanted := range in.RequestItems {
		for _, key := range wanted.Keys {
			if item := s.find(key); item != nil {
				found[table] = append(found[table], item)
			}
		}
	}
	return map[string]any{"Responses": found, "UnprocessedKeys": struct{}{}}, nil
}

// putItem takes the pattern.
func (s *standIn) putItem(body *json.Decoder) (any, error) {
	var in struct{ Item attributes }
	if err := body.Decode(&in); err != nil {
		return nil, err
	}
	s.pattern = in.Item
	return struct{}{}, nil
}
