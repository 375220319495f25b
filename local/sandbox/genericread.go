package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// readLimit bounds the nights that one read-back may span.
const readLimit = 3 * 366

// jobProperty finds the property of the job that the path names.
func jobProperty(s *Server, c *call) string {
	if j := s.jobs[c.r.PathValue("id")]; j != nil {
		return j.property
	}
	return ""
}

// genericJob answers GET /generic/v2/jobs/{id}. A job of another client is
// unknown, so that ids tell nothing.
func (s *Server) genericJob(c *call) {
	t := s.permit(c, scopeRatesWrite)
	if t == nil {
		return
	}
	j := s.jobs[c.r.PathValue("id")]
	if j == nil || j.persona != Generic || j.client != t.Client || c.now-j.created >= jobsKeptFor {
		c.refuse(http.StatusNotFound, "unknown_job", "no such job")
		return
	}
	status, results := "processing", []itemResult{}
	switch {
	case !j.done(c.now):
		c.answer.retryAfter(j.wait(c.now))
	case j.failed:
		status = "failed"
	default:
		status, results = "done", j.results
	}
	c.answer.json(http.StatusOK, map[string]any{"job_id": j.id, "status": status, "results": results})
}

// genericRates answers GET /generic/v2/rates: the present cells of a range of
// dates, by room type, rate plan and date, one page at a time. The cursor
// names the last cell of the page before, so that cells written meanwhile
// neither repeat nor hide others.
func (s *Server) genericRates(c *call) {
	t := s.permit(c, scopeRatesRead)
	if t == nil {
		return
	}
	query := c.r.URL.Query()
	p := s.properties[Generic][query.Get("property")]
	if p == nil || p.Account != t.Account {
		c.refuse(http.StatusNotFound, "unknown_property", "no such property for this client")
		return
	}
	if !s.paced(p, c.now) {
		c.answer.retryAfter(1)
		c.refuse(http.StatusTooManyRequests, "too_many_requests", "too many requests for this property")
		return
	}
	from, to := query.Get("from"), query.Get("to")
	after, ok := readCursor(query.Get("cursor"))
	if _, valid := dates(from, to, readLimit); !valid || !ok {
		c.refuse(http.StatusBadRequest, "invalid_request", "from, to or cursor cannot be read")
		return
	}
	found := s.cells.list(propertyKey{Generic, p.ID}, func(id CellID) bool {
		return id.Date >= from && id.Date <= to && (after == nil || id.compare(*after) > 0) &&
			matches(query.Get("room_type"), id.RoomType) && matches(query.Get("rate_plan"), id.RatePlan)
	})
	c.answer.json(http.StatusOK, s.page(found))
}

// matches says whether a filter lets a value through; an empty one lets all.
func matches(filter, value string) bool { return filter == "" || filter == value }

// page renders the first cells and the cursor of the rest.
func (s *Server) page(found []Cell) map[string]any {
	next := ""
	if len(found) > s.pageSize {
		found = found[:s.pageSize]
		next = writeCursor(found[len(found)-1].CellID)
	}
	items := make([]map[string]any, 0, len(found))
	for _, cell := range found {
		items = append(items, renderCell(cell))
	}
	return map[string]any{"items": items, "next": next}
}

// renderCell gives a cell the types of a batch item: amounts are strings,
// counts are numbers. A field that was never set is absent, and so is the
// rate plan of availability that was set for the room type alone.
func renderCell(cell Cell) map[string]any {
	item := map[string]any{"room_type": cell.RoomType, "date": cell.Date}
	if cell.RatePlan != "" {
		item["rate_plan"] = cell.RatePlan
	}
	prices := map[string]string{}
	for field, value := range cell.Fields {
		guests, perGuest := strings.CutPrefix(field, FieldPrices)
		switch {
		case perGuest:
			prices[guests] = value
		case field == FieldPrice:
			item[field] = value
		default:
			item[field] = json.RawMessage(value) // an integer, true or false
		}
	}
	if len(prices) > 0 {
		item["prices"] = prices
	}
	return item
}

func writeCursor(id CellID) string {
	text, _ := json.Marshal([]string{id.RoomType, id.RatePlan, id.Date}) // strings always marshal
	return base64.RawURLEncoding.EncodeToString(text)
}

// readCursor returns nil for the first page, and false for what is no cursor.
func readCursor(cursor string) (*CellID, bool) {
	if cursor == "" {
		return nil, true
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	var parts []string
	if err != nil || json.Unmarshal(text, &parts) != nil || len(parts) != 3 {
		return nil, false
	}
	return &CellID{RoomType: parts[0], RatePlan: parts[1], Date: parts[2]}, true
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
