package proxy

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startMiniStack runs the binary named by MINISTACK with AUTH=true on a free
// port and returns its address.
func startMiniStack(t *testing.T) string {
	t.Helper()
	binary := os.Getenv("MINISTACK")
	if binary == "" {
		t.Skip("MINISTACK is not set: name the ministack binary in it to test against the real stand-in")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	stack := exec.Command(binary)
	stack.Dir = t.TempDir()
	stack.Env = append(os.Environ(), "AUTH=true", "BIND_HOST=127.0.0.1", "LAMBDA_EXECUTOR=local", "IOT_MTLS_ENABLED=0",
		"GATEWAY_PORT="+address[strings.LastIndexByte(address, ':')+1:])
	if err := stack.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stack.Process.Signal(syscall.SIGTERM)
		_ = stack.Wait()
	})
	for range 300 {
		if response, err := http.Get("http://" + address + "/_ministack/health"); err == nil {
			response.Body.Close()
			return address
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("MiniStack does not answer")
	return ""
}

// against is a proxy in front of MiniStack, and a caller with an access key whose
// signatures MiniStack checks.
type against struct {
	*testing.T
	admin Admin
	url   string
	key   Credentials
}

func newReal(t *testing.T) *against {
	address := startMiniStack(t)
	p, err := New(Config{Upstream: "http://" + address, Credentials: Credentials{"test", "test"}, Settings: Settings{VersionQuota: 6}})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(p)
	t.Cleanup(func() {
		p.Close()
		front.Close()
	})
	r := &against{T: t, admin: Admin{URL: front.URL}, url: front.URL}
	r.key = r.user()
	return r
}

// user makes an IAM user who may do everything, by the query protocol, which
// the proxy does not understand and passes on.
func (r *against) user() Credentials {
	r.Helper()
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	r.iam(url.Values{"Action": {"CreateUser"}, "UserName": {"caller"}})
	r.iam(url.Values{"Action": {"PutUserPolicy"}, "UserName": {"caller"}, "PolicyName": {"all"}, "PolicyDocument": {policy}})
	var made struct {
		AccessKeyID string `xml:"CreateAccessKeyResult>AccessKey>AccessKeyId"`
		Secret      string `xml:"CreateAccessKeyResult>AccessKey>SecretAccessKey"`
	}
	if err := xml.Unmarshal(r.iam(url.Values{"Action": {"CreateAccessKey"}, "UserName": {"caller"}}), &made); err != nil {
		r.Fatal(err)
	}
	return Credentials{made.AccessKeyID, made.Secret}
}

func (r *against) iam(form url.Values) []byte {
	r.Helper()
	form.Set("Version", "2010-05-08")
	a := r.send(Credentials{"test", "test"}, "iam", "", "application/x-www-form-urlencoded", form.Encode())
	if a.status != http.StatusOK {
		r.Fatalf("%s: %d %s", form.Get("Action"), a.status, a.body)
	}
	return a.body
}

func (r *against) send(key Credentials, service, target, contentType, body string) reply {
	r.Helper()
	request, err := http.NewRequest(http.MethodPost, r.url+"/", strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	request.Host = service + ".us-east-1.localhost:4566" // not the address that is dialled
	request.Header.Set("Content-Type", contentType)
	if target != "" {
		request.Header.Set("X-Amz-Target", target)
	}
	key.sign(request, []byte(body), "us-east-1", service, time.Now())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply{}
	}
	defer response.Body.Close()
	content, _ := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, content}
}

func (r *against) call(service, operation, body string) reply {
	r.Helper()
	return r.send(r.key, service, prefixes[service]+"."+operation, wires[service].contentType, body)
}

func (r *against) ok(service, operation, body string) reply {
	r.Helper()
	a := r.call(service, operation, body)
	if a.status != http.StatusOK {
		r.Fatalf("%s: %d %s", operation, a.status, a.body)
	}
	return a
}

// TestMiniStack is one run against the real stand-in: what the fake takes for
// granted is true.
func TestMiniStack(t *testing.T) {
	r := newReal(t)
	t.Run("signatures survive", r.signatures)
	t.Run("secrets", r.secretRules)
	t.Run("copies are accepted", r.copies)
	t.Run("stale index", r.staleIndex)
	t.Run("capacity", r.capacity)
	t.Run("throughput", r.throughput)
}

