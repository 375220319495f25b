package drain

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"bellhop/shared/dialect"
	"bellhop/shared/ledger"
)

// hotel is a property at both providers: it takes rates, keeps the answers of
// idempotency keys, runs jobs, and misbehaves as a test says.
type hotel struct {
	now func() time.Time

	mu       sync.Mutex
	tokens   map[string]bool
	cells    map[string]map[ledger.Field]int64
	applied  int // values that were written, also when they were the same before
	requests []string
	keys     []string
	stored   map[string]stored
	jobs     map[string]*fakeJob
	// asJob makes generic answer 202.
	asJob bool
	// jobTakes says how long a job takes; nil means 3 s.
	jobTakes func(id string) time.Duration
	// meet, when set, sees every request first. It returns true when it has
	// answered.
	meet func(w http.ResponseWriter, r *http.Request) bool
	// refuse, when set, names what a value is refused for.
	refuse func(cell string, f ledger.Field, value int64) string
}

type stored struct {
	status int
	body   []byte
}

type fakeJob struct {
	due     time.Time
	failed  bool
	apply   func()
	updates []map[string]any
	results []map[string]any
}

func newHotel(now func() time.Time) *hotel {
	return &hotel{
		now: now, tokens: map[string]bool{}, cells: map[string]map[ledger.Field]int64{},
		stored: map[string]stored{}, jobs: map[string]*fakeJob{},
	}
}

func (h *hotel) know(token string)   { h.mu.Lock(); defer h.mu.Unlock(); h.tokens[token] = true }
func (h *hotel) forget(token string) { h.mu.Lock(); defer h.mu.Unlock(); delete(h.tokens, token) }

// holds is what the provider has; dialect.Unset for nothing.
func (h *hotel) holds(cell string, f ledger.Field) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.runJobs()
	if v, ok := h.cells[cell][f]; ok {
		return v
	}
	return dialect.Unset
}

func (h *hotel) set(cell string, f ledger.Field, v int64) {
	if h.cells[cell] == nil {
		h.cells[cell] = map[ledger.Field]int64{}
	}
	h.cells[cell][f] = v
	h.applied++
}

// pushes counts the requests that carried rates.
func (h *hotel) pushes() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, r := range h.requests {
		if strings.HasPrefix(r, "POST") {
			n++
		}
	}
	return n
}

