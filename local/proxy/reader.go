package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// reader asks DynamoDB in the proxy's own name: for table descriptions and
// for the images that stale reads show. Its calls are not in the books.
type reader struct {
	upstream    *url.URL
	transport   http.RoundTripper
	credentials Credentials
	now         func() time.Time
}

var errNoCredentials = errors.New("no credentials of its own")

// ask makes one call and decodes its answer.
func (r *reader) ask(ctx context.Context, region, operation string, question, into any) error {
	if r.credentials.none() {
		return errNoCredentials
	}
	body, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", operation, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.upstream.Scheme+"://"+r.upstream.Host+"/", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("addressing %s: %w", operation, err)
	}
	request.Host = r.upstream.Host
	request.Header.Set("Content-Type", wires[serviceDynamo].contentType)
	request.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	r.credentials.sign(request, body, region, serviceDynamo, r.now())
	response, err := r.transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("asking for %s: %w", operation, err)
	}
	a, err := readAnswer(response)
	if err != nil {
		return fmt.Errorf("reading %s: %w", operation, err)
	}
	defer a.release()
	if a.status != http.StatusOK {
		return fmt.Errorf("asking for %s: status %d, %s", operation, a.status, a.errorType)
	}
	if err := json.Unmarshal(a.body, into); err != nil {
		return fmt.Errorf("decoding %s: %w", operation, err)
	}
	return nil
}

// item reads an item as it is now. A missing item is nil without an error.
func (r *reader) item(ctx context.Context, region, table string, key item) (item, error) {
	var answer struct{ Item item }
	question := map[string]any{"TableName": table, "Key": key, "ConsistentRead": true}
	if err := r.ask(ctx, region, "GetItem", question, &answer); err != nil {
		return nil, err
	}
	return answer.Item, nil
}
