package proxy

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// table is what the proxy must know of a table: its key and its indexes.
type table struct {
	hash, sort string
	indexes    map[string]index
}

// index is a secondary index: its key and what it projects.
type index struct {
	hash, sort string
	all        bool            // projects every attribute
	include    map[string]bool // projects these beyond the keys
}

// description is the part of DynamoDB's TableDescription that matters here.
type description struct {
	TableName              string
	KeySchema              []keyPart
	GlobalSecondaryIndexes []indexDescription
	LocalSecondaryIndexes  []indexDescription
}

type keyPart struct{ AttributeName, KeyType string }

type indexDescription struct {
	IndexName  string
	KeySchema  []keyPart
	Projection struct {
		ProjectionType   string
		NonKeyAttributes []string
	}
}

func (d description) table() *table {
	t := &table{indexes: make(map[string]index)}
	t.hash, t.sort = keyNames(d.KeySchema)
	for _, list := range [][]indexDescription{d.GlobalSecondaryIndexes, d.LocalSecondaryIndexes} {
		for _, described := range list {
			x := index{all: described.Projection.ProjectionType == "ALL", include: make(map[string]bool)}
			x.hash, x.sort = keyNames(described.KeySchema)
			for _, name := range described.Projection.NonKeyAttributes {
				x.include[name] = true
			}
			t.indexes[described.IndexName] = x
		}
	}
	return t
}

func keyNames(schema []keyPart) (hash, sort string) {
	for _, part := range schema {
		if part.KeyType == "HASH" {
			hash = part.AttributeName
		} else {
			sort = part.AttributeName
		}
	}
	return hash, sort
}

// keyOf cuts the key out of an item; nil when it is not whole.
func (t *table) keyOf(i item) item {
	key := item{t.hash: i[t.hash]}
	if t.sort != "" {
		key[t.sort] = i[t.sort]
	}
	for _, value := range key {
		if value == nil {
			return nil
		}
	}
	return key
}

// holds tells whether an index has an entry for the item: it is sparse.
func (x index) holds(i item) bool {
	return i[x.hash] != nil && (x.sort == "" || i[x.sort] != nil)
}

// project is the index's entry for an item of the table.
func (x index) project(t *table, i item) item {
	entry := make(item)
	for name, value := range i {
		if x.all || x.include[name] || name == x.hash || name == x.sort || name == t.hash || name == t.sort {
			entry[name] = value
		}
	}
	return entry
}

// askAgain is how long a table that could not be described is left alone.
const askAgain = 5 * time.Second

// tables knows the tables by name: asked for once, or overheard.
type tables struct {
	reader *reader
	now    func() time.Time

	mu    sync.RWMutex
	known map[string]*table    // guarded by mu
	tried map[string]time.Time // guarded by mu
}

func newTables(r *reader, now func() time.Time) *tables {
	return &tables{reader: r, now: now, known: make(map[string]*table), tried: make(map[string]time.Time)}
}

// of is nil for a table that is not known.
func (s *tables) of(name string) *table {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.known[name]
}

// learn asks for the tables that a call is about and that are not known yet.
func (s *tables) learn(ctx context.Context, c *call) {
	for _, name := range c.dynamo.tables() {
		if !s.due(name) {
			continue
		}
		var answer struct{ Table description }
		if err := s.reader.ask(ctx, c.region, "DescribeTable", map[string]string{"TableName": name}, &answer); err == nil {
			s.keep(answer.Table)
		}
	}
}

func (s *tables) due(name string) bool {
	if s.reader.credentials.none() || s.of(name) != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if last, ok := s.tried[name]; ok && now.Sub(last) < askAgain {
		return false
	}
	s.tried[name] = now
	return true
}

func (s *tables) keep(d description) {
	if d.TableName == "" || len(d.KeySchema) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[d.TableName] = d.table()
}

// watch overhears descriptions in the answers that pass by.
func (s *tables) watch(c *call, a *answer) {
	if a.status != http.StatusOK {
		return
	}
	switch c.operation {
	case "DescribeTable", "CreateTable", "UpdateTable":
		var m struct{ Table, TableDescription description }
		if json.Unmarshal(a.body, &m) == nil {
			s.keep(m.Table)
			s.keep(m.TableDescription)
		}
	case "DeleteTable":
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.known, c.target)
		delete(s.tried, c.target)
	}
}