func (r *against) signatures(t *testing.T) {
	r.T = t
	r.ok(serviceDynamo, "CreateTable", `{"TableName":"rates","BillingMode":"PAY_PER_REQUEST",
		"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"S"},
			{"AttributeName":"shard","AttributeType":"S"},{"AttributeName":"at","AttributeType":"N"}],
		"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],
		"GlobalSecondaryIndexes":[{"IndexName":"wake","Projection":{"ProjectionType":"KEYS_ONLY"},
			"KeySchema":[{"AttributeName":"shard","KeyType":"HASH"},{"AttributeName":"at","KeyType":"RANGE"}]}]}`)
	r.ok(serviceDynamo, "PutItem", "{\"TableName\":\"rates\",\n \"Item\":"+key("é")+"}")
	wrong := r.send(Credentials{r.key.AccessKey, "wrong"}, serviceDynamo, "DynamoDB_20120810.ListTables", "application/x-amz-json-1.0", "{}")
	if wrong.status < 400 {
		t.Errorf("MiniStack does not check signatures: %d %s", wrong.status, wrong.body)
	}
}

func (r *against) secretRules(t *testing.T) {
	r.T = t
	body := func(n int, value string) string {
		return fmt.Sprintf(`{"SecretId":"demo/s","ClientRequestToken":%q,"SecretString":%q}`, token(n), value)
	}
	read := func(n int) reply {
		return r.call(serviceSecrets, "GetSecretValue", fmt.Sprintf(`{"SecretId":"demo/s","VersionId":%q}`, token(n)))
	}
	r.ok(serviceSecrets, "CreateSecret", strings.Replace(body(1, "one"), "SecretId", "Name", 1))
	for n := 2; n <= 6; n++ {
		r.ok(serviceSecrets, "PutSecretValue", body(n, "value "+strconv.Itoa(n)))
	}
	wantException(t, r.call(serviceSecrets, "PutSecretValue", body(7, "seven")), "LimitExceededException")
	wantException(t, r.call(serviceSecrets, "PutSecretValue", body(3, "other")), "ResourceExistsException")
	r.ok(serviceSecrets, "PutSecretValue", body(3, "value 3"))
	wantSecret(t, read(1), 1, "one")
	wantSecret(t, read(2), 2, "value 2")
	wantSecret(t, read(6), 6, "value 6")
	wantException(t, read(7), "ResourceNotFoundException")
	wantSecret(t, r.call(serviceSecrets, "GetSecretValue", `{"SecretId":"demo/s"}`), 6, "value 6")
	r.ok(serviceSecrets, "DeleteSecret", `{"SecretId":"demo/s","ForceDeleteWithoutRecovery":true}`)
	wantException(t, read(6), "ResourceNotFoundException")
}

