package proxy

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestNew_RefusesUpstreamWithPath(t *testing.T) {
	for _, upstream := range []string{"", "127.0.0.1:4566", "http://127.0.0.1:4566/base", "http://a b"} {
		if _, err := New(Config{Upstream: upstream}); err == nil {
			t.Errorf("New accepts upstream %q", upstream)
		}
	}
}

// TestForward_KeepsWhatIsSigned: host, path, query, headers and body arrive as
// they were sent, for calls that are understood and for those that are not.
func TestForward_KeepsWhatIsSigned(t *testing.T) {
	r := newRig(t, Settings{})
	body := "{ \"TableName\":\"t\" ,\n\t\"Key\" : {\"pk\":{\"S\":\"a\\u00e9\"}}}"
	for _, target := range []string{"DynamoDB_20120810.Odd", "Other.Odd"} {
		request, _ := http.NewRequest(http.MethodPost, r.url+"/a%2Fb/c?x=1;y&z=%zz&", strings.NewReader(body))
		request.Host = "dynamodb.us-east-1.localhost:4566"
		request.Header.Set("X-Amz-Target", target)
		request.Header.Set("Authorization", "AWS4-HMAC-SHA256 …")
		request.Header.Set("Accept-Encoding", "identity")
		request.Header.Set("X-Forwarded-For", "10.0.0.1")
		request.Header["User-Agent"] = nil
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	arrived := r.fake.arrived("Odd")
	if len(arrived) != 2 {
		t.Fatalf("%d requests arrived, want 2", len(arrived))
	}
	for _, got := range arrived {
		if got.host != "dynamodb.us-east-1.localhost:4566" || got.uri != "/a%2Fb/c?x=1;y&z=%zz&" || string(got.body) != body {
			t.Errorf("arrived changed: host %s, uri %s, body %q", got.host, got.uri, got.body)
		}
		if got.header.Get("Accept-Encoding") != "identity" || got.header.Get("X-Forwarded-For") != "10.0.0.1" {
			t.Errorf("headers changed: %v", got.header)
		}
		if got.header.Get("User-Agent") != "" {
			t.Errorf("a user agent was added: %v", got.header)
		}
	}
}

// TestStream_PassesAsItComes: a body that nobody understands is not held back
// until it is whole.
func TestStream_PassesAsItComes(t *testing.T) {
	more := make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first")
		w.(http.Flusher).Flush()
		<-more
		_, _ = io.WriteString(w, "second")
	}))
	defer upstream.Close()
	p, err := New(Config{Upstream: upstream.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	front := httptest.NewServer(p)
	defer front.Close()
	response, err := http.Get(front.URL + "/bucket/object")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	first := make([]byte, 5)
	if _, err := io.ReadFull(response.Body, first); err != nil || string(first) != "first" {
		t.Fatalf("read %q, %v", first, err)
	}
	close(more)
	if rest, _ := io.ReadAll(response.Body); string(rest) != "second" {
		t.Errorf("rest is %q", rest)
	}
}

// TestForward_StandInGone: a caller must not take the proxy's word for the
// service's. No answer is a reset, for calls of both sorts.
func TestForward_StandInGone(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	p, err := New(Config{Upstream: "http://" + address})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	front := httptest.NewServer(p)
	defer front.Close()
	for _, target := range []string{"AmazonSQS.SendMessage", "Other.Thing"} {
		request, _ := http.NewRequest(http.MethodPost, front.URL, strings.NewReader("{}"))
		request.Header.Set("X-Amz-Target", target)
		if response, err := http.DefaultClient.Do(request); err == nil {
			t.Errorf("%s was answered with %d", target, response.StatusCode)
		}
	}
	entries := p.log.entries(LogQuery{})
	if len(entries) != 1 || entries[0].Status != 0 || !strings.Contains(entries[0].Note, "stand-in") {
		t.Errorf("log says %+v", entries)
	}
}

func TestForward_LargeBodiesAreNotMixed(t *testing.T) {
	r := newRig(t, Settings{})
	r.fake.handlers["SendMessage"] = func(body []byte) (int, any) { return 200, string(body) }
	done := make(chan string)
	for n := range 16 {
		go func() {
			body := strings.Repeat(string(rune('a'+n)), 10_000+n*20_000)
			var echo string
			for range 5 {
				r.call(serviceSQS, "SendMessage", body).into(t, &echo)
				if echo != body {
					done <- "a body came back changed"
					return
				}
			}
			done <- ""
		}()
	}
	for range 16 {
		if problem := <-done; problem != "" {
			t.Error(problem)
		}
	}
}

func TestPayload_ReturnsWithItsLastReader(t *testing.T) {
	p, err := readPayload(strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	reader := p.open()
	p.release()
	if got, _ := io.ReadAll(reader); !bytes.Equal(got, []byte("body")) {
		t.Errorf("after the owner's release a reader reads %q", got)
	}
	_ = reader.Close()
	_ = reader.Close() // closing twice releases once
	if refs := p.refs.Load(); refs != 0 {
		t.Errorf("%d references are left", refs)
	}
}

// TestRefusal_InTheServicesOwnShape: SDKs find the exception where each service
// puts it.
func TestRefusal_InTheServicesOwnShape(t *testing.T) {
	for _, row := range []struct {
		service, name, typed, message, contentType string
		status                                     int
	}{
		{serviceDynamo, "ProvisionedThroughputExceededException", "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "message", "application/x-amz-json-1.0", 400},
		{serviceSQS, "RequestThrottled", "com.amazonaws.sqs#RequestThrottled", "message", "application/x-amz-json-1.0", 400},
		{serviceSecrets, "ThrottlingException", "ThrottlingException", "Message", "application/x-amz-json-1.1", 400},
	} {
		a := exception(Throttle, row.service)
		var body map[string]string
		reply{body: a.body}.into(t, &body)
		if a.status != row.status || body["__type"] != row.typed || body[row.message] == "" {
			t.Errorf("%s: status %d, body %s", row.service, a.status, a.body)
		}
		if a.header.Get("Content-Type") != row.contentType || a.errorType != row.name {
			t.Errorf("%s: header %v, name %s", row.service, a.header, a.errorType)
		}
	}
	if got := exception(Throttle, serviceSQS).header.Get("X-Amzn-Query-Error"); got != "RequestThrottled;Sender" {
		t.Errorf("query error is %q", got)
	}
	if a := exception(Unavailable, serviceDynamo); a.header.Get(checksumHeader) != checksum(a.body) {
		t.Error("DynamoDB's checksum does not fit the body")
	}
}

func TestErrorType_FromHeaderOrBody(t *testing.T) {
	for _, row := range []struct{ header, body, want string }{
		{"ConditionalCheckFailedException", `{}`, "ConditionalCheckFailedException"},
		{"ResourceNotFoundException:http://x/", `{}`, "ResourceNotFoundException"},
		{"", `{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}`, "ConditionalCheckFailedException"},
		{"", `{"__type":"LimitExceededException"}`, "LimitExceededException"},
		{"", `<html>`, ""},
	} {
		header := http.Header{}
		if row.header != "" {
			header.Set("X-Amzn-Errortype", row.header)
		}
		if got := errorType(header, []byte(row.body)); got != row.want {
			t.Errorf("errorType(%q, %s) = %q, want %q", row.header, row.body, got, row.want)
		}
	}
}
