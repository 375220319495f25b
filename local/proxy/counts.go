package proxy

import (
	"cmp"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Counts are the books since a moment. The proxy's own reads and the late
// copies of faults are not calls; the capacity of copies is counted, because
// they were served.
type Counts struct {
	Since    time.Time  `json:"since"`
	Calls    []Calls    `json:"calls"`
	Capacity []Capacity `json:"capacity"`
}

// Calls are the calls of one operation.
type Calls struct {
	Service   string `json:"service"`
	Operation string `json:"operation"`
	Calls     int    `json:"calls"`
	// Resets is how many got no answer.
	Resets int `json:"resets,omitempty"`
	// Errors counts the answers with an exception, by its short name.
	Errors map[string]int `json:"errors,omitempty"`
}

// Capacity is what one operation consumed in one table or index, in DynamoDB's
// request units.
type Capacity struct {
	Table     string  `json:"table"`
	Index     string  `json:"index,omitempty"`
	Operation string  `json:"operation"`
	Read      float64 `json:"read,omitempty"`
	Write     float64 `json:"write,omitempty"`
}

// Of is the number of calls of one operation.
func (c Counts) Of(service, operation string) int {
	for _, calls := range c.Calls {
		if calls.Service == service && calls.Operation == operation {
			return calls.Calls
		}
	}
	return 0
}

// Units sums a table's read and write units, its indexes included.
func (c Counts) Units(table string) (read, write float64) {
	for _, units := range c.Capacity {
		if units.Table == table {
			read += units.Read
			write += units.Write
		}
	}
	return read, write
}

type counts struct {
	mu       sync.Mutex
	since    time.Time               // guarded by mu
	calls    map[[2]string]*Calls    // guarded by mu
	capacity map[[3]string]*Capacity // guarded by mu
}

func newCounts(now time.Time) *counts {
	k := &counts{}
	k.reset(now)
	return k
}

// reset opens new books and returns the old ones.
func (k *counts) reset(now time.Time) Counts {
	k.mu.Lock()
	defer k.mu.Unlock()
	closed := k.close()
	k.since, k.calls, k.capacity = now, make(map[[2]string]*Calls), make(map[[3]string]*Capacity)
	return closed
}

// call counts one call; status zero is a reset.
func (k *counts) call(service, operation string, status int, errorType string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	calls := k.calls[[2]string{service, operation}]
	if calls == nil {
		calls = &Calls{Service: service, Operation: operation}
		k.calls[[2]string{service, operation}] = calls
	}
	calls.Calls++
	switch {
	case status == 0:
		calls.Resets++
	case status >= http.StatusBadRequest:
		if calls.Errors == nil {
			calls.Errors = make(map[string]int)
		}
		calls.Errors[errorType]++
	}
}

// consumed adds units to a table, or to one of its indexes.
func (k *counts) consumed(c Capacity) {
	if c.Read == 0 && c.Write == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	key := [3]string{c.Table, c.Index, c.Operation}
	sum := k.capacity[key]
	if sum == nil {
		sum = &Capacity{Table: c.Table, Index: c.Index, Operation: c.Operation}
		k.capacity[key] = sum
	}
	sum.Read += c.Read
	sum.Write += c.Write
}

func (k *counts) snapshot() Counts {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.close()
}

// close copies the books, sorted by name so that two copies can be compared by
// eye. The caller holds mu.
func (k *counts) close() Counts {
	all := Counts{Since: k.since, Calls: []Calls{}, Capacity: []Capacity{}}
	for _, c := range k.calls {
		copied := *c
		if c.Errors != nil {
			copied.Errors = make(map[string]int, len(c.Errors))
			for name, n := range c.Errors {
				copied.Errors[name] = n
			}
		}
		all.Calls = append(all.Calls, copied)
	}
	for _, c := range k.capacity {
		all.Capacity = append(all.Capacity, *c)
	}
	slices.SortFunc(all.Calls, func(a, b Calls) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Operation, b.Operation))
	})
	slices.SortFunc(all.Capacity, func(a, b Capacity) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Index, b.Index), cmp.Compare(a.Operation, b.Operation))
	})
	return all
}
