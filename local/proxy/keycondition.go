package proxy

import (
	"cmp"
	"encoding/base64"
	"math/big"
	"regexp"
	"strings"
)

// keyCondition is one comparison of a KeyConditionExpression.
type keyCondition struct {
	name      string
	operator  string // =, <, <=, >, >=, BETWEEN or begins_with
	low, high any    // high is for BETWEEN alone
}

var conditionToken = regexp.MustCompile(`[#:]?[\w.\-]+|<=|>=|=|<|>`)

// keyConditions parses an expression. It is false for anything that is not a
// conjunction of the comparisons that keys allow. Parentheses and commas carry
// no meaning in this grammar and are passed over.
func keyConditions(expression string, names map[string]string, values item) ([]keyCondition, bool) {
	tokens := conditionToken.FindAllString(expression, -1)
	var parsed []keyCondition
	for len(tokens) > 0 {
		var (
			k    keyCondition
			used int
		)
		switch {
		case len(tokens) >= 3 && strings.EqualFold(tokens[0], "begins_with"):
			k, used = keyCondition{tokens[1], "begins_with", values[tokens[2]], nil}, 3
		case len(tokens) >= 5 && strings.EqualFold(tokens[1], "BETWEEN"):
			k, used = keyCondition{tokens[0], "BETWEEN", values[tokens[2]], values[tokens[4]]}, 5
		case len(tokens) >= 3:
			k, used = keyCondition{tokens[0], tokens[1], values[tokens[2]], nil}, 3
		default:
			return nil, false
		}
		k.name = resolve(k.name, names)
		if k.low == nil || (k.operator == "BETWEEN" && k.high == nil) {
			return nil, false
		}
		parsed = append(parsed, k)
		if tokens = tokens[used:]; len(tokens) > 0 {
			if !strings.EqualFold(tokens[0], "AND") {
				return nil, false
			}
			tokens = tokens[1:]
		}
	}
	return parsed, true
}

// holds tells whether an item satisfies the condition.
func (k keyCondition) holds(i item) bool {
	value := i[k.name]
	if value == nil {
		return false
	}
	if k.operator == "begins_with" {
		return strings.HasPrefix(scalar(value), scalar(k.low))
	}
	order, ok := compare(value, k.low)
	if !ok {
		return false
	}
	switch k.operator {
	case "=":
		return order == 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	}
	upper, ok := compare(value, k.high)
	return ok && order >= 0 && upper <= 0
}

// compare orders two key values of the same type; false for anything else.
func compare(a, b any) (int, bool) {
	for kind := range typed(a) {
		if _, same := typed(b)[kind]; !same {
			return 0, false
		}
		switch kind {
		case "S":
			return cmp.Compare(scalar(a), scalar(b)), true
		case "N":
			x, okX := new(big.Rat).SetString(scalar(a))
			y, okY := new(big.Rat).SetString(scalar(b))
			if okX && okY {
				return x.Cmp(y), true
			}
		case "B":
			x, errX := base64.StdEncoding.DecodeString(scalar(a))
			y, errY := base64.StdEncoding.DecodeString(scalar(b))
			if errX == nil && errY == nil {
				return cmp.Compare(string(x), string(y)), true
			}
		}
	}
	return 0, false
}
