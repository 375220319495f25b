package stack

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

func TestDeploy_GivesTheTemplateThisMachineAndItsOwnAddress(t *testing.T) {
	s, err := describe(Config{PortBase: 21290, Parameters: map[string]string{"SlackUrl": "http://127.0.0.1:21294/slack"}})
	if err != nil {
		t.Fatal(err)
	}
	arguments := s.deployArguments()
	for _, want := range []string{"PublicUrl=http://127.0.0.1:21292", "SlackUrl=http://127.0.0.1:21294/slack", "--no-confirm-changeset"} {
		if !slices.Contains(arguments, want) {
			t.Errorf("%q is missing in %q", want, arguments)
		}
	}
	if !slices.ContainsFunc(arguments, func(a string) bool { return a == "Architecture=arm64" || a == "Architecture=x86_64" }) {
		t.Errorf("no architecture in %q", arguments)
	}
}

func TestDeploy_ACallersParameterWins(t *testing.T) {
	s, err := describe(Config{Parameters: map[string]string{"PublicUrl": "https://connect.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	arguments := s.deployArguments()
	if slices.Contains(arguments, "PublicUrl="+s.PublicURL()) || !slices.Contains(arguments, "PublicUrl=https://connect.example.com") {
		t.Errorf("arguments %q", arguments)
	}
}

// Nobody's real account may be reached from here, whatever the shell is set to.
func TestEnvironment_LeadsNowhereElse(t *testing.T) {
	t.Setenv("AWS_PROFILE", "production")
	t.Setenv("AWS_SESSION_TOKEN", "theirs")
	t.Setenv("AWS_ENDPOINT_URL_SQS", "https://sqs.eu-west-1.amazonaws.com")
	t.Setenv("BELLHOP_KEPT", "yes")
	got := environment("http://127.0.0.1:21290")
	for _, pair := range got {
		for _, gone := range []string{"AWS_PROFILE=", "AWS_SESSION_TOKEN=", "AWS_ENDPOINT_URL_SQS="} {
			if strings.HasPrefix(pair, gone) {
				t.Errorf("%s is handed on", pair)
			}
		}
	}
	for _, want := range []string{"AWS_ENDPOINT_URL=http://127.0.0.1:21290", "AWS_DEFAULT_REGION=us-east-1", "BELLHOP_KEPT=yes"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestWhatFailed_PicksTheReason(t *testing.T) {
	output := "CREATE_COMPLETE  AWS::SQS::Queue  RatesQueue\n" + strings.Repeat("CREATE_IN_PROGRESS x\n", 40) +
		"CREATE_FAILED  AWS::CloudWatch::Alarm  Silence  not supported\n" + "DELETE_COMPLETE  RatesQueue\n"
	if got := whatFailed(output); !strings.HasPrefix(got, "CREATE_FAILED") {
		t.Errorf("got %q", got)
	}
	if got := whatFailed("one\ntwo\n"); got != "one\ntwo" {
		t.Errorf("without a telling line: %q", got)
	}
}

func TestOutputs_AllAreRead(t *testing.T) {
	var outputs []types.Output
	fields := reflect.TypeFor[Outputs]()
	for i := range fields.NumField() {
		name := fields.Field(i).Tag.Get("output")
		outputs = append(outputs, types.Output{OutputKey: aws.String(name), OutputValue: aws.String("value of " + name)})
	}
	outputs = append(outputs, types.Output{OutputKey: aws.String("NotOurs"), OutputValue: aws.String("x")})
	parsed, err := parseOutputs(outputs)
	if err != nil {
		t.Fatal(err)
	}
	if parsed.GrantsTable != "value of GrantsTableName" || parsed.APIID != "value of ApiId" {
		t.Errorf("parsed %+v", parsed)
	}
}

func TestOutputs_AMissingOneIsNamed(t *testing.T) {
	_, err := parseOutputs([]types.Output{{OutputKey: aws.String("ApiId"), OutputValue: aws.String("abc")}})
	if err == nil || !strings.Contains(err.Error(), "GrantsTableName") || strings.Contains(err.Error(), "ApiId") {
		t.Errorf("error %v", err)
	}
}

// The names in this package and in the template are one.
func TestTemplate_HasTheOutputsAndLogGroups(t *testing.T) {
	template := readTemplate(t)
	_, outputs, _ := strings.Cut(template, "\nOutputs:\n")
	fields := reflect.TypeFor[Outputs]()
	for i := range fields.NumField() {
		if name := fields.Field(i).Tag.Get("output"); !strings.Contains(outputs, "\n  "+name+":") {
			t.Errorf("template.yaml has no output %s", name)
		}
	}
	for _, f := range Functions() {
		if group := "/bellhop/${AWS::StackName}/" + string(f); !strings.Contains(template, group) {
			t.Errorf("template.yaml has no log group %s", group)
		}
	}
}

func readTemplate(t *testing.T) string {
	t.Helper()
	root, err := findRoot("")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
