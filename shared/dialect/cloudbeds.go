package dialect

import (
	"net/url"
	"strconv"
	"strings"

	"bellhop/shared/ledger"
	"bellhop/shared/rate"
)

// cloudbeds is the API of Cloudbeds, version 1.3: forms in, JSON out, errors
// inside HTTP 200, and every change done by a job. Field names and limits are
// those of its specification
// (https://github.com/cloudbeds/openapi-specs, src/pms-v1.3-openapi.yaml).
type cloudbeds struct{}

// cloudbedsFields are the interval's names for our fields.
var cloudbedsFields = map[ledger.Field]string{
	ledger.Price:             "rate",
	ledger.MinStay:           "minLos",
	ledger.MaxStay:           "maxLos",
	ledger.ClosedToArrival:   "closedToArrival",
	ledger.ClosedToDeparture: "closedToDeparture",
	ledger.StopSell:          "blocked",
}

// cloudbedsWords judge an error inside HTTP 200 by a part of its message, in
// lower case; the first row that fits counts. The specification lists no
// messages, so these are the ones seen, and anything else is a refusal whose
// culprit must be found by halving.
var cloudbedsWords = []struct {
	part   string
	kind   Kind
	shared bool // see Outcome.Shared
}{
	{part: "rate limit", kind: Throttled},
	{part: "too many requests", kind: Throttled},
	{part: "try again", kind: Outage},
	{part: "temporarily", kind: Outage},
	{part: "maintenance", kind: Outage},
	{part: "internal error", kind: Outage},
	{part: "access token", kind: Unauthorized},
	{part: "property not found", kind: Denied},
	{part: "access denied", kind: Denied},
	{part: "derived", kind: Refused, shared: true},
	{part: "rate id", kind: Refused, shared: true},
	{part: "rateid", kind: Refused, shared: true},
}

// Address is the rateID. Cloudbeds knows rates by ids of its own alone, so a
// connection without mappings has none.
func (cloudbeds) Address(t Target, room, plan string) (string, error) {
	return t.mapped(room, plan)
}

// Write is one patchRate, which leaves alone what an interval does not name. The
// parameters are in the order of the items, so that the body is canonical.
func (c cloudbeds) Write(t Target, items []Item) Call {
	var form []string
	set := func(name, value string) {
		form = append(form, url.QueryEscape(name)+"="+url.QueryEscape(value))
	}
	if t.Connection.RemoteProperty != "" {
		set("propertyID", t.Connection.RemoteProperty)
	}
	for i, item := range items {
		id, _ := c.Address(t, item.Room, item.Plan) // Render left out what has none
		prefix := "rates[" + strconv.Itoa(i) + "]"
		set(prefix+"[rateID]", id)
		set(prefix+"[interval][startDate]", item.From.String())
		set(prefix+"[interval][endDate]", item.To.String())
		for _, v := range item.Values {
			set(prefix+"[interval]["+cloudbedsFields[v.Field]+"]", cloudbedsValue(t, v))
		}
	}
	return t.post("/patchRate", "application/x-www-form-urlencoded", []byte(strings.Join(form, "&")))
}

func cloudbedsValue(t Target, v Value) string {
	switch {
	case v.Field.Money():
		return rate.FormatPrice(v.Value, t.Decimals)
	case v.Field == ledger.MinStay || v.Field == ledger.MaxStay:
		return strconv.FormatInt(v.Value, 10)
	default:
		return strconv.FormatBool(v.Value != 0)
	}
}

// cloudbedsAnswer is what every answer has.
type cloudbedsAnswer struct {
	Success        *bool  `json:"success"`
	Message        string `json:"message"`
	JobReferenceID loose  `json:"jobReferenceID"`
}

