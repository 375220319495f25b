package dynamo

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
)

// clauses are one conditional update of an item, put together one by one.
// Attributes are written "#name" in its clauses, so that none can be a word
// that DynamoDB keeps for itself.
type clauses struct {
	when   []string // all of them must hold
	set    []string
	add    []string
	remove []string
	names  map[string]string // beyond those that name themselves
	values item
}

func newClauses() *clauses { return &clauses{names: map[string]string{}, values: item{}} }

// value names a value in the expressions.
func (c *clauses) value(name string, v types.AttributeValue) { c.values[name] = v }

var attribute = regexp.MustCompile(`#([a-z_]+)\b`)

// update is the update expression.
func (c *clauses) update() string {
	var parts []string
	for _, clause := range []struct {
		verb string
		list []string
	}{{"SET ", c.set}, {"ADD ", c.add}, {"REMOVE ", c.remove}} {
		if len(clause.list) > 0 {
			parts = append(parts, clause.verb+strings.Join(clause.list, ", "))
		}
	}
	return strings.Join(parts, " ")
}

// condition is the condition expression, nil for none.
func (c *clauses) condition() *string {
	if len(c.when) == 0 {
		return nil
	}
	s := strings.Join(c.when, " AND ")
	return &s
}

// attributes maps every name that the expressions use.
func (c *clauses) attributes() map[string]string {
	for _, clause := range append(append(append(append([]string{}, c.when...), c.set...), c.add...), c.remove...) {
		for _, m := range attribute.FindAllStringSubmatch(clause, -1) {
			c.names[m[0]] = m[1]
		}
	}
	return c.names
}

// at demands that a counter stands where it was read. Counters never go back to
// zero, which the table says by not having the attribute.
func (c *clauses) at(counter string, n int64) {
	if n == 0 {
		c.when = append(c.when, "attribute_not_exists(#"+counter+")")
		return
	}
	c.when = append(c.when, "#"+counter+" = :"+counter)
	c.value(":"+counter, num(n))
}

// heldBy demands that the lane's holder is this one.
func (c *clauses) heldBy(nonce string) {
	c.when = append(c.when, "#holder = :nonce")
	c.value(":nonce", str(nonce))
}

// work is what every write does that adds work: seq counts up, and the pages
// are named. None named means any.
func (c *clauses) work(keys []ledger.PageKey) {
	c.add = append(c.add, "#seq :one")
	c.value(":one", num(1))
	c.set = append(c.set, "#v = :v", "#marks = if_not_exists(#marks, :none)")
	c.value(":v", num(version))
	c.value(":none", mapOf(item{}))
	if len(keys) == 0 {
		c.set = append(c.set, "#all = :true")
		c.value(":true", flag(true))
		return
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.String()
	}
	c.add = append(c.add, "#pages :pages")
	c.value(":pages", &types.AttributeValueMemberSS{Value: unique(names)})
}

// wake sets the wake; every caller that does so gives the index its shard too.
func (c *clauses) wake(id connection.ID, at types.AttributeValue) {
	c.set = append(c.set, "#wake_at = :wake", "#wake_shard = :shard")
	c.value(":wake", at)
	c.value(":shard", shardOf(id))
}

// wakeIfNone sets the wake unless there is one.
func (c *clauses) wakeIfNone(id connection.ID, at types.AttributeValue) {
	c.set = append(c.set, "#wake_at = if_not_exists(#wake_at, :wake)", "#wake_shard = :shard")
	c.value(":wake", at)
	c.value(":shard", shardOf(id))
}

// mark names a mark's place in the map.
func (c *clauses) mark(id string) string {
	name := "#m" + strconv.Itoa(len(c.names))
	c.names[name] = id
	return "#marks." + name
}

// close removes marks; one that is not there any more is no matter.
func (c *clauses) close(ids []string) {
	for _, id := range ids {
		c.remove = append(c.remove, c.mark(id))
	}
}
