package show

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"bellhop/local/stack"
)

// mistake is a message on the rates queue with one thing wrong, which must come
// back with the reason.
type mistake struct{ body, group string }

// mistakes are what PMSs get wrong. The last one has a good update too, which is
// taken.
func (p *pms) mistakes() []mistake {
	c := p.connections[0]
	r := c.rates[0]
	nights := fmt.Sprintf(`"room_type":%q,"rate_plan":%q,"from":%q,"to":%q`, r.RoomType, r.RatePlan, day(1), day(1))
	one := func(connection, rest string) mistake {
		return mistake{fmt.Sprintf(`{"v":1,"connection":%q,"revision":%d,%s}`, connection, p.next(), rest), connection}
	}
	return []mistake{
		{"rate=129;room=DBL", ""},
		one("atlantis-1", `"updates":[{`+nights+`,"min_stay":2}]`),
		one(c.id, `"currency":"`+c.guest.currency+`","updates":[{`+nights+`,"price":129.9}]`),
		one(c.id, `"currency":"XAF","updates":[{`+nights+`,"price":"99"}]`),
		{string(p.halfWrong(5).body()), c.id},
	}
}

// halfWrong is a message with a reversed range, which must be refused, and a
// good update of the n-th night, which is wanted.
func (p *pms) halfWrong(n int) message {
	c := p.connections[0]
	r := c.rates[0]
	m := message{V: 1, Connection: c.id, Revision: p.next(), Updates: []update{
		{RoomType: r.RoomType, RatePlan: r.RatePlan, From: day(n + 1), To: day(n), MinStay: new(2)},
		{RoomType: r.RoomType, RatePlan: r.RatePlan, From: day(n), To: day(n), MinStay: new(3)},
	}}
	p.wanted.note(message{Revision: m.Revision, Updates: m.Updates[1:]}, p.to(m))
	return m
}

// blunder is how many mistakes were made and how many of them were answered.
type blunder struct{ made, answered int }

// blunder makes the mistakes, on the queue and at the door, and shows what is
// said to them.
func (s *show) blunder(ctx context.Context) error {
	mistakes := s.pms.mistakes()
	for _, m := range mistakes {
		if err := s.stack.Send(ctx, s.stack.Outputs.RatesQueueURL, stack.Message{Body: m.body, Group: m.group}); err != nil {
			return err
		}
	}
	reports, err := s.rejected(ctx, len(mistakes), 30*time.Second)
	if err != nil {
		return err
	}
	s.screen.say(fromPMS, "%d wrong messages are sent; the rejected queue says:", len(mistakes))
	for _, r := range reports {
		s.screen.quote(r)
	}
	s.blunders = blunder{len(mistakes), len(reports)}
	return s.blunderAtTheDoor(ctx)
}

// blunderAtTheDoor posts a half-wrong message, and one that somebody else has
// signed.
func (s *show) blunderAtTheDoor(ctx context.Context) error {
	c := s.connections[0]
	half, err := s.pms.knock(ctx, c, c.secret, s.pms.halfWrong(3).body())
	if err != nil {
		return err
	}
	stranger := "whsec_" + base64.StdEncoding.EncodeToString([]byte("somebody else, thirty-two bytes."))
	forged, err := s.pms.knock(ctx, c, stranger, []byte(`{}`))
	if err != nil {
		return err
	}
	s.screen.say(fromPMS, "at the HTTP door, a half-wrong message is answered %d (%d taken, %d problem), one signed by a stranger %d",
		half.status, half.Taken, len(half.Problems), forged.status)
	s.blunders.made += 2
	if half.status == http.StatusUnprocessableEntity && half.Taken == 1 && len(half.Problems) == 1 {
		s.blunders.answered++
	}
	if forged.status == http.StatusUnauthorized {
		s.blunders.answered++
	}
	return nil
}

// rejected reads n reports from the rejected queue, or as many as come in time.
func (s *show) rejected(ctx context.Context, n int, within time.Duration) ([]string, error) {
	queues := sqs.NewFromConfig(s.stack.AWS())
	var lines []string
	for until := time.Now().Add(within); len(lines) < n && time.Now().Before(until); {
		answer, err := queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(s.stack.Outputs.RejectedQueueURL), MaxNumberOfMessages: 10, WaitTimeSeconds: 1, VisibilityTimeout: 600,
		})
		if err != nil {
			return nil, fmt.Errorf("reading the rejected queue: %w", err)
		}
		for _, m := range answer.Messages {
			s.reports.add(aws.ToString(m.Body))
			lines = append(lines, report(aws.ToString(m.Body)))
		}
	}
	return lines, nil
}

// report is a rejection in one line.
func report(body string) string {
	var r struct {
		Connection string    `json:"connection"`
		Problems   []problem `json:"problems"`
	}
	if err := json.Unmarshal([]byte(body), &r); err != nil || len(r.Problems) == 0 {
		return "unreadable: " + cut(body, 90)
	}
	p := r.Problems[0]
	where := "message"
	if p.Index >= 0 {
		where = fmt.Sprintf("update %d", p.Index)
	}
	what := strings.TrimSpace(fmt.Sprintf("%s %s", p.Field, p.Value))
	return fmt.Sprintf("%s: %s: %s", where, what, p.Reason)
}
