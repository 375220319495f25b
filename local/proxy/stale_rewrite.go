package proxy

import (
	"encoding/json"
	"slices"
	"time"
)

// oldItem is a GetItem's answer in the past; nil leaves the fresh one.
func (s *stale) oldItem(d *dynamoRequest, delay time.Duration) []byte {
	old, ok := s.unseenIn(d.TableName, delay)[d.Key.text()]
	if !ok || d.AttributesToGet != nil {
		return nil
	}
	if old.before == nil {
		return []byte("{}")
	}
	shown, ok := project(old.before, d.ProjectionExpression, d.ExpressionAttributeNames)
	if !ok {
		return nil
	}
	body, err := json.Marshal(map[string]item{"Item": shown})
	if err != nil {
		return nil
	}
	return body
}

func project(i item, expression string, names map[string]string) (item, bool) {
	if expression == "" {
		return i, true
	}
	wanted, ok := projection(expression, names)
	if !ok {
		return nil, false
	}
	return i.only(wanted), true
}

// oldBatch is a BatchGetItem's answer with each unseen item as it was.
func (s *stale) oldBatch(d *dynamoRequest, fresh []byte, delay time.Duration, ts *tables) []byte {
	var body map[string]json.RawMessage
	var found map[string][]item
	if json.Unmarshal(fresh, &body) != nil || json.Unmarshal(body["Responses"], &found) != nil {
		return nil
	}
	changed := false
	for name, read := range d.reads {
		t := ts.of(name)
		if read.ConsistentRead || read.AttributesToGet != nil || t == nil {
			continue
		}
		if items, ok := oldShare(read, found[name], s.unseenIn(name, delay), t); ok {
			found[name], changed = items, true
		}
	}
	if !changed {
		return nil
	}
	return replace(body, map[string]any{"Responses": found})
}

// oldShare replaces the unseen items among one table's answers. It is false
// when there are none, or when the answers do not tell which they are.
func oldShare(read batchRead, found []item, unseenItems map[string]unseen, t *table) ([]item, bool) {
	var shown []item
	for _, met := range found {
		key := t.keyOf(met)
		if key == nil {
			return nil, false
		}
		if _, ok := unseenItems[key.text()]; !ok {
			shown = append(shown, met)
		}
	}
	changed := false
	for _, key := range read.Keys {
		old, ok := unseenItems[key.text()]
		if !ok {
			continue
		}
		changed = true
		if old.before == nil {
			continue
		}
		part, ok := project(old.before, read.ProjectionExpression, read.ExpressionAttributeNames)
		if !ok {
			return nil, false
		}
		shown = append(shown, part)
	}
	return shown, changed
}

// page is a Query or Scan that is being put back in time.
type page struct {
	request    *dynamoRequest
	table      *table
	index      *index // nil for the table itself
	conditions []keyCondition
	whole      bool // the answer is the only page
}

// newPage is false for a request that cannot be put back faithfully.
func newPage(d *dynamoRequest, t *table, more bool) (*page, bool) {
	if t == nil || d.FilterExpression != "" || d.KeyConditions != nil || d.QueryFilter != nil ||
		d.ScanFilter != nil || d.AttributesToGet != nil || d.Select == "COUNT" {
		return nil, false
	}
	conditions, ok := keyConditions(d.KeyConditionExpression, d.ExpressionAttributeNames, d.ExpressionAttributeValues)
	if !ok {
		return nil, false
	}
	p := &page{request: d, table: t, conditions: conditions}
	p.whole = !more && d.ExclusiveStartKey == nil && d.TotalSegments <= 1
	if d.IndexName != "" {
		x, known := t.indexes[d.IndexName]
		if !known {
			return nil, false
		}
		p.index = &x
	}
	return p, true
}

// oldPage is a Query's or Scan's answer in the past; nil leaves the fresh one.
func (s *stale) oldPage(d *dynamoRequest, fresh []byte, delay time.Duration, ts *tables) []byte {
	unseenItems := s.unseenIn(d.TableName, delay)
	if len(unseenItems) == 0 {
		return nil
	}
	var body map[string]json.RawMessage
	var items []item
	if json.Unmarshal(fresh, &body) != nil || json.Unmarshal(body["Items"], &items) != nil {
		return nil
	}
	p, ok := newPage(d, ts.of(d.TableName), body["LastEvaluatedKey"] != nil)
	if !ok {
		return nil
	}
	old, ok := p.old(items, unseenItems)
	if !ok {
		return nil
	}
	return replace(body, map[string]any{"Items": old, "Count": len(old), "ScannedCount": len(old)})
}

// old replaces, withholds and brings back items. Bringing back one that the
// fresh answer does not show needs the whole result on one page: otherwise
// nobody knows which page it was on.
func (p *page) old(fresh []item, unseenItems map[string]unseen) ([]item, bool) {
	shown := make([]item, 0, len(fresh))
	for _, met := range fresh {
		key := p.table.keyOf(met)
		if key == nil {
			return nil, false
		}
		old, ok := unseenItems[key.text()]
		switch {
		case !ok:
			shown = append(shown, met)
		case p.matches(old.before) && !p.whole:
			return nil, false // it was there, on whichever page
		}
	}
	if p.whole {
		for _, old := range unseenItems {
			if !p.matches(old.before) || (p.request.Limit > 0 && len(shown) >= p.request.Limit) {
				continue
			}
			entry, ok := p.entry(old.before)
			if !ok {
				return nil, false
			}
			shown = append(shown, entry)
		}
		p.sort(shown)
	}
	return shown, true
}

// matches tells whether the item was in the result.
func (p *page) matches(before item) bool {
	if before == nil || (p.index != nil && !p.index.holds(before)) {
		return false
	}
	for _, k := range p.conditions {
		if !k.holds(before) {
			return false
		}
	}
	return true
}

// entry is what the result showed of the item.
func (p *page) entry(before item) (item, bool) {
	if p.index != nil {
		before = p.index.project(p.table, before)
	}
	return project(before, p.request.ProjectionExpression, p.request.ExpressionAttributeNames)
}

// sort restores a query's order, which the items put back have broken.
func (p *page) sort(items []item) {
	if p.request.KeyConditionExpression == "" {
		return
	}
	name := p.table.sort
	if p.index != nil {
		name = p.index.sort
	}
	slices.SortStableFunc(items, func(a, b item) int {
		order, _ := compare(a[name], b[name])
		if forward := p.request.ScanIndexForward; forward != nil && !*forward {
			order = -order
		}
		return order
	})
}

// replace writes a body with some of its members exchanged.
func replace(body map[string]json.RawMessage, members map[string]any) []byte {
	for name, value := range members {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil
		}
		body[name] = raw
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return nil
	}
	return raw
}
