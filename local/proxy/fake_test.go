package proxy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeAWS stands for the stand-in: as kind as it is, and as forgetful. It
// notes every request as it came.
type fakeAWS struct {
	mu       sync.Mutex
	requests []seen
	handlers map[string]func(body []byte) (int, any) // by operation
	secrets  map[string]*fakeSecret
	items    map[string]item // of the one table "t", by key text
	lastID   int
}

// seen is a request as it reached the fake.
type seen struct {
	method, uri, host, operation string
	header                       http.Header
	body                         []byte
}

type fakeSecret struct {
	values            map[string]string
	current, previous string
}

func newFakeAWS() *fakeAWS {
	f := &fakeAWS{secrets: map[string]*fakeSecret{}, items: map[string]item{}}
	f.handlers = map[string]func([]byte) (int, any){
		"CreateSecret": f.createSecret, "PutSecretValue": f.putSecret, "UpdateSecret": f.updateSecret,
		"GetSecretValue": f.getSecret, "DeleteSecret": f.deleteSecret,
		"DescribeTable": f.describeTable, "PutItem": f.putItem, "DeleteItem": f.deleteItem,
		"GetItem": f.getItem, "BatchGetItem": f.batchGet, "Query": f.query,
	}
	return f
}

func (f *fakeAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, seen{r.Method, r.URL.RequestURI(), r.Host, operation, r.Header.Clone(), body})
	status, answer := http.StatusOK, any(struct{}{})
	if handler := f.handlers[operation]; handler != nil {
		status, answer = handler(body)
	}
	raw, _ := json.Marshal(answer)
	if strings.HasPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB_") {
		w.Header().Set(checksumHeader, checksum(raw))
	}
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}

// arrived returns the requests of one operation.
func (f *fakeAWS) arrived(operation string) []seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []seen
	for _, r := range f.requests {
		if r.operation == operation {
			found = append(found, r)
		}
	}
	return found
}

// answers makes an operation answer the same from now on.
func (f *fakeAWS) answers(operation string, status int, body string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handlers[operation] = func([]byte) (int, any) { return status, json.RawMessage(body) }
}

func refusedAs(name string) (int, any) {
	return http.StatusBadRequest, map[string]string{"__type": name}
}

func (f *fakeAWS) newID() string {
	f.lastID++
	return fmt.Sprintf("own-%d", f.lastID)
}

// createSecret ignores the request token, as the stand-in does.
func (f *fakeAWS) createSecret(body []byte) (int, any) {
	var q secretRequest
	_ = json.Unmarshal(body, &q)
	if f.secrets[q.Name] != nil {
		return refusedAs("ResourceExistsException")
	}
	id := f.newID()
	f.secrets[q.Name] = &fakeSecret{values: map[string]string{id: *q.SecretString}, current: id}
	return http.StatusOK, map[string]string{"ARN": arnOf(q.Name), "Name": q.Name, "VersionId": id}
}

func arnOf(name string) string {
	return "arn:aws:secretsmanager:us-east-1:000000000000:secret:" + name + "-abc123"
}

// putSecret keeps the newest two versions, as the stand-in does.
func (f *fakeAWS) putSecret(body []byte) (int, any) {
	var q secretRequest
	_ = json.Unmarshal(body, &q)
	name := strings.TrimSuffix(q.SecretId[strings.LastIndexByte(q.SecretId, ':')+1:], "-abc123")
	s := f.secrets[name]
	if s == nil {
		return refusedAs("ResourceNotFoundException")
	}
	id := q.ClientRequestToken
	if id == "" {
		id = f.newID()
	}
	delete(s.values, s.previous)
	s.values[id] = *q.SecretString
	s.previous, s.current = s.current, id
	return http.StatusOK, map[string]string{"ARN": arnOf(name), "Name": name, "VersionId": id}
}

// updateSecret ignores the request token, as the stand-in does.
func (f *fakeAWS) updateSecret(body []byte) (int, any) {
	var q secretRequest
	_ = json.Unmarshal(body, &q)
	if q.SecretString == nil {
		return http.StatusOK, map[string]string{"ARN": arnOf(q.SecretId), "Name": q.SecretId}
	}
	q.ClientRequestToken = ""
	body, _ = json.Marshal(q)
	return f.putSecret(body)
}

func (f *fakeAWS) getSecret(body []byte) (int, any) {
	var q secretRequest
	_ = json.Unmarshal(body, &q)
	s := f.secrets[q.SecretId]
	if s == nil {
		return refusedAs("ResourceNotFoundException")
	}
	id := q.VersionId
	if id == "" {
		id = s.current
	}
	value, ok := s.values[id]
	if !ok {
		return refusedAs("ResourceNotFoundException")
	}
	return http.StatusOK, map[string]string{"ARN": arnOf(q.SecretId), "Name": q.SecretId, "VersionId": id, "SecretString": value}
}

func (f *fakeAWS) deleteSecret(body []byte) (int, any) {
	var q secretRequest
	_ = json.Unmarshal(body, &q)
	delete(f.secrets, q.SecretId)
	return http.StatusOK, map[string]string{"Name": q.SecretId}
}

