package show

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// answered is what the HTTP door says to a rate update.
type answered struct {
	status   int
	Taken    int       `json:"taken"`
	Problems []problem `json:"problems"`
}

// problem is one thing wrong with an update.
type problem struct {
	Index  int    `json:"index"`
	Field  string `json:"field"`
	Value  string `json:"value"`
	Reason string `json:"reason"`
}

// post sends a message through the door, signed, and wants it taken whole.
func (p *pms) post(ctx context.Context, m message) error {
	p.remember(m)
	c := p.to(m)[0]
	answer, err := p.knock(ctx, c, c.secret, m.body())
	if err != nil {
		return err
	}
	if answer.status != http.StatusAccepted {
		return fmt.Errorf("posting the rates of %s: status %d, %v", c.id, answer.status, answer.Problems)
	}
	return nil
}

// knock posts a body, signed with a secret as Standard Webhooks has it.
func (p *pms) knock(ctx context.Context, c *connection, secret string, body []byte) (answered, error) {
	hook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return answered{}, fmt.Errorf("reading the signing secret of %s: %w", c.id, err)
	}
	now := time.Now()
	id := fmt.Sprintf("pms-%s-%d", c.id, now.UnixNano())
	signature, err := hook.Sign(id, now, body)
	if err != nil {
		return answered{}, fmt.Errorf("signing the rates of %s: %w", c.id, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.stack.PublicURL()+"/rates/"+c.id, bytes.NewReader(body))
	if err != nil {
		return answered{}, fmt.Errorf("posting the rates of %s: %w", c.id, err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(standardwebhooks.HeaderWebhookID, id)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answered{}, fmt.Errorf("posting the rates of %s: %w", c.id, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return answered{}, fmt.Errorf("reading the answer to the rates of %s: %w", c.id, err)
	}
	answer := answered{status: response.StatusCode}
	_ = json.Unmarshal(text, &answer) // a refusal has no body
	return answer, nil
}
