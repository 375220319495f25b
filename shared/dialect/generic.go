package dialect

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"bellhop/shared/ledger"
	"bellhop/shared/rate"
)

// generic is the API of a provider that follows the RFCs: JSON batches under an
// Idempotency-Key, a result for each item or a job, bearer tokens.
type generic struct{}

// genericBatch is the body of POST /v2/rates/batch. An absent field stays as it
// is at the provider.
type genericBatch struct {
	Property string        `json:"property"`
	Currency string        `json:"currency"`
	Items    []genericItem `json:"items"`
}

type genericItem struct {
	RoomType          string            `json:"room_type"`
	RatePlan          string            `json:"rate_plan,omitempty"`
	From              ledger.Date       `json:"from"`
	To                ledger.Date       `json:"to"`
	Price             *string           `json:"price,omitempty"`
	Prices            map[string]string `json:"prices,omitempty"`
	MinStay           *int64            `json:"min_stay,omitempty"`
	MinStayThrough    *int64            `json:"min_stay_through,omitempty"`
	MaxStay           *int64            `json:"max_stay,omitempty"`
	ClosedToArrival   *bool             `json:"closed_to_arrival,omitempty"`
	ClosedToDeparture *bool             `json:"closed_to_departure,omitempty"`
	StopSell          *bool             `json:"stop_sell,omitempty"`
	Available         *int64            `json:"available,omitempty"`
}

// genericResult is what became of one item, in batches and in jobs.
type genericResult struct {
	Index   int    `json:"index"`
	Status  string `json:"status"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (r genericResult) why() string { return clean(strings.TrimSpace(r.Code + " " + r.Message)) }

// Address is ROOM/PLAN in the provider's words; the plan is empty for what hangs
// on the room type alone.
func (generic) Address(t Target, room, plan string) (string, error) { return t.address(room, plan) }

// Write puts items into one batch.
func (g generic) Write(t Target, items []Item) Call {
	b := genericBatch{Property: t.Connection.RemoteProperty, Currency: t.Connection.Currency}
	for _, item := range items {
		b.Items = append(b.Items, g.item(t, item))
	}
	body, _ := json.Marshal(b) // strings, numbers and flags always marshal
	return t.post("/v2/rates/batch", "application/json", body)
}

func (generic) item(t Target, item Item) genericItem {
	address, _ := t.address(item.Room, item.Plan) // Render left out what has none
	room, plan, _ := strings.Cut(address, "/")
	out := genericItem{RoomType: room, RatePlan: plan, From: item.From, To: item.To}
	for _, v := range item.Values {
		out.set(t, v)
	}
	return out
}

func (i *genericItem) set(t Target, v Value) {
	yes := v.Value != 0
	switch v.Field {
	case ledger.Price:
		text := rate.FormatPrice(v.Value, t.Decimals)
		i.Price = &text
	case ledger.MinStay:
		i.MinStay = &v.Value
	case ledger.MinStayThrough:
		i.MinStayThrough = &v.Value
	case ledger.MaxStay:
		i.MaxStay = &v.Value
	case ledger.ClosedToArrival:
		i.ClosedToArrival = &yes
	case ledger.ClosedToDeparture:
		i.ClosedToDeparture = &yes
	case ledger.StopSell:
		i.StopSell = &yes
	case ledger.Available:
		i.Available = &v.Value
	default:
		if guests, ok := v.Field.Occupancy(); ok {
			if i.Prices == nil {
				i.Prices = map[string]string{}
			}
			i.Prices[strconv.Itoa(guests)] = rate.FormatPrice(v.Value, t.Decimals)
		}
	}
}

// Judge reads a batch's answer: results for each item, or a job.
func (generic) Judge(_ Target, items []Item, a Answer) Outcome {
	o, done := a.byStatus()
	if done {
		return o
	}
	var b struct {
		JobID   string          `json:"job_id"`
		Results []genericResult `json:"results"`
	}
	if !a.decode(&b) {
		o.Kind, o.Why = Unknown, "the answer cannot be read"
		return o
	}
	if a.Status == http.StatusAccepted && b.JobID != "" {
		o.Kind, o.Job = Accepted, b.JobID
		return o
	}
	rejected, complete := genericRejections(b.Results, len(items))
	if !complete {
		o.Kind, o.Why = Failed, "the answer does not say what became of every item"
		return o
	}
	o.Kind, o.Rejected = Applied, rejected
	return o
}

// genericRejections picks the refused items out of results, and reports whether
// each of n items has exactly one result that can be read.
func genericRejections(results []genericResult, n int) ([]Rejection, bool) {
	seen := make(map[int]bool, n)
	var rejected []Rejection
	for _, r := range results {
		if r.Index < 0 || r.Index >= n || seen[r.Index] || r.Status != "applied" && r.Status != "rejected" {
			return nil, false
		}
		seen[r.Index] = true
		if r.Status == "rejected" {
			rejected = append(rejected, Rejection{Item: r.Index, Why: r.why()})
		}
	}
	return rejected, len(seen) == n
}

// Poll asks for a job.
func (generic) Poll(t Target, job string) Call {
	c := t.get("/v2/jobs/"+url.PathEscape(job), "")
	c.URL = strings.TrimSuffix(c.URL, "?")
	return c
}

// JudgePoll reads a job's state.
func (generic) JudgePoll(_ Target, job ledger.Job, a Answer) JobOutcome {
	o, done := a.byStatus()
	if done {
		return pollOutcome(o, a)
	}
	var b struct {
		Status  string          `json:"status"`
		Results []genericResult `json:"results"`
	}
	if !a.decode(&b) {
		return JobOutcome{Kind: Unknown, Why: "the job's state cannot be read"}
	}
	switch b.Status {
	case "processing":
		return JobOutcome{Kind: Accepted, RetryAt: o.RetryAt}
	case "done":
		return JobOutcome{Kind: Applied, Rejected: rejectedRuns(b.Results, job.Runs)}
	case "failed":
		return JobOutcome{Kind: Failed, Why: "the job failed"}
	}
	return JobOutcome{Kind: Unknown, Why: clean("the job's state is not known: " + b.Status)}
}

// rejectedRuns names the refused items of a job by what the job remembers of its
// call.
func rejectedRuns(results []genericResult, runs []ledger.Run) []RejectedRun {
	var rejected []RejectedRun
	for _, r := range results {
		if r.Status == "rejected" && r.Index >= 0 && r.Index < len(runs) {
			rejected = append(rejected, RejectedRun{Run: runs[r.Index], Why: r.why()})
		}
	}
	return rejected
}

// pollOutcome turns what a status says about a call into what it says about a
// job: one that is not known any more has ended, and what would be a refusal of
// a call tells nothing here.
func pollOutcome(o Outcome, a Answer) JobOutcome {
	kind := o.Kind
	switch {
	case a.Status == http.StatusNotFound || a.Status == http.StatusGone:
		return JobOutcome{Kind: Failed, Why: "the job is not known any more"}
	case kind == Refused || kind == Failed:
		kind = Unknown
	}
	return JobOutcome{Kind: kind, RetryAt: o.RetryAt, Scopes: o.Scopes, Why: o.Why}
}
