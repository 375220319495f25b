package show

import (
	"bytes"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/local/leaks"
)

// The export of a table spells out everything, however deep it lies.
func TestSpell_ReachesEveryValue(t *testing.T) {
	const opaque, jwt = "Qk3vX8nZ1aLwT0dYpHfR7uBcE5mJsG2i9OqWxV4yKtN", "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwOi8vMTI3LjAuMC4xIn0.c2lnbmF0dXJlLW9mLXRoZS1maXJzdC10b2tlbg"
	deep := &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "GRANT#lis"},
		"asides": &types.AttributeValueMemberL{Value: []types.AttributeValue{
			&types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
				"sealed": &types.AttributeValueMemberB{Value: []byte(opaque)},
				"names":  &types.AttributeValueMemberSS{Value: []string{"p", jwt}},
			}},
		}},
	}}
	var text bytes.Buffer
	spell(&text, deep)
	f := leaks.New([]leaks.Secret{{What: "an opaque token", Value: opaque}, {What: "a JWT", Value: jwt}})
	if found := f.Search(leaks.Place{Name: "a table", Text: text.Bytes()}); len(found) != 2 {
		t.Errorf("found %v in %q", found, text.String())
	}
}
