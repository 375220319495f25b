package sandbox

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// Scopes of the cloudbeds persona.
const (
	scopeReadRate  = "read:rate"
	scopeWriteRate = "write:rate"
)

// maxIntervals is the vendor's own limit ("limited to 30 interval per update,
// sending more than 30 will return an error": its specification of patchRate).
const maxIntervals = 30

// rateUpdate is what getRateJobs says about one interval.
type rateUpdate struct {
	RateID    string       `json:"rateID"`
	StartDate string       `json:"startDate"`
	EndDate   string       `json:"endDate"`
	Rate      *json.Number `json:"rate"`
	Success   bool         `json:"success"`
	Message   string       `json:"message"`
}

// enter is the common beginning of every call that is about rates: the token,
// its property, the property's pace. It answers and returns nil when the call
// may not go on.
func (s *Server) enter(c *call, scope string) (*Token, *Property) {
	t := s.permit(c, scope)
	if t == nil {
		return nil, nil
	}
	p := s.properties[Cloudbeds][t.Property]
	if p == nil {
		c.turnDown("Property not found")
		return nil, nil
	}
	if !s.paced(p, c.now) {
		c.answer.retryAfter(1)
		c.refuse(http.StatusTooManyRequests, "", "Rate limit exceeded")
		return nil, nil
	}
	return t, p
}

// turnDown is the vendor's error inside HTTP 200.
func (c *call) turnDown(message string) { c.refuse(http.StatusOK, "", message) }

// userinfo answers GET userinfo: who consented, and for which property.
func (s *Server) userinfo(c *call) {
	t := s.permit(c, "")
	if t == nil {
		return
	}
	c.answer.json(http.StatusOK, map[string]string{
		"user_id": t.Account, "property_id": t.Property, "email": t.Account + "@sandbox.example",
	})
}

// patchRate answers POST patchRate. One wrong interval turns the whole call
// down; what is taken is done by a job.
func (s *Server) patchRate(c *call) {
	_, p := s.enter(c, scopeWriteRate)
	if p == nil {
		return
	}
	intervals, err := parseIntervals(c.form(), p)
	if err != nil {
		c.turnDown(err.Error())
		return
	}
	var parts []nights
	for _, i := range intervals {
		parts = append(parts, i.nights)
	}
	c.record.Outcome, c.record.Items = PushAccepted, len(intervals)
	j := s.startJob(c, p, parts)
	for _, i := range intervals {
		update := i.update
		if update.Success = !j.failed; j.failed {
			update.Message = "The rate could not be updated."
		}
		j.updates = append(j.updates, update)
	}
	c.answer.json(http.StatusOK, map[string]any{"success": true, "jobReferenceID": j.id})
}

// rateJobs answers GET getRateJobs: one job by its id, or all that the client
// has at the property. An unknown id gives an empty list.
func (s *Server) rateJobs(c *call) {
	t, p := s.enter(c, scopeReadRate)
	if p == nil {
		return
	}
	query := c.r.URL.Query()
	data := []map[string]any{}
	for _, j := range s.jobsOf(t, c.now) {
		status := j.cloudbedsStatus(c.now)
		if !matches(query.Get("jobReferenceID"), j.id) || !matches(query.Get("status"), status) {
			continue
		}
		updates := j.updates
		if !j.done(c.now) {
			updates = []rateUpdate{}
		}
		data = append(data, map[string]any{
			"jobReferenceID": j.id, "status": status, "updates": updates,
			"dateCreated": time.UnixMilli(j.created).UTC().Format(time.DateTime),
		})
	}
	c.answer.json(http.StatusOK, map[string]any{"success": true, "data": data})
}

func (j *job) cloudbedsStatus(now int64) string {
	switch {
	case !j.done(now):
		return "in_progress"
	case j.failed:
		return "error"
	default:
		return "completed"
	}
}

// ratePlans answers GET getRatePlans. The vendor calls endDate the check-out
// date, so the last night told is the one before it.
func (s *Server) ratePlans(c *call) {
	_, p := s.enter(c, scopeReadRate)
	if p == nil {
		return
	}
	query := c.r.URL.Query()
	stay, ok := dates(query.Get("startDate"), query.Get("endDate"), readLimit)
	if !ok || len(stay) < 2 {
		c.turnDown("Parameter endDate must be a date after startDate")
		return
	}
	if !listed(query.Get("propertyIDs"), p.ID) {
		c.turnDown("Property not found")
		return
	}
	data := []map[string]any{}
	for _, rate := range p.Rates {
		if !listed(query.Get("rateIDs"), rate.ID) || !listed(query.Get("roomTypeID"), rate.RoomType) {
			continue
		}
		entry := map[string]any{
			"rateID": rate.ID, "roomTypeID": rate.RoomType, "ratePlanID": rate.RatePlan, "isDerived": rate.Derived,
		}
		if query.Get("detailedRates") == "true" {
			entry["roomRateDetailed"] = s.detailed(p, rate, stay[:len(stay)-1])
		}
		data = append(data, entry)
	}
	c.answer.json(http.StatusOK, map[string]any{"success": true, "data": data})
}

// listed says whether a comma-separated filter names the value; an empty one
// names all.
func listed(filter, value string) bool {
	return filter == "" || strings.Contains(","+filter+",", ","+value+",")
}

// detailed tells every night, also those of which nothing is known: their
// amounts and lengths are null, their restrictions false.
func (s *Server) detailed(p *Property, rate Rate, stay []string) []map[string]any {
	all := make([]map[string]any, 0, len(stay))
	for _, date := range stay {
		fields := s.cells.cell(CellID{Cloudbeds, p.ID, rate.RoomType, rate.RatePlan, date})
		raw := func(field, unset string) json.RawMessage { return json.RawMessage(cmp.Or(fields[field], unset)) }
		all = append(all, map[string]any{
			"date": date, "rate": raw(FieldPrice, "null"),
			"minLos": raw(FieldMinStay, "null"), "maxLos": raw(FieldMaxStay, "null"),
			"closedToArrival":   raw(FieldClosedToArrival, "false"),
			"closedToDeparture": raw(FieldClosedToDeparture, "false"),
			"blocked":           raw(FieldStopSell, "false"),
		})
	}
	return all
}
