package drain

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"bellhop/shared/ledger"
)

// rateNames are cloudbeds' ids of our rates.
var rateNames = map[string][2]string{"1001": {"DBL", "BAR"}, "1002": {"DBL", "NRF"}, "1003": {"SGL", "BAR"}}

var intervalNames = map[string]ledger.Field{
	"rate": ledger.Price, "minLos": ledger.MinStay, "maxLos": ledger.MaxStay, "blocked": ledger.StopSell,
	"closedToArrival": ledger.ClosedToArrival, "closedToDeparture": ledger.ClosedToDeparture,
}

// patchRate is cloudbeds' POST: one wrong interval turns the whole call down.
func (h *hotel) patchRate(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		panic(err)
	}
	var writes []func()
	var updates []map[string]any
	for i := 0; r.Form.Has(fmt.Sprintf("rates[%d][rateID]", i)); i++ {
		prefix := fmt.Sprintf("rates[%d]", i)
		rate := r.Form.Get(prefix + "[rateID]")
		values := map[ledger.Field]int64{}
		for name, f := range intervalNames {
			if v := r.Form.Get(prefix + "[interval][" + name + "]"); v != "" {
				values[f] = formValue(f, v)
			}
		}
		from, to := r.Form.Get(prefix+"[interval][startDate]"), r.Form.Get(prefix+"[interval][endDate]")
		why, write := h.run(rateNames[rate][0], rateNames[rate][1], from, to, values)
		if why != "" {
			reply(w, 200, map[string]any{"success": false, "message": why})
			return
		}
		writes = append(writes, write)
		updates = append(updates, map[string]any{"rateID": rate, "startDate": from, "endDate": to, "action": "updated"})
	}
	if len(writes) > 30 {
		panic("more than 30 intervals")
	}
	id := h.job(&fakeJob{updates: updates, apply: func() {
		for _, write := range writes {
			write()
		}
	}})
	reply(w, 200, map[string]any{"success": true, "jobReferenceID": id})
}

func (h *hotel) rateJobs(w http.ResponseWriter, id string) {
	j := h.jobs[id]
	data := []any{}
	switch {
	case j == nil:
	case h.now().Before(j.due):
		data = append(data, map[string]any{"jobReferenceID": id, "status": "in_progress", "updates": []any{}})
	case j.failed:
		for _, u := range j.updates {
			u["action"], u["message"] = "error", "could not be updated"
		}
		data = append(data, map[string]any{"jobReferenceID": id, "status": "error", "updates": j.updates})
	default:
		data = append(data, map[string]any{"jobReferenceID": id, "status": "completed", "updates": j.updates})
	}
	reply(w, 200, map[string]any{"success": true, "data": data})
}

func (h *hotel) ratePlans(w http.ResponseWriter, q url.Values) {
	first, _ := ledger.ParseDate(q.Get("startDate"))
	out, _ := ledger.ParseDate(q.Get("endDate"))
	data := []any{}
	for _, rate := range strings.Split(q.Get("rateIDs"), ",") {
		nights := []any{}
		for date := first; date < out; date++ {
			cell := h.cells[cellID(rateNames[rate][0], rateNames[rate][1], date)]
			night := map[string]any{"date": date.String(), "rate": nil, "minLos": nil, "maxLos": nil, "closedToArrival": false}
			if v, ok := cell[ledger.Price]; ok {
				night["rate"] = json.Number(decimal(v))
			}
			if v, ok := cell[ledger.MinStay]; ok {
				night["minLos"] = v
			}
			nights = append(nights, night)
		}
		data = append(data, map[string]any{"rateID": rate, "roomRateDetailed": nights})
	}
	reply(w, 200, map[string]any{"success": true, "data": data})
}
