package proxy

import (
	"regexp"
	"strings"
	"sync"
)

// shape is what capacity needs to know of an item: how large each attribute
// is, and the text of its scalars, since index keys are among them.
//
// A shape is exact after a put, and after any answer that carries the whole
// item. An update without such an answer is applied by its expression: exact
// for whole attributes, an upper estimate for paths inside of them.
type shape struct {
	sizes   map[string]int
	scalars map[string]string
}

func shapeOf(i item) *shape {
	if i == nil {
		return nil
	}
	s := &shape{sizes: make(map[string]int, len(i)), scalars: make(map[string]string)}
	for name, value := range i {
		s.set(name, value)
	}
	return s
}

func (s *shape) set(name string, value any) {
	s.sizes[name] = valueSize(value)
	s.scalars[name] = scalar(value)
}

func (s *shape) remove(name string) {
	delete(s.sizes, name)
	delete(s.scalars, name)
}

// size is zero for an item that is absent or unknown.
func (s *shape) size() int {
	if s == nil {
		return 0
	}
	total := 0
	for name, size := range s.sizes {
		total += len(name) + size
	}
	return total
}

// entry tells whether an index holds the item, and under which key.
func (s *shape) entry(x index) (key string, held bool) {
	if s == nil {
		return "", false
	}
	_, hash := s.sizes[x.hash]
	_, sort := s.sizes[x.sort]
	return s.scalars[x.hash] + "\x00" + s.scalars[x.sort], hash && (sort || x.sort == "")
}

func (s *shape) clone() *shape {
	c := &shape{sizes: make(map[string]int), scalars: make(map[string]string)}
	if s != nil {
		for name, size := range s.sizes {
			c.sizes[name] = size
			c.scalars[name] = s.scalars[name]
		}
	}
	return c
}

// updated is the shape after an UpdateItem. An absent item starts as its key.
func (s *shape) updated(w write) *shape {
	next := s.clone()
	for name, value := range w.Key {
		next.set(name, value)
	}
	for section, actions := range sections(w.UpdateExpression) {
		for _, action := range actions {
			next.act(section, action, w)
		}
	}
	return next
}

var valueNames = regexp.MustCompile(`:[A-Za-z0-9_]+`)

// act applies one action of an update expression.
func (s *shape) act(section, action string, w write) {
	path, operand, _ := strings.Cut(action, "=")
	if section == "ADD" || section == "DELETE" {
		path, operand, _ = strings.Cut(action, " ")
	}
	path, operand = strings.TrimSpace(path), strings.TrimSpace(operand)
	name, inside := top(path, w.ExpressionAttributeNames)
	_, present := s.sizes[name]
	if section == "REMOVE" && !inside {
		s.remove(name)
		return
	}
	if section == "REMOVE" || section == "DELETE" {
		return // by how much the attribute shrinks is not known
	}
	value, whole := w.ExpressionAttributeValues[operand]
	switch {
	case section == "SET" && !inside && whole:
		s.set(name, value)
	case section == "SET" && !inside && strings.HasPrefix(operand, "if_not_exists") && present:
	default:
		added := 0
		for _, ref := range valueNames.FindAllString(operand, -1) {
			added += valueSize(w.ExpressionAttributeValues[ref])
		}
		s.grow(name, path, operand, added, w)
	}
}

// grow estimates an attribute whose new value is computed: inside paths and
// lists grow by what is added, counters stay as large as a number gets.
func (s *shape) grow(name, path, operand string, added int, w write) {
	switch {
	case path != name && strings.ContainsAny(path, ".["):
		s.sizes[name] = max(s.sizes[name], 3) + 1 + len(path) + added
	case strings.HasPrefix(operand, "list_append"):
		s.sizes[name] += added
	default:
		s.sizes[name] = max(s.sizes[name], added)
		if refs := valueNames.FindAllString(operand, -1); len(refs) == 1 && strings.HasPrefix(operand, "if_not_exists") {
			s.set(name, w.ExpressionAttributeValues[refs[0]])
		}
	}
}

// top is the attribute that a document path starts with, and whether the path
// goes on inside of it.
func top(path string, names map[string]string) (name string, inside bool) {
	if at := strings.IndexAny(path, ".["); at >= 0 {
		return resolve(path[:at], names), true
	}
	return resolve(path, names), false
}

var sectionWord = regexp.MustCompile(`(?i)(?:^|[\s])(SET|REMOVE|ADD|DELETE)\s`)

// sections splits an update expression into the actions of its clauses.
func sections(expression string) map[string][]string {
	found := make(map[string][]string)
	marks := sectionWord.FindAllStringSubmatchIndex(expression, -1)
	for n, mark := range marks {
		end := len(expression)
		if n+1 < len(marks) {
			end = marks[n+1][0]
		}
		word := strings.ToUpper(expression[mark[2]:mark[3]])
		found[word] = append(found[word], splitActions(expression[mark[3]:end])...)
	}
	return found
}

// splitActions cuts at the commas outside of parentheses.
func splitActions(clause string) []string {
	var actions []string
	depth, start := 0, 0
	for i, r := range clause {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			actions = append(actions, strings.TrimSpace(clause[start:i]))
			start = i + 1
		}
	}
	return append(actions, strings.TrimSpace(clause[start:]))
}

// keepShapes bounds the memory; beyond it any shape may be forgotten.
const keepShapes = 200_000

// shapes remembers items by table and key.
type shapes struct {
	mu    sync.Mutex
	known map[[2]string]*shape // guarded by mu
}

func newShapes() *shapes { return &shapes{known: make(map[[2]string]*shape)} }

func (s *shapes) of(table string, key item) *shape {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[[2]string{table, key.text()}]
}

// keep remembers a shape, which must not be changed afterwards; nil forgets.
func (s *shapes) keep(table string, key item, now *shape) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := [2]string{table, key.text()}
	if now == nil {
		delete(s.known, id)
		return
	}
	if len(s.known) >= keepShapes {
		for old := range s.known {
			delete(s.known, old)
			break
		}
	}
	s.known[id] = now
}