// copies: a request that is forwarded a second time, with its old signature,
// is taken by each of the services.
func (r *against) copies(t *testing.T) {
	r.T = t
	r.ok(serviceSQS, "CreateQueue", `{"QueueName":"rates"}`)
	r.ok(serviceSecrets, "CreateSecret", `{"Name":"demo/c","ClientRequestToken":"`+token(1)+`","SecretString":"x"}`)
	for _, row := range []struct{ service, operation, body string }{
		{serviceDynamo, "UpdateItem", `{"TableName":"rates","Key":` + key("copy") + `,"UpdateExpression":"ADD n :n","ExpressionAttributeValues":{":n":{"N":"1"}}}`},
		{serviceSQS, "SendMessage", `{"QueueUrl":"http://127.0.0.1/000000000000/rates","MessageBody":"m"}`},
		{serviceSecrets, "PutSecretValue", `{"SecretId":"demo/c","ClientRequestToken":"` + token(2) + `","SecretString":"y"}`},
	} {
		for _, kind := range []Kind{LandsTwice, LandsLate} {
			if _, err := r.admin.Inject(t.Context(), Rule{Match: Match{Operation: row.operation}, Kind: kind, Count: 1, Delay: 400}); err != nil {
				t.Fatal(err)
			}
			r.call(row.service, row.operation, row.body)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for since := int64(0); since < 2; since++ {
			seen := int64(0)
			e, err := r.admin.Wait(ctx, LogQuery{Operation: row.operation}, func(e Entry) bool {
				if e.Copy {
					seen++
				}
				return seen > since
			})
			if err != nil || e.Status != http.StatusOK {
				t.Errorf("copy %d of %s: %+v, %v", since+1, row.operation, e, err)
			}
		}
	}
	a := r.ok(serviceDynamo, "GetItem", `{"TableName":"rates","ConsistentRead":true,"Key":`+key("copy")+`}`)
	if !bytes.Contains(a.body, []byte(`{"N":"3"}`)) && !bytes.Contains(a.body, []byte(`{"N": "3"}`)) {
		t.Errorf("after a write, its copy and a late one: %s", a.body)
	}
}

func (r *against) staleIndex(t *testing.T) {
	r.T = t
	put := func(at int) {
		r.ok(serviceDynamo, "PutItem", fmt.Sprintf(`{"TableName":"rates","Item":{"pk":{"S":"lag"},"sk":{"S":"x"},"shard":{"S":"0"},"at":{"N":"%d"}}}`, at))
	}
	due := func() string {
		var page struct{ Items []item }
		r.ok(serviceDynamo, "Query", `{"TableName":"rates","IndexName":"wake","KeyConditionExpression":"#s = :s AND #at <= :t",
			"ExpressionAttributeNames":{"#s":"shard","#at":"at"},"ExpressionAttributeValues":{":s":{"S":"0"},":t":{"N":"900"}}}`).into(t, &page)
		if len(page.Items) == 0 {
			return ""
		}
		return scalar(page.Items[0]["at"])
	}
	put(100)
	if err := r.admin.Set(t.Context(), Settings{IndexDelay: 700}); err != nil {
		t.Fatal(err)
	}
	put(200)
	if at := due(); at != "100" {
		t.Errorf("within the delay the index says %q, want 100", at)
	}
	time.Sleep(800 * time.Millisecond)
	if at := due(); at != "200" {
		t.Errorf("after the delay the index says %q, want 200", at)
	}
	if err := r.admin.Set(t.Context(), Settings{}); err != nil {
		t.Fatal(err)
	}
}

// capacity: what the proxy computes is what MiniStack reports when asked.
func (r *against) capacity(t *testing.T) {
	r.T = t
	for _, body := range []string{
		`{"TableName":"rates","Item":{"pk":{"S":"cap"},"sk":{"S":"x"},"v":{"S":"` + blob(2500) + `"},"shard":{"S":"0"},"at":{"N":"1"}}%s}`,
		`{"TableName":"rates","Item":{"pk":{"S":"cap"},"sk":{"S":"x"},"shard":{"S":"0"},"at":{"N":"2"}}%s}`,
		`{"TableName":"rates","Item":{"pk":{"S":"cap"},"sk":{"S":"x"}}%s}`,
	} {
		cost := func(more string) (write float64) {
			r.ok(serviceDynamo, "DeleteItem", `{"TableName":"rates","Key":`+key("cap")+`}`)
			if _, err := r.admin.ResetCounts(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.ok(serviceDynamo, "PutItem", fmt.Sprintf(body, more))
			books, err := r.admin.Counts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, write = books.Units("rates")
			return write
		}
		computed, reported := cost(""), cost(`,"ReturnConsumedCapacity":"INDEXES"`)
		if computed != reported {
			t.Errorf("computed %v units, MiniStack reports %v", computed, reported)
		}
	}
}

// throughput is a measurement that the log shows; it fails only if calls do.
func (r *against) throughput(t *testing.T) {
	r.T = t
	const calls = 2000
	through := r.load(calls)
	t.Logf("%d GetItem calls by 8 callers: %.0f a second", calls, float64(calls)/through.Seconds())
}

func (r *against) load(calls int) time.Duration {
	began := time.Now()
	done := make(chan int)
	for range 8 {
		go func() {
			failed := 0
			for range calls / 8 {
				if a := r.call(serviceDynamo, "GetItem", `{"TableName":"rates","Key":`+key("copy")+`}`); a.status != http.StatusOK {
					failed++
				}
			}
			done <- failed
		}()
	}
	for range 8 {
		if failed := <-done; failed > 0 {
			r.Errorf("%d calls failed", failed)
		}
	}
	return time.Since(began)
}