// Judge reads the answer of patchRate.
func (cloudbeds) Judge(_ Target, _ []Item, a Answer) Outcome {
	o, done := a.byStatus()
	if done {
		return o
	}
	var b cloudbedsAnswer
	switch {
	case !a.decode(&b) || b.Success == nil:
		o.Kind, o.Why = Unknown, "the answer cannot be read"
	case !*b.Success:
		o.Kind, o.Shared = byWords(b.Message)
		o.Why = clean(b.Message)
	case b.JobReferenceID == "":
		o.Kind = Applied
	default:
		o.Kind, o.Job = Accepted, string(b.JobReferenceID)
	}
	return o
}

// byWords judges an error inside HTTP 200.
func byWords(message string) (kind Kind, shared bool) {
	message = strings.ToLower(message)
	for _, row := range cloudbedsWords {
		if strings.Contains(message, row.part) {
			return row.kind, row.shared
		}
	}
	return Refused, false
}

// Poll asks getRateJobs for one job.
func (cloudbeds) Poll(t Target, job string) Call {
	return t.get("/getRateJobs", url.Values{"jobReferenceID": {job}}.Encode())
}

// cloudbedsJob is one entry of getRateJobs.
type cloudbedsJob struct {
	JobReferenceID loose             `json:"jobReferenceID"`
	Status         string            `json:"status"`
	Updates        []cloudbedsUpdate `json:"updates"`
}

// cloudbedsUpdate is what became of one interval. The specification says it by
// action; success is in the answers of some islands.
type cloudbedsUpdate struct {
	RateID    loose  `json:"rateID"`
	Action    string `json:"action"`
	Success   *bool  `json:"success"`
	StartDate string `json:"startDate"`
	EndDate   string `json:"endDate"`
	Message   string `json:"message"`
}

func (u cloudbedsUpdate) failed() bool {
	return u.Action == "error" || u.Success != nil && !*u.Success
}

// JudgePoll reads getRateJobs. A job that is not in the list is not known any
// more.
func (c cloudbeds) JudgePoll(t Target, job ledger.Job, a Answer) JobOutcome {
	o, done := a.byStatus()
	if done {
		return pollOutcome(o, a)
	}
	var b struct {
		cloudbedsAnswer
		Data []cloudbedsJob `json:"data"`
	}
	if !a.decode(&b) || b.Success == nil {
		return JobOutcome{Kind: Unknown, Why: "the job's state cannot be read"}
	}
	if !*b.Success {
		o.Kind, _ = byWords(b.Message)
		o.Why = clean(b.Message)
		return pollOutcome(o, a)
	}
	for _, j := range b.Data {
		if string(j.JobReferenceID) == job.ID {
			return c.judgeJob(t, j)
		}
	}
	return JobOutcome{Kind: Failed, Why: "the job is not known any more"}
}

// judgeJob tells a job that failed as a whole, which is tried again, from one
// that refused some of its intervals, which are not.
func (cloudbeds) judgeJob(t Target, j cloudbedsJob) JobOutcome {
	switch j.Status {
	case "in_progress":
		return JobOutcome{Kind: Accepted}
	case "completed", "error":
	default:
		return JobOutcome{Kind: Unknown, Why: clean("the job's state is not known: " + j.Status)}
	}
	var rejected []RejectedRun
	failed, hopeless := 0, 0
	for _, u := range j.Updates {
		if !u.failed() {
			continue
		}
		failed++
		if kind, shared := byWords(u.Message); kind == Refused && shared {
			hopeless++
		}
		if run, ok := u.run(t); ok {
			rejected = append(rejected, RejectedRun{Run: run, Why: clean(u.Message)})
		}
	}
	if failed == len(j.Updates) && hopeless < failed || j.Status == "error" && failed == 0 {
		return JobOutcome{Kind: Failed, Why: "the job failed"}
	}
	return JobOutcome{Kind: Applied, Rejected: rejected}
}

// run is what an update was about; false when it is not ours.
func (u cloudbedsUpdate) run(t Target) (ledger.Run, bool) {
	room, plan, ok := t.ours(string(u.RateID))
	from, err1 := ledger.ParseDate(u.StartDate)
	to, err2 := ledger.ParseDate(u.EndDate)
	return ledger.Run{Room: room, Plan: plan, From: from, To: to}, ok && err1 == nil && err2 == nil
}
