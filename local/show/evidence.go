package show

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"bellhop/local/sandbox"
)

// evidence is everything that the table is judged from. The first part comes
// from the sandbox's books.
type evidence struct {
	summary       sandbox.Summary
	presentations []sandbox.Presentation
	requests      []sandbox.Request
	cells         tally
	wrong         []wrong
	disorders     []disorder

	connections  int
	blunders     blunder
	episode      episode
	readback     readbacks
	disbelieved  []error // alerts whose signature did not hold
	log          logbook
	listed       []string
	leaks        searched
	secretsMoved int      // how often grants moved on to another secret
	secretsFull  int      // grants that had more token pairs than a secret takes versions
	denied       []string // calls that the functions' roles did not allow
	calls        int      // of AWS, by the functions and the command
	deadLetters  int
}

// gather collects it.
func (s *show) gather(ctx context.Context) (evidence, error) {
	e := evidence{connections: len(s.connections), blunders: s.blunders, readback: s.readback, disbelieved: s.ops.refusals()}
	for _, collect := range []func(context.Context, *evidence) error{
		s.gatherBooks, s.gatherCells, s.gatherLogs, s.gatherCalls, s.gatherDeadLetters,
	} {
		if err := collect(ctx, &e); err != nil {
			return evidence{}, err
		}
	}
	return e, nil
}

func (s *show) gatherBooks(ctx context.Context, e *evidence) error {
	var err error
	if e.summary, err = s.books.Summary(ctx); err != nil {
		return err
	}
	if e.presentations, err = s.books.Presentations(ctx, 0); err != nil {
		return err
	}
	if e.requests, err = s.books.Requests(ctx, 0); err != nil {
		return err
	}
	e.secretsFull = full(e.requests, s.episode.property, s.config.Versions)
	return nil
}

// full counts the grants that were given more token pairs than a secret takes
// versions. Answers that were lost brought none. The property whose owner came
// back is left out: with a new consent a new secret begins.
func full(requests []sandbox.Request, reconnected string, versions int) int {
	pairs := map[string]int{}
	for _, r := range requests {
		if r.Endpoint == "token" && r.Delivered && r.Status == 200 && (reconnected == "" || r.Property != reconnected) {
			pairs[r.Client+"/"+r.Property]++
		}
	}
	n := 0
	for _, count := range pairs {
		if count > versions {
			n++
		}
	}
	return n
}

// gatherCells compares what the cells hold, and in which order they came to
// hold it, with everything that the PMS has said.
func (s *show) gatherCells(ctx context.Context, e *evidence) error {
	e.episode = s.episode
	for _, c := range s.connections {
		t, off, err := s.holding(ctx, c)
		if err != nil {
			return err
		}
		e.cells, e.wrong = e.cells.plus(t), append(e.wrong, off...)
		history, err := s.books.History(ctx, sandbox.Change{CellID: sandbox.CellID{Persona: c.persona, Property: c.remote}})
		if err != nil {
			return err
		}
		e.disorders = append(e.disorders, disorders(s.pms.wanted.sayings(c.persona, c.remote), history)...)
	}
	e.episode.arrived = e.episode.cells - stillWaiting(e.episode, e.wrong)
	return nil
}

// stillWaiting counts the cells that waited for the owner and are not right
// even now.
func stillWaiting(e episode, off []wrong) int {
	cells := map[sandbox.CellID]bool{}
	for _, w := range off {
		if slices.Contains(e.waited, w.at) {
			cells[w.at.cell] = true
		}
	}
	return len(cells)
}

func (s *show) gatherLogs(ctx context.Context, e *evidence) error {
	var err error
	if e.log, err = s.logbook(ctx); err != nil {
		return err
	}
	if e.listed, err = listed(filepath.Dir(filepath.Dir(filepath.Dir(s.stack.Folder)))); err != nil {
		return err
	}
	e.leaks, err = s.searchEverything(ctx)
	return err
}

// gatherCalls reads the proxy's books about the functions' calls of AWS, and
// how far the grants' secrets have come.
func (s *show) gatherCalls(ctx context.Context, e *evidence) error {
	books, err := s.stack.Proxy.Counts(ctx)
	if err != nil {
		return fmt.Errorf("reading the proxy's books: %w", err)
	}
	for _, c := range books.Calls {
		e.calls += c.Calls
		if n := c.Errors["AccessDeniedException"] + c.Errors["AccessDenied"]; n > 0 {
			e.denied = append(e.denied, fmt.Sprintf("%d × %s %s", n, c.Service, c.Operation))
		}
	}
	secrets := secretsmanager.NewListSecretsPaginator(secretsmanager.NewFromConfig(s.stack.AWS()), &secretsmanager.ListSecretsInput{})
	var names []string
	for secrets.HasMorePages() {
		page, err := secrets.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("listing the secrets: %w", err)
		}
		for _, secret := range page.SecretList {
			names = append(names, aws.ToString(secret.Name))
		}
	}
	e.secretsMoved = moves(names)
	return nil
}

// moves counts how often grants have moved on to a new secret: their secrets
// are called <stack>/grant/<grant>/<number>, and former ones are deleted.
func moves(names []string) int {
	newest := map[string]int{}
	for _, name := range names {
		folder, number := path.Split(name)
		if n, err := strconv.Atoi(number); err == nil && strings.Contains(folder, "/grant/") {
			newest[folder] = max(newest[folder], n)
		}
	}
	total := 0
	for _, n := range newest {
		total += n - 1
	}
	return total
}

func (s *show) gatherDeadLetters(ctx context.Context, e *evidence) error {
	queues := sqs.NewFromConfig(s.stack.AWS())
	o := s.stack.Outputs
	for _, url := range []string{o.RatesDeadLettersURL, o.RefreshDeadLettersURL, o.AlertsDeadLettersURL, o.SweepDeadLettersURL} {
		answer, err := queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
			QueueUrl: aws.String(url), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessages},
		})
		if err != nil {
			return fmt.Errorf("counting dead letters: %w", err)
		}
		n, err := strconv.Atoi(answer.Attributes[string(types.QueueAttributeNameApproximateNumberOfMessages)])
		if err != nil {
			return fmt.Errorf("counting dead letters: %w", err)
		}
		e.deadLetters += n
	}
	return nil
}

// alertDelay is from the withdrawal of the consent to the later channel.
func (e episode) alertDelay() time.Duration { return e.alerted.Sub(e.withdrawn) }