// describeTable: table "t" has pk and sk, and an index "wake" of keys only.
func (f *fakeAWS) describeTable([]byte) (int, any) {
	return http.StatusOK, json.RawMessage(`{"Table":{"TableName":"t",
		"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],
		"GlobalSecondaryIndexes":[{"IndexName":"wake","Projection":{"ProjectionType":"KEYS_ONLY"},
			"KeySchema":[{"AttributeName":"shard","KeyType":"HASH"},{"AttributeName":"at","KeyType":"RANGE"}]}]}}`)
}

func keyIn(i item) item { return i.only([]string{"pk", "sk"}) }

func (f *fakeAWS) putItem(body []byte) (int, any) {
	var q dynamoRequest
	_ = json.Unmarshal(body, &q)
	f.items[keyIn(q.Item).text()] = q.Item
	return http.StatusOK, struct{}{}
}

func (f *fakeAWS) deleteItem(body []byte) (int, any) {
	var q dynamoRequest
	_ = json.Unmarshal(body, &q)
	delete(f.items, q.Key.text())
	return http.StatusOK, struct{}{}
}

func (f *fakeAWS) getItem(body []byte) (int, any) {
	var q dynamoRequest
	_ = json.Unmarshal(body, &q)
	if found := f.items[q.Key.text()]; found != nil {
		return http.StatusOK, map[string]item{"Item": found}
	}
	return http.StatusOK, struct{}{}
}

func (f *fakeAWS) batchGet(body []byte) (int, any) {
	var q struct{ RequestItems map[string]batchRead }
	_ = json.Unmarshal(body, &q)
	found := []item{}
	for _, key := range q.RequestItems["t"].Keys {
		if i := f.items[key.text()]; i != nil {
			found = append(found, i)
		}
	}
	return http.StatusOK, map[string]any{"Responses": map[string][]item{"t": found}}
}

// query knows two questions: a partition of the table by ":p", and the index
// by shard ":s" up to the time ":t".
func (f *fakeAWS) query(body []byte) (int, any) {
	var q dynamoRequest
	_ = json.Unmarshal(body, &q)
	found := []item{}
	for _, i := range f.items {
		if q.IndexName == "" {
			if scalar(i["pk"]) == scalar(q.ExpressionAttributeValues[":p"]) {
				found = append(found, i)
			}
		} else if i["at"] != nil && scalar(i["shard"]) == scalar(q.ExpressionAttributeValues[":s"]) {
			if order, _ := compare(i["at"], q.ExpressionAttributeValues[":t"]); order <= 0 {
				found = append(found, i.only([]string{"pk", "sk", "shard", "at"}))
			}
		}
	}
	return http.StatusOK, map[string]any{"Items": found, "Count": len(found), "ScannedCount": len(found)}
}

// rig is a proxy in front of the fake, with a clock that the test sets.
type rig struct {
	*testing.T
	fake  *fakeAWS
	proxy *Proxy
	admin Admin
	url   string

	mu  sync.Mutex
	now time.Time
}

func newRig(t *testing.T, settings Settings) *rig {
	t.Helper()
	r := &rig{T: t, fake: newFakeAWS(), now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	upstream := httptest.NewServer(r.fake)
	t.Cleanup(upstream.Close)
	p, err := New(Config{
		Upstream: upstream.URL, Settings: settings, Now: r.clock, LogSize: 100,
		Credentials: Credentials{AccessKey: "test", SecretKey: "test"},
	})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(p)
	t.Cleanup(func() {
		p.Close()
		front.Close()
	})
	r.proxy, r.url, r.admin = p, front.URL, Admin{URL: front.URL}
	return r
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// reply is what a caller of AWS gets. A status of zero is a reset.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (a reply) exception() string { return errorType(http.Header{}, a.body) }

func (a reply) into(t *testing.T, value any) {
	t.Helper()
	if err := json.Unmarshal(a.body, value); err != nil {
		t.Fatalf("answer %q: %v", a.body, err)
	}
}

var prefixes = map[string]string{serviceDynamo: "DynamoDB_20120810", serviceSQS: "AmazonSQS", serviceSecrets: "secretsmanager"}

// call makes one call as a function would, without retries.
func (r *rig) call(service, operation, body string) reply {
	r.Helper()
	request, err := http.NewRequest(http.MethodPost, r.url+"/", strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	request.Header.Set("X-Amz-Target", prefixes[service]+"."+operation)
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=ASIAPUSHER/20261121/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=00")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply{}
	}
	defer response.Body.Close()
	var content bytes.Buffer
	if _, err := content.ReadFrom(response.Body); err != nil {
		return reply{}
	}
	return reply{response.StatusCode, response.Header, content.Bytes()}
}

// inject adds a rule or fails the test.
func (r *rig) inject(rule Rule) {
	r.Helper()
	if _, err := r.admin.Inject(r.Context(), rule); err != nil {
		r.Fatal(err)
	}
}

// set puts settings in force or fails the test.
func (r *rig) set(s Settings) {
	r.Helper()
	if err := r.admin.Set(r.Context(), s); err != nil {
		r.Fatal(err)
	}
}

// log returns the whole request log.
func (r *rig) log() []Entry {
	r.Helper()
	entries, err := r.admin.Log(r.Context(), LogQuery{})
	if err != nil {
		r.Fatal(err)
	}
	return entries
}

func eventually(t *testing.T, what string, true func() bool) {
	t.Helper()
	for range 500 {
		if true() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}
