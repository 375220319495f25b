package proxy

import (
	"encoding/json"
	"net/http"
)

// meter charges DynamoDB calls with the units that AWS would bill. Where the
// caller asked for its consumed capacity, the service's own figures count.
// Else: a write costs one unit for every started KB of the larger of the old
// and the new item; a read one for every started 4 KB, half when it may be
// stale; both double in transactions. A refused condition costs like a write
// of the item as it is. A write that moves an index entry costs two units for
// every KB of the entry there, one that adds or removes it costs one.
//
// Sizes that nobody told are estimates; see shape.
type meter struct {
	counts *counts
	shapes *shapes
}

func newMeter(k *counts) *meter { return &meter{counts: k, shapes: newShapes()} }

// charge counts one answered call.
func (m *meter) charge(c *call, a *answer, ts *tables) {
	var used []Capacity
	switch c.operation {
	case "PutItem", "UpdateItem", "DeleteItem":
		used = m.single(c, a, ts)
	case "BatchWriteItem", "TransactWriteItems":
		used = m.several(c, a, ts)
	case "GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan":
		if a.status == http.StatusOK {
			used = m.read(c, a, ts)
		}
	}
	if told := reported(c, a); told != nil {
		used = told
	}
	for _, units := range used {
		units.Operation = c.operation
		m.counts.consumed(units)
	}
}

// single charges a write that has its own answer, which may carry an image.
func (m *meter) single(c *call, a *answer, ts *tables) []Capacity {
	var told struct{ Attributes, Item item }
	_ = json.Unmarshal(a.body, &told)
	w := c.dynamo.changes[0]
	change := change{write: w, factor: 1, applied: a.status == http.StatusOK}
	switch {
	case !change.applied && a.errorType != "ConditionalCheckFailedException":
		return nil // refused before it cost anything
	case !change.applied:
		change.old = told.Item
	case w.ReturnValues == "ALL_OLD":
		change.old = told.Attributes
	case w.ReturnValues == "ALL_NEW":
		change.new = told.Attributes
	}
	return m.write(change, ts.of(w.TableName))
}

func (m *meter) several(c *call, a *answer, ts *tables) []Capacity {
	factor := 1.0
	if c.operation == "TransactWriteItems" {
		factor = 2 // prepare and commit
	}
	applied := a.status == http.StatusOK
	if !applied && a.errorType != "TransactionCanceledException" {
		return nil
	}
	var used []Capacity
	for _, w := range c.dynamo.changes {
		used = append(used, m.write(change{write: w, factor: factor, applied: applied}, ts.of(w.TableName))...)
	}
	return used
}

// change is one write with what is known of its outcome.
type change struct {
	write
	factor   float64
	applied  bool
	old, new item // images, where an answer told them
}

// write charges one change and remembers the item's new shape.
func (m *meter) write(c change, t *table) []Capacity {
	key := c.key(t)
	var before, after *shape
	if before = shapeOf(c.old); before == nil && key != nil {
		before = m.shapes.of(c.TableName, key)
	}
	switch {
	case !c.applied || c.kind == "ConditionCheck":
		after = before
	case c.new != nil:
		after = shapeOf(c.new)
	case c.kind == "Put":
		after = shapeOf(c.Item)
	case c.kind == "Update":
		after = before.updated(c.write)
	}
	if key != nil {
		m.shapes.keep(c.TableName, key, after)
	}
	used := []Capacity{{Table: c.TableName, Write: c.factor * writeUnits(max(before.size(), after.size()))}}
	if t == nil || !c.applied {
		return used
	}
	for name, x := range t.indexes {
		if units := indexUnits(x, t, before, after); units > 0 {
			used = append(used, Capacity{Table: c.TableName, Index: name, Write: c.factor * units})
		}
	}
	return used
}

// indexUnits is what a write costs in one index. Whether a projected attribute
// that is no key has changed is not known, so it is taken to have.
func indexUnits(x index, t *table, before, after *shape) float64 {
	oldKey, wasHeld := before.entry(x)
	newKey, isHeld := after.entry(x)
	oldUnits, newUnits := entryUnits(x, t, before), entryUnits(x, t, after)
	switch {
	case wasHeld && isHeld && oldKey != newKey:
		return oldUnits + newUnits
	case wasHeld && isHeld && (x.all || len(x.include) > 0):
		return max(oldUnits, newUnits)
	case wasHeld && !isHeld:
		return oldUnits
	case isHeld && !wasHeld:
		return newUnits
	}
	return 0
}

func entryUnits(x index, t *table, s *shape) float64 {
	if s == nil {
		return 0
	}
	bytes := 0
	for name, size := range s.sizes {
		if x.all || x.include[name] || name == x.hash || name == x.sort || name == t.hash || name == t.sort {
			bytes += len(name) + size
		}
	}
	return writeUnits(bytes)
}

// reported is the capacity that the answer itself tells; nil when the caller
// did not ask for it. Figures by index are kept apart when they are there.
func reported(c *call, a *answer) []Capacity {
	if asked := c.dynamo.ReturnConsumedCapacity; asked == "" || asked == "NONE" {
		return nil
	}
	var m struct{ ConsumedCapacity json.RawMessage }
	if json.Unmarshal(a.body, &m) != nil || m.ConsumedCapacity == nil {
		return nil
	}
	var list []consumedCapacity
	if json.Unmarshal(m.ConsumedCapacity, &list) != nil {
		list = make([]consumedCapacity, 1)
		if json.Unmarshal(m.ConsumedCapacity, &list[0]) != nil {
			return nil
		}
	}
	reads := c.dynamo.changes == nil
	used := []Capacity{}
	for _, consumed := range list {
		used = append(used, consumed.units(reads)...)
	}
	return used
}

// consumedCapacity is the service's own report.
type consumedCapacity struct {
	TableName              string
	CapacityUnits          float64
	GlobalSecondaryIndexes map[string]struct{ CapacityUnits float64 }
}

func (c consumedCapacity) units(reads bool) []Capacity {
	var used []Capacity
	charge := func(index string, units float64) {
		capacity := Capacity{Table: tableName(c.TableName), Index: index, Write: units}
		if reads {
			capacity.Read, capacity.Write = units, 0
		}
		used = append(used, capacity)
	}
	rest := c.CapacityUnits
	for name, index := range c.GlobalSecondaryIndexes {
		charge(name, index.CapacityUnits)
		rest -= index.CapacityUnits
	}
	charge("", rest)
	return used
}
