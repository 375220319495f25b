package proxy

import "encoding/json"

// readAnswerBody is what any of the reading calls may answer.
type readAnswerBody struct {
	Item         item
	Items        []item
	Count        int
	ScannedCount int
	Responses    json.RawMessage
}

// read charges a reading call by the items in its answer, and remembers the
// shape of those that are whole.
func (m *meter) read(c *call, a *answer, ts *tables) []Capacity {
	var body readAnswerBody
	if json.Unmarshal(a.body, &body) != nil {
		return nil
	}
	d := c.dynamo
	switch c.operation {
	case "GetItem":
		size := m.learn(d.TableName, d.Key, body.Item, d.ProjectionExpression == "" && d.AttributesToGet == nil)
		return []Capacity{{Table: d.TableName, Read: readUnits(size, d.ConsistentRead)}}
	case "BatchGetItem":
		return m.readBatch(d, body.Responses, ts)
	case "TransactGetItems":
		return m.readTransaction(d, body.Responses)
	}
	return []Capacity{m.readPage(d, body, ts.of(d.TableName))}
}

// learn is the size of an item that a read met: its whole size even where the
// answer shows a part, if it is known from elsewhere.
func (m *meter) learn(table string, key, met item, whole bool) int {
	if whole {
		m.shapes.keep(table, key, shapeOf(met))
		return met.size()
	}
	if known := m.shapes.of(table, key); known != nil && met != nil {
		return known.size()
	}
	return met.size()
}

// readPage charges a Query or Scan by the sum of what it evaluated. What a
// filter hid is taken to be as large as what it showed.
func (m *meter) readPage(d *dynamoRequest, body readAnswerBody, t *table) Capacity {
	whole := d.IndexName == "" && d.ProjectionExpression == "" && d.AttributesToGet == nil && d.Select == ""
	bytes := 0
	for _, met := range body.Items {
		if t != nil && d.IndexName == "" {
			if key := t.keyOf(met); key != nil {
				bytes += m.learn(d.TableName, key, met, whole)
				continue
			}
		}
		bytes += met.size()
	}
	if shown := len(body.Items); shown > 0 && body.ScannedCount > shown {
		bytes = bytes * body.ScannedCount / shown
	}
	return Capacity{Table: d.TableName, Index: d.IndexName, Read: readUnits(bytes, d.ConsistentRead)}
}

// readBatch charges every key for itself; a missing item costs the minimum.
func (m *meter) readBatch(d *dynamoRequest, responses json.RawMessage, ts *tables) []Capacity {
	var found map[string][]item
	_ = json.Unmarshal(responses, &found)
	var used []Capacity
	for name, read := range d.reads {
		units := 0.0
		t := ts.of(name)
		for _, met := range found[name] {
			size := met.size()
			if t != nil {
				if key := t.keyOf(met); key != nil {
					size = m.learn(name, key, met, read.ProjectionExpression == "" && read.AttributesToGet == nil)
				}
			}
			units += readUnits(size, read.ConsistentRead)
		}
		missing := max(0, len(read.Keys)-len(found[name]))
		units += float64(missing) * readUnits(0, read.ConsistentRead)
		used = append(used, Capacity{Table: name, Read: units})
	}
	return used
}

// readTransaction charges double, as prepare and commit.
func (m *meter) readTransaction(d *dynamoRequest, responses json.RawMessage) []Capacity {
	var found []struct{ Item item }
	_ = json.Unmarshal(responses, &found)
	var used []Capacity
	for n, part := range d.TransactItems {
		size := 0
		if n < len(found) {
			size = found[n].Item.size()
		}
		used = append(used, Capacity{Table: tableName(part["Get"].TableName), Read: 2 * readUnits(size, true)})
	}
	return used
}
