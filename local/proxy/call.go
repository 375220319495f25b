package proxy

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The services that the proxy understands, by the names that rules, counts
// and the log use for them.
const (
	serviceDynamo  = "dynamodb"
	serviceSQS     = "sqs"
	serviceSecrets = "secretsmanager"
)

// targets are the X-Amz-Target prefixes of the AWS JSON protocols.
var targets = map[string]string{
	"DynamoDB_20120810": serviceDynamo,
	"AmazonSQS":         serviceSQS,
	"secretsmanager":    serviceSecrets,
}

// call is one understood request with everything that rules ask about it.
type call struct {
	service   string
	operation string
	function  string // who calls: see callers
	accessKey string
	region    string
	remote    string // the caller's address and port

	host   string
	uri    string
	header http.Header
	body   *payload

	dynamo *dynamoRequest // parsed body of a DynamoDB call, else nil
	target string         // table, queue or secret
	key    string         // item key, message group or version id
}

// understood tells the service and operation of a request. For a request that
// is not understood the operation is still told where it can be seen.
func understood(r *http.Request) (service, operation string, ok bool) {
	prefix, operation, found := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if !found {
		return "", r.Method, false
	}
	service, ok = targets[prefix]
	return service, operation, ok && r.Method == http.MethodPost
}

// passedService names the service of a request that passes through: from its
// signature's scope, else "other".
func passedService(r *http.Request) string {
	if _, _, service := credentialScope(r.Header.Get("Authorization")); service != "" {
		return service
	}
	return "other"
}

// credentialScope reads access key, region and service from an Authorization
// header of Signature Version 4. All are empty when it is none.
func credentialScope(authorization string) (accessKey, region, service string) {
	_, rest, found := strings.Cut(authorization, "Credential=")
	if !found {
		return "", "", ""
	}
	scope, _, _ := strings.Cut(rest, ",")
	parts := strings.Split(scope, "/")
	if len(parts) != 5 {
		return "", "", ""
	}
	return parts[0], parts[2], parts[3]
}

func newCall(r *http.Request, service, operation string) (*call, error) {
	body, err := readPayload(r.Body)
	if err != nil {
		return nil, err
	}
	c := &call{
		service: service, operation: operation, remote: r.RemoteAddr,
		host: r.Host, uri: r.URL.RequestURI(), header: r.Header, body: body,
	}
	c.accessKey, c.region, _ = credentialScope(r.Header.Get("Authorization"))
	c.describe()
	return c, nil
}

// describe finds what the call is about. A body that cannot be read leaves it
// empty: refusing bad requests is the service's business.
func (c *call) describe() {
	switch c.service {
	case serviceDynamo:
		c.dynamo = parseDynamo(c.operation, c.body.bytes())
		c.target, c.key = c.dynamo.about()
	case serviceSQS:
		var m struct{ QueueUrl, QueueName, MessageGroupId string }
		_ = json.Unmarshal(c.body.bytes(), &m)
		c.target, c.key = m.QueueUrl[strings.LastIndexByte(m.QueueUrl, '/')+1:], m.MessageGroupId
		if c.target == "" {
			c.target = m.QueueName
		}
	case serviceSecrets:
		var m struct{ SecretId, Name, VersionId, ClientRequestToken string }
		_ = json.Unmarshal(c.body.bytes(), &m)
		if c.target, c.key = m.SecretId, m.VersionId; c.target == "" {
			c.target = m.Name
		}
		if c.key == "" { // it becomes the version's id
			c.key = m.ClientRequestToken
		}
	}
}

func (c *call) entry(now time.Time) *Entry {
	return &Entry{
		At: now, Service: c.service, Operation: c.operation, Target: c.target, Key: c.key,
		Function: c.function, Remote: c.remote,
	}
}

// Match chooses calls. An empty field matches every call.
type Match struct {
	// Service is "dynamodb", "sqs" or "secretsmanager".
	Service string `json:"service,omitempty"`
	// Operation is the API's name, such as "UpdateItem".
	Operation string `json:"operation,omitempty"`
	// Body is a substring of the request's body, such as an item's key.
	Body string `json:"match,omitempty"`
	// Also is a second substring of the body, such as an attribute that only
	// one of the writes of that item names.
	Also string `json:"also,omitempty"`
	// Function is a substring of the caller's name: the function's if it was
	// named (Admin.NameFunction), else its user agent's application id, else
	// its access key id.
	Function string `json:"function,omitempty"`
}

func (m Match) covers(c *call) bool {
	return (m.Service == "" || m.Service == c.service) &&
		(m.Operation == "" || m.Operation == c.operation) &&
		(m.Function == "" || strings.Contains(c.function, m.Function)) &&
		(m.Body == "" || bytes.Contains(c.body.bytes(), []byte(m.Body))) &&
		(m.Also == "" || bytes.Contains(c.body.bytes(), []byte(m.Also)))
}

// callers knows the functions' names by their access keys.
type callers struct {
	mu    sync.RWMutex
	names map[string]string // guarded by mu
}

func (k *callers) add(accessKey, name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.names == nil {
		k.names = make(map[string]string)
	}
	k.names[accessKey] = name
}

func (k *callers) name(accessKey, userAgent string) string {
	k.mu.RLock()
	name, ok := k.names[accessKey]
	k.mu.RUnlock()
	if ok {
		return name
	}
	for field := range strings.FieldsSeq(userAgent) {
		if app, found := strings.CutPrefix(field, "app/"); found {
			return app // AWS_SDK_UA_APP_ID
		}
	}
	return accessKey
}
