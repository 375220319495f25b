package proxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkCall is what the proxy adds to a call: compare with the same calls
// made to the upstream directly.
func BenchmarkCall(b *testing.B) {
	page := `{"Item":{"pk":{"S":"CONN#lisbon-1"},"sk":{"S":"PAGE#DBL#BAR#2026-12"},"v":{"N":"7"},"cells":{"S":"` + blob(2000) + `"}}}`
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, page)
	}))
	defer upstream.Close()
	p, err := New(Config{Upstream: upstream.URL})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	front := httptest.NewServer(p)
	defer front.Close()
	for _, row := range []struct{ name, url, target string }{
		{"direct", upstream.URL, "DynamoDB_20120810.GetItem"},
		{"dynamodb", front.URL, "DynamoDB_20120810.GetItem"},
		{"sqs", front.URL, "AmazonSQS.ReceiveMessage"},
		{"passed", front.URL, "Other.Thing"},
	} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				request, _ := http.NewRequest(http.MethodPost, row.url, strings.NewReader(`{"TableName":"rates","Key":`+key("a")+`}`))
				request.Header.Set("X-Amz-Target", row.target)
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		})
	}
}