func (h *hotel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests = append(h.requests, r.Method+" "+r.URL.Path)
	h.runJobs()
	if h.meet != nil && h.meet(w, r) {
		return
	}
	if !h.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")] {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch path := r.URL.Path; {
	case path == "/generic/v2/rates/batch":
		h.batch(w, r)
	case strings.HasPrefix(path, "/generic/v2/jobs/"):
		h.genericJob(w, strings.TrimPrefix(path, "/generic/v2/jobs/"))
	case path == "/generic/v2/rates":
		h.genericRates(w, r.URL.Query())
	case path == "/cloudbeds/patchRate":
		h.patchRate(w, r)
	case path == "/cloudbeds/getRateJobs":
		h.rateJobs(w, r.URL.Query().Get("jobReferenceID"))
	case path == "/cloudbeds/getRatePlans":
		h.ratePlans(w, r.URL.Query())
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func reply(w http.ResponseWriter, status int, v any) []byte {
	b, _ := json.Marshal(v)
	w.WriteHeader(status)
	_, _ = w.Write(b)
	return b
}

// batch is generic's POST /v2/rates/batch.
func (h *hotel) batch(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Idempotency-Key")
	h.keys = append(h.keys, key)
	if s, ok := h.stored[key]; ok {
		w.Header().Set("Idempotent-Replayed", "true")
		w.WriteHeader(s.status)
		_, _ = w.Write(s.body)
		return
	}
	var b struct {
		Items []map[string]any `json:"items"`
	}
	body, _ := io.ReadAll(r.Body)
	if err := json.Unmarshal(body, &b); err != nil {
		panic(err)
	}
	var results []map[string]any
	var writes []func()
	for i, item := range b.Items {
		why, write := h.genericItem(item)
		result := map[string]any{"index": i, "status": "applied"}
		if why != "" {
			result = map[string]any{"index": i, "status": "rejected", "code": why}
		} else {
			writes = append(writes, write)
		}
		results = append(results, result)
	}
	apply := func() {
		for _, write := range writes {
			write()
		}
	}
	if h.asJob {
		id := h.job(&fakeJob{apply: apply, results: results})
		h.stored[key] = stored{202, reply(w, 202, map[string]any{"job_id": id})}
		return
	}
	apply()
	h.stored[key] = stored{200, reply(w, 200, map[string]any{"results": results})}
}

func (h *hotel) job(j *fakeJob) string {
	id := fmt.Sprintf("job-%d", len(h.jobs)+1)
	takes := 3 * time.Second
	if h.jobTakes != nil {
		takes = h.jobTakes(id)
	}
	j.due = h.now().Add(takes)
	h.jobs[id] = j
	return id
}

// genericItem reads one item: why it is refused, or how it is written.
func (h *hotel) genericItem(item map[string]any) (why string, write func()) {
	room, plan := text(item["room_type"]), text(item["rate_plan"])
	values := map[ledger.Field]int64{}
	for name, v := range item {
		switch name {
		case "room_type", "rate_plan", "from", "to":
		case "prices":
			for guests, p := range v.(map[string]any) {
				n, _ := strconv.Atoi(guests)
				values[ledger.PriceFor(n)] = cents(p.(string))
			}
		case "price":
			values[ledger.Price] = cents(v.(string))
		default:
			values[ledger.Field(name)] = number(v)
		}
	}
	return h.run(room, plan, text(item["from"]), text(item["to"]), values)
}

// run is a run of nights at either provider.
func (h *hotel) run(room, plan, from, to string, values map[ledger.Field]int64) (why string, write func()) {
	first, err1 := ledger.ParseDate(from)
	last, err2 := ledger.ParseDate(to)
	if err1 != nil || err2 != nil || last < first || len(values) == 0 {
		panic(fmt.Sprint("a malformed run: ", room, plan, from, to, values))
	}
	for date := first; date <= last; date++ {
		for f, v := range values {
			if h.refuse != nil {
				if why := h.refuse(cellID(room, plan, date), f, v); why != "" {
					return why, nil
				}
			}
		}
	}
	return "", func() {
		for date := first; date <= last; date++ {
			for f, v := range values {
				h.set(cellID(room, plan, date), f, v)
			}
		}
	}
}

func (h *hotel) genericJob(w http.ResponseWriter, id string) {
	j := h.jobs[id]
	switch {
	case j == nil:
		reply(w, 404, map[string]any{"error": "unknown_job"})
	case h.now().Before(j.due):
		w.Header().Set("Retry-After", "1")
		reply(w, 200, map[string]any{"status": "processing", "results": []any{}})
	case j.failed:
		reply(w, 200, map[string]any{"status": "failed", "results": []any{}})
	default:
		reply(w, 200, map[string]any{"status": "done", "results": j.results})
	}
}

// runJobs applies the jobs that are due, in the order of their ends: a slow one
// overtakes a newer one, as at a provider.
func (h *hotel) runJobs() {
	jobs := slices.SortedFunc(maps.Values(h.jobs), func(a, b *fakeJob) int { return a.due.Compare(b.due) })
	for _, j := range jobs {
		if j.apply != nil && !j.failed && !h.now().Before(j.due) {
			j.apply()
			j.apply = nil
		}
	}
}

func (h *hotel) genericRates(w http.ResponseWriter, q url.Values) {
	const page = 5
	var ids []string
	for id := range h.cells {
		part := strings.Split(id, "/")
		if part[2] >= q.Get("from") && part[2] <= q.Get("to") && id > q.Get("cursor") {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	next := ""
	if len(ids) > page {
		ids, next = ids[:page], ids[page-1]
	}
	items := []map[string]any{}
	for _, id := range ids {
		part := strings.Split(id, "/")
		item := map[string]any{"room_type": part[0], "rate_plan": part[1], "date": part[2]}
		for f, v := range h.cells[id] {
			switch {
			case f == ledger.Price:
				item["price"] = decimal(v)
			case f == ledger.StopSell || f == ledger.ClosedToArrival || f == ledger.ClosedToDeparture:
				item[string(f)] = v != 0
			default:
				item[string(f)] = v
			}
		}
		items = append(items, item)
	}
	reply(w, 200, map[string]any{"items": items, "next": next})
}

func text(v any) string { s, _ := v.(string); return s }

func number(v any) int64 {
	switch v := v.(type) {
	case bool:
		if v {
			return 1
		}
		return 0
	case float64:
		return int64(v)
	}
	panic(fmt.Sprintf("a value of type %T", v))
}

func formValue(f ledger.Field, v string) int64 {
	if f == ledger.Price {
		return cents(v)
	}
	if v == "true" || v == "false" {
		return number(v == "true")
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func cents(s string) int64 {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic("not an amount: " + s)
	}
	return r.Mul(r, big.NewRat(100, 1)).Num().Int64()
}

func decimal(cents int64) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }
