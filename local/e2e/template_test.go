package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// permission is one act on one resource that a role allows: the innermost grain
// of a statement.
type permission struct {
	role, sid, action, resource string
}

// wildcards are the permissions with a star in them, by role's statement and
// text, and why each cannot be an exact name. Any other is a finding.
var wildcards = map[string]string{
	"sqs:SendMessage*":                  "MiniStack asks for SendMessageBatch where AWS asks for SendMessage; no third action begins so",
	"secret:${AWS::StackName}/client/*": "clients are added at run time; the prefix is the stack's own",
	"secret:${AWS::StackName}/grant/*":  "a grant's secrets are made at run time, one an epoch",
	"${GrantsTable.Arn}/stream/*":       "ListStreams knows no single stream as its resource",
}

// No statement of any role allows more than it names, but for the list above.
func TestTemplate_NoWildcardWithoutAReason(t *testing.T) {
	used := map[string]bool{}
	all := permissions(t)
	for _, p := range all {
		for _, text := range []string{p.action, p.resource} {
			if !strings.Contains(text, "*") {
				continue
			}
			reasoned := false
			for listed := range wildcards {
				if strings.HasSuffix(text, listed) {
					used[listed], reasoned = true, true
				}
			}
			if !reasoned {
				t.Errorf("%s, statement %q: %s on %s", p.role, p.sid, p.action, p.resource)
			}
		}
	}
	for listed := range wildcards {
		if !used[listed] {
			t.Errorf("%s is excused and not there any more", listed)
		}
	}
	if len(all) < 40 {
		t.Errorf("only %d permissions were found: the template is not read as it should be", len(all))
	}
}

// permissions lists what every role of the template allows.
func permissions(t *testing.T) []permission {
	t.Helper()
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var template yaml.Node
	if err := yaml.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	var all []permission
	for name, resource := range members(member(template.Content[0], "Resources")) {
		if scalar(member(resource, "Type")) != "AWS::IAM::Role" {
			continue
		}
		for _, policy := range list(member(member(resource, "Properties"), "Policies")) {
			for _, s := range list(member(member(policy, "PolicyDocument"), "Statement")) {
				all = append(all, statement(t, name, s)...)
			}
		}
	}
	return all
}

// statement takes one apart. One that denies, or turns its sense round with a
// Not, would need a reader that is not this one.
func statement(t *testing.T, role string, s *yaml.Node) []permission {
	t.Helper()
	sid := scalar(member(s, "Sid"))
	for name := range members(s) {
		if !slices.Contains([]string{"Sid", "Effect", "Action", "Resource"}, name) {
			t.Errorf("%s, statement %q has a %s", role, sid, name)
		}
	}
	if scalar(member(s, "Effect")) != "Allow" {
		t.Errorf("%s, statement %q is no plain Allow", role, sid)
	}
	var all []permission
	for _, action := range list(member(s, "Action")) {
		for _, resource := range list(member(s, "Resource")) {
			all = append(all, permission{role, sid, scalar(action), scalar(resource)})
		}
	}
	return all
}

// member is a member of a mapping, nil for none.
func member(n *yaml.Node, name string) *yaml.Node { return members(n)[name] }

func members(n *yaml.Node) map[string]*yaml.Node {
	all := map[string]*yaml.Node{}
	if n == nil || n.Kind != yaml.MappingNode {
		return all
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		all[n.Content[i].Value] = n.Content[i+1]
	}
	return all
}

// list is a sequence, or the one thing that stands in place of one.
func list(n *yaml.Node) []*yaml.Node {
	switch {
	case n == nil:
		return nil
	case n.Kind == yaml.SequenceNode:
		return n.Content
	}
	return []*yaml.Node{n}
}

// scalar is a text; of a function such as !GetAtt or !Sub its argument.
func scalar(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		return fmt.Sprint("*", slices.Sorted(maps.Keys(members(n)))) // unknown: to be taken for anything
	}
	return n.Value
}
