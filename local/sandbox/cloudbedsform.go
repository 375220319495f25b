package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
)

// rateParameter is the name of one form field of patchRate: rates[0][rateID]
// or rates[0][interval][startDate].
var rateParameter = regexp.MustCompile(`^rates\[(0|[1-9][0-9]{0,3})\](\[interval\])?\[([a-zA-Z]+)\]$`)

// intervalFields maps the vendor's names to ours. Those without one are part
// of the interval's frame.
var intervalFields = map[string]string{
	"startDate": "", "endDate": "",
	"rate":            FieldPrice,
	"minLos":          FieldMinStay,
	"maxLos":          FieldMaxStay,
	"closedToArrival": FieldClosedToArrival, "closedToDeparture": FieldClosedToDeparture,
	"blocked": FieldStopSell,
}

// interval is one validated entry of patchRate.
type interval struct {
	nights nights
	update rateUpdate // what its job will say about it
}

// parseIntervals reads the form of patchRate. Its error is the message that
// the vendor would answer; it refuses everything that it does not know.
func parseIntervals(form url.Values, p *Property) ([]interval, error) {
	entries := map[int]map[string]string{}
	for _, name := range sortedKeys(form) {
		values := form[name]
		if name == "propertyID" && len(values) == 1 && values[0] == p.ID {
			continue
		}
		m := rateParameter.FindStringSubmatch(name)
		if m == nil || len(values) != 1 || (m[2] == "") != (m[3] == "rateID") {
			return nil, fmt.Errorf("invalid parameter %s", name)
		}
		index, _ := strconv.Atoi(m[1]) // digits by the pattern
		if entries[index] == nil {
			entries[index] = map[string]string{}
		}
		entries[index][m[3]] = values[0]
	}
	if len(entries) == 0 {
		return nil, errors.New("parameter rates is required")
	}
	if len(entries) > maxIntervals {
		return nil, fmt.Errorf("a maximum of %d intervals is allowed", maxIntervals)
	}
	var intervals []interval
	for _, index := range slices.Sorted(maps.Keys(entries)) {
		i, err := parseInterval(entries[index], p)
		if err != nil {
			return nil, fmt.Errorf("rates[%d]: %w", index, err)
		}
		intervals = append(intervals, i)
	}
	return intervals, nil
}

func parseInterval(entry map[string]string, p *Property) (interval, error) {
	rate, ok := p.rateByID(entry["rateID"])
	if !ok {
		return interval{}, fmt.Errorf("rate ID %q not found", entry["rateID"])
	}
	if rate.Derived {
		return interval{}, fmt.Errorf("rate ID %q is derived and cannot be updated", rate.ID)
	}
	days, ok := dates(entry["startDate"], entry["endDate"], maxNights)
	if !ok {
		return interval{}, fmt.Errorf("invalid interval from %q to %q", entry["startDate"], entry["endDate"])
	}
	i := interval{
		nights: nights{roomType: rate.RoomType, ratePlan: rate.RatePlan, dates: days},
		update: rateUpdate{RateID: rate.ID, StartDate: entry["startDate"], EndDate: entry["endDate"]},
	}
	for _, name := range sortedKeys(entry) {
		if name == "rateID" || name == "startDate" || name == "endDate" {
			continue
		}
		value, err := parseField(name, entry[name], p.Currency)
		if err != nil {
			return interval{}, err
		}
		if value.field == FieldPrice {
			number := json.Number(value.value)
			i.update.Rate = &number
		}
		i.nights.values = append(i.nights.values, value)
	}
	if len(i.nights.values) == 0 {
		return interval{}, errors.New("nothing to update")
	}
	return i, nil
}

func parseField(name, text, iso string) (fieldValue, error) {
	field := intervalFields[name]
	switch field {
	case "":
		return fieldValue{}, fmt.Errorf("invalid parameter %s", name)
	case FieldPrice:
		amount, err := price(text, iso)
		if err != nil {
			return fieldValue{}, fmt.Errorf("invalid rate %q: %w", text, err)
		}
		return fieldValue{field, amount}, nil
	case FieldMinStay, FieldMaxStay:
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 999 || strconv.Itoa(n) != text {
			return fieldValue{}, fmt.Errorf("invalid %s %q", name, text)
		}
		return fieldValue{field, text}, nil
	default:
		if text == "1" || text == "0" { // as PHP clients send booleans
			text = map[string]string{"1": "true", "0": "false"}[text]
		}
		if text != "true" && text != "false" {
			return fieldValue{}, fmt.Errorf("invalid %s %q", name, text)
		}
		return fieldValue{field, text}, nil
	}
}
