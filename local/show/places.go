package show

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/local/leaks"
	"bellhop/local/stack"
)

// searched says how much was looked for and where.
type searched struct {
	leaks   []leaks.Leak
	secrets int
	bytes   int
}

// searchEverything looks for every token and code that the sandbox issued and
// for every client secret in all logs, on all screens, in the alerts, on the
// pages, on the rejected queue and in both tables; and for what is shown once
// by design, signing secrets, wherever it is not shown.
func (s *show) searchEverything(ctx context.Context) (searched, error) {
	secrets, once, err := s.secrets(ctx)
	if err != nil {
		return searched{}, err
	}
	kept, err := s.kept(ctx)
	if err != nil {
		return searched{}, err
	}
	shown := []leaks.Place{
		{Name: "the show's screen", Text: s.screen.shown.bytes()},
		{Name: "the bellhop command's output", Text: s.operator.seen.bytes()},
		{Name: "the alerts", Text: s.ops.seen.bytes()}, {Name: "the pages", Text: s.pages.bytes()},
	}
	result := searched{secrets: len(secrets) + len(once)}
	always, hidden := leaks.New(secrets), leaks.New(append(secrets, once...))
	for _, p := range shown {
		result.leaks, result.bytes = append(result.leaks, always.Search(p)...), result.bytes+len(p.Text)
	}
	for _, p := range kept {
		result.leaks, result.bytes = append(result.leaks, hidden.Search(p)...), result.bytes+len(p.Text)
	}
	return result, nil
}

// secrets are those that may stand nowhere, and those that are shown once.
func (s *show) secrets(ctx context.Context) (never, once []leaks.Secret, err error) {
	tokens, err := s.books.Tokens(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, t := range tokens {
		never = append(never, leaks.Secret{What: fmt.Sprintf("%s's %s token %d", t.Persona, t.Kind, t.N), Value: t.Value})
	}
	for _, c := range s.clients {
		never = append(never, leaks.Secret{What: "the client secret of " + c.id, Value: c.Secret})
	}
	for _, c := range s.connections {
		once = append(once, leaks.Secret{What: "the signing secret of " + c.id, Value: c.secret})
	}
	return never, once, nil
}

// kept is everything that was written down somewhere: the logs as files and as
// CloudWatch has them, the rejected queue, and both tables.
func (s *show) kept(ctx context.Context) ([]leaks.Place, error) {
	all := []leaks.Place{{Name: "the rejected queue", Text: s.reports.bytes()}}
	files, err := filepath.Glob(filepath.Join(s.stack.Folder, "*.log"))
	if err != nil {
		return nil, fmt.Errorf("listing the logs: %w", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading a log: %w", err)
		}
		all = append(all, leaks.Place{Name: filepath.Base(file), Text: text})
	}
	groups, err := s.otherLogs(ctx)
	if err != nil {
		return nil, err
	}
	all = append(all, groups...)
	for _, table := range []string{s.stack.Outputs.GrantsTable, s.stack.Outputs.RatesTable} {
		text, err := s.export(ctx, table)
		if err != nil {
			return nil, err
		}
		all = append(all, leaks.Place{Name: "the table " + table, Text: text})
	}
	return all, nil
}

// otherLogs reads the log groups that are not the functions', which lie in
// files: those of the HTTP API.
func (s *show) otherLogs(ctx context.Context) ([]leaks.Place, error) {
	logs := cloudwatchlogs.NewFromConfig(s.stack.AWS())
	groups, err := logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
	if err != nil {
		return nil, fmt.Errorf("listing the log groups: %w", err)
	}
	var all []leaks.Place
	for _, g := range groups.LogGroups {
		name := aws.ToString(g.LogGroupName)
		if slices.Contains(stack.Functions(), stack.Function(filepath.Base(name))) {
			continue
		}
		events, err := logs.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: g.LogGroupName})
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		var text bytes.Buffer
		for _, e := range events.Events {
			text.WriteString(aws.ToString(e.Message) + "\n")
		}
		all = append(all, leaks.Place{Name: name, Text: text.Bytes()})
	}
	return all, nil
}

// export is all that a table holds, as one text.
func (s *show) export(ctx context.Context, table string) ([]byte, error) {
	var text bytes.Buffer
	pages := dynamodb.NewScanPaginator(dynamodb.NewFromConfig(s.stack.AWS()), &dynamodb.ScanInput{TableName: aws.String(table)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("exporting %s: %w", table, err)
		}
		for _, item := range page.Items {
			spell(&text, &types.AttributeValueMemberM{Value: item})
		}
	}
	if text.Len() == 0 {
		return nil, errors.New("the export of a table is empty: nothing could be found in it")
	}
	return text.Bytes(), nil
}

// spell writes a value and everything inside it, bytes as they are.
func spell(text *bytes.Buffer, value types.AttributeValue) {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		text.WriteString(v.Value)
	case *types.AttributeValueMemberN:
		text.WriteString(v.Value)
	case *types.AttributeValueMemberB:
		text.Write(v.Value)
	case *types.AttributeValueMemberSS:
		text.WriteString(strings.Join(v.Value, "\n"))
	case *types.AttributeValueMemberL:
		for _, inner := range v.Value {
			spell(text, inner)
		}
	case *types.AttributeValueMemberM:
		for name, inner := range v.Value {
			text.WriteString(name + "=")
			spell(text, inner)
		}
	}
	text.WriteByte('\n')
}
