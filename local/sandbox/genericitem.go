package sandbox

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// occupancy is a key of an item's prices: a number of guests from 1 to 99.
var occupancy = regexp.MustCompile(`^[1-9][0-9]?$`)

// rejection is why one item was not taken.
type rejection struct{ code, message string }

// check validates an item and renders it for the cells.
func (i rateItem) check(p *Property, currency string) (nights, *rejection) {
	if problem := i.checkRate(p); problem != nil {
		return nights{}, problem
	}
	days, ok := dates(i.From, i.To, maxNights)
	if !ok {
		return nights{}, &rejection{"invalid_dates", fmt.Sprintf("from %q to %q is not a range of dates", i.From, i.To)}
	}
	prices, problem := i.prices(p, currency)
	if problem != nil {
		return nights{}, problem
	}
	rest, problem := i.restrictions()
	if problem != nil {
		return nights{}, problem
	}
	values := slices.Concat(prices, rest)
	switch {
	case len(values) == 0:
		return nights{}, &rejection{"no_fields", "the item changes nothing"}
	case i.RatePlan == "" && (len(values) > 1 || i.Available == nil):
		return nights{}, &rejection{"rate_plan_required", "without a rate plan only available can be set"}
	}
	return nights{i.RoomType, i.RatePlan, days, values}, nil
}

func (i rateItem) checkRate(p *Property) *rejection {
	if !p.hasRoomType(i.RoomType) {
		return &rejection{"unknown_room_type", fmt.Sprintf("no room type %q", i.RoomType)}
	}
	if i.RatePlan == "" {
		return nil
	}
	rate, ok := p.rate(i.RoomType, i.RatePlan)
	switch {
	case !ok:
		return &rejection{"unknown_rate_plan", fmt.Sprintf("no rate plan %q for room type %q", i.RatePlan, i.RoomType)}
	case rate.Derived:
		return &rejection{"derived_rate_plan", fmt.Sprintf("rate plan %q is derived", i.RatePlan)}
	default:
		return nil
	}
}

// prices renders price and prices; the occupancies are sorted, so that the
// order of the history does not depend on a map.
func (i rateItem) prices(p *Property, currency string) ([]fieldValue, *rejection) {
	given := map[string]string{}
	if i.Price != nil {
		given[FieldPrice] = *i.Price
	}
	for guests, amount := range i.Prices {
		if !occupancy.MatchString(guests) {
			return nil, &rejection{"invalid_occupancy", fmt.Sprintf("%q is not a number of guests", guests)}
		}
		given[FieldPrices+guests] = amount
	}
	if len(given) > 0 && currency != p.Currency {
		return nil, &rejection{"wrong_currency", fmt.Sprintf("prices are in %q, the property's are in %s", currency, p.Currency)}
	}
	var values []fieldValue
	for _, field := range sortedKeys(given) {
		amount, err := price(given[field], p.Currency)
		switch {
		case errors.Is(err, errPrecise):
			return nil, &rejection{"over_precise_price", fmt.Sprintf("%s: %q: %v", field, given[field], err)}
		case err != nil:
			return nil, &rejection{"invalid_price", fmt.Sprintf("%s: %q: %v", field, given[field], err)}
		}
		values = append(values, fieldValue{field, amount})
	}
	return values, nil
}

// restrictions renders everything but the prices.
func (i rateItem) restrictions() ([]fieldValue, *rejection) {
	var values []fieldValue
	for _, n := range []struct {
		field string
		value *int
		most  int
	}{
		{FieldMinStay, i.MinStay, 999}, {FieldMinStayThrough, i.MinStayThrough, 999},
		{FieldMaxStay, i.MaxStay, 999}, {FieldAvailable, i.Available, 9999},
	} {
		if n.value == nil {
			continue
		}
		if *n.value < 0 || *n.value > n.most {
			return nil, &rejection{"invalid_value", fmt.Sprintf("%s %d is not within 0 and %d", n.field, *n.value, n.most)}
		}
		values = append(values, fieldValue{n.field, strconv.Itoa(*n.value)})
	}
	for _, b := range []struct {
		field string
		value *bool
	}{
		{FieldClosedToArrival, i.ClosedToArrival}, {FieldClosedToDeparture, i.ClosedToDeparture}, {FieldStopSell, i.StopSell},
	} {
		if b.value != nil {
			values = append(values, fieldValue{b.field, strconv.FormatBool(*b.value)})
		}
	}
	return values, nil
}
