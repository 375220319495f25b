package proxy

import (
	"net/http"
	"time"
)

// Observation is one item's write as the service itself answered it, whatever
// its caller was told afterwards: a write whose answer a fault has eaten has
// landed all the same, and is observed. The proxy's own late copies are
// observed like the calls that they repeat.
type Observation struct {
	// Began and Answered enclose the moment at which the service decided.
	Began, Answered time.Time
	Function        string // who called, as for Match
	Remote          string // the caller's address and port
	Table, Key      string // Key as in an Entry: "pk=… sk=…"
	Operation       string
	// Update, Names and Values are the write's own: UpdateExpression,
	// ExpressionAttributeNames and ExpressionAttributeValues, the last as
	// DynamoDB JSON. They must not be changed.
	Update string
	Names  map[string]string
	Values map[string]any
	// Landed says that the service took it; Error names why it did not.
	Landed bool
	Error  string
	// Answer is the answer's body. It is valid during the call alone.
	Answer []byte
}

// observe tells Config.Observe about every item that a DynamoDB call has
// written, or was refused to write. Reads are not told.
func (p *Proxy) observe(c *call, a *answer, began time.Time) {
	if p.observer == nil || c.dynamo == nil || len(c.dynamo.changes) == 0 {
		return
	}
	answered := p.now()
	for _, w := range c.dynamo.changes {
		key := w.Key
		if key == nil {
			key = w.Item
		}
		p.observer(Observation{
			Began: began, Answered: answered, Function: c.function, Remote: c.remote,
			Table: w.TableName, Key: conventionalKey(key), Operation: c.operation,
			Update: w.UpdateExpression, Names: w.ExpressionAttributeNames, Values: w.ExpressionAttributeValues,
			Landed: a.status == http.StatusOK, Error: a.errorType, Answer: a.body,
		})
	}
}
