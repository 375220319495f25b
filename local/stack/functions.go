package stack

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"bellhop/local/proxy"
)

// Function is one of the four, by the name of its folder.
type Function string

// The functions.
const (
	Refresher Function = "refresher"
	Pusher    Function = "pusher"
	Webhook   Function = "webhook"
	Alerter   Function = "alerter"
)

// Functions lists all of them.
func Functions() []Function { return []Function{Refresher, Pusher, Webhook, Alerter} }

// clients speak to MiniStack itself, past the proxy: what the owner of the
// stack does is neither counted nor disturbed.
type clients struct {
	config    aws.Config
	formation *cloudformation.Client
	functions *lambda.Client
	logs      *cloudwatchlogs.Client
	queues    *sqs.Client
}

func newClients(endpoint string) clients {
	configured := awsConfig(endpoint)
	return clients{
		config:    configured,
		formation: cloudformation.NewFromConfig(configured),
		functions: lambda.NewFromConfig(configured),
		logs:      cloudwatchlogs.NewFromConfig(configured),
		queues:    sqs.NewFromConfig(configured),
	}
}

// awsConfig takes nothing from the caller's own AWS files or environment.
func awsConfig(endpoint string) aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
	}
}

// AWS is the configuration for SDK clients of the stack's owner. Their calls
// do not pass the proxy: they meet no fault and are in no books.
func (s *Stack) AWS() aws.Config { return s.aws.config.Copy() }

// Name is a function's name on AWS. A function that is none of Functions has
// the empty name.
func (s *Stack) Name(f Function) string {
	return map[Function]string{
		Refresher: s.Outputs.Refresher, Pusher: s.Outputs.Pusher, Webhook: s.Outputs.Webhook, Alerter: s.Outputs.Alerter,
	}[f]
}

// FunctionError is what a function answered instead of a result.
type FunctionError struct {
	Function Function
	Payload  []byte // errorMessage and errorType, as JSON
}

// Error implements error.
func (e *FunctionError) Error() string {
	return fmt.Sprintf("the %s ended with an error: %s", e.Function, e.Payload)
}

// Invoke invokes a function, waits for it and returns its result. An error of
// the function's own is a *FunctionError.
func (s *Stack) Invoke(ctx context.Context, f Function, event []byte) (json.RawMessage, error) {
	if s.Name(f) == "" {
		return nil, fmt.Errorf("there is no function %q; choose among %v", f, Functions())
	}
	answer, err := s.aws.functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(s.Name(f)), Payload: event})
	if err != nil {
		return nil, fmt.Errorf("invoking the %s: %w", f, err)
	}
	if answer.FunctionError != nil {
		return nil, &FunctionError{Function: f, Payload: answer.Payload}
	}
	return answer.Payload, nil
}

// Message is one message for a queue.
type Message struct {
	Body  string
	Group string        // MessageGroupId; empty means none
	Delay time.Duration // whole seconds, up to 15 minutes
}

// Send puts a message on a queue.
func (s *Stack) Send(ctx context.Context, queueURL string, m Message) error {
	input := &sqs.SendMessageInput{
		QueueUrl:     aws.String(queueURL),
		MessageBody:  aws.String(m.Body),
		DelaySeconds: int32(m.Delay / time.Second),
	}
	if m.Group != "" {
		input.MessageGroupId = aws.String(m.Group)
	}
	if _, err := s.aws.queues.SendMessage(ctx, input); err != nil {
		return fmt.Errorf("sending to %s: %w", queueURL, err)
	}
	return nil
}

// Process is one running process of a function.
type Process struct {
	PID      int
	Function Function
}

// Processes lists the functions' running processes, idle ones included, in no
// order. A signal to a PID of them is what a crash test wants; MiniStack
// reports it as the function's own failure.
func (s *Stack) Processes(ctx context.Context) ([]Process, error) {
	folders, err := s.codeFolders(ctx)
	if err != nil {
		return nil, err
	}
	running, err := commands(ctx)
	if err != nil {
		return nil, err
	}
	var found []Process
	for _, c := range running {
		if f, ok := folders[filepath.Dir(c.path)]; ok {
			found = append(found, Process{PID: c.pid, Function: f})
		}
	}
	return found, nil
}

// codeFolders says where MiniStack 1.5 unpacks each function: a folder named
// after the archive's SHA-256, which is also what Lambda tells as CodeSha256.
func (s *Stack) codeFolders(ctx context.Context) (map[string]Function, error) {
	folders := map[string]Function{}
	for _, f := range Functions() {
		about, err := s.describeFunction(ctx, f)
		if err != nil {
			return nil, err
		}
		digest, err := base64.StdEncoding.DecodeString(aws.ToString(about.CodeSha256))
		if err != nil {
			return nil, fmt.Errorf("reading the %s's digest: %w", f, err)
		}
		cache := fmt.Sprintf("ministack-provided-code-%d", s.Ports.MiniStack)
		folders[filepath.Join(s.temporary(), cache, hex.EncodeToString(digest))] = f
	}
	return folders, nil
}

// nameFunctions tells the proxy whose calls are whose.
func (s *Stack) nameFunctions(ctx context.Context) error {
	for _, f := range Functions() {
		about, err := s.describeFunction(ctx, f)
		if err != nil {
			return err
		}
		key := proxy.FunctionKey(aws.ToString(about.FunctionArn), aws.ToString(about.Role))
		if err := s.Proxy.NameFunction(ctx, key, string(f)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) describeFunction(ctx context.Context, f Function) (*lambda.GetFunctionConfigurationOutput, error) {
	about, err := s.aws.functions.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(s.Name(f))})
	if err != nil {
		return nil, fmt.Errorf("asking for the %s: %w", f, err)
	}
	return about, nil
}

// As is the configuration for SDK clients that act under a function's role, to
// try what the template does and does not allow it. MiniStack knows the key
// from the function's first start on.
func (s *Stack) As(ctx context.Context, f Function) (aws.Config, error) {
	about, err := s.describeFunction(ctx, f)
	if err != nil {
		return aws.Config{}, err
	}
	configured := s.AWS()
	configured.Credentials = roleCredentials(aws.ToString(about.FunctionArn), aws.ToString(about.Role))
	return configured, nil
}

// roleCredentials are what MiniStack 1.5 gives a function's processes when it
// runs with AUTH=true (its core/lambda_runtime.py).
func roleCredentials(functionARN, roleARN string) aws.CredentialsProvider {
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	digest := hash(functionARN + ":" + roleARN)
	return credentials.NewStaticCredentialsProvider(
		proxy.FunctionKey(functionARN, roleARN), hash("secret:"+digest), hash("token:"+digest))
}

// command is a running process and the program that it was started as.
type command struct {
	pid  int
	path string
}
