package alert

import (
	"fmt"
	"time"

	"bellhop/shared/bucket"
)

// Registration is what a message about a client says: our registration, which a
// provider refuses, or did.
type Registration struct {
	Client  string // ours: the name that the operator's command takes
	Trouble bucket.Trouble
	// Grants is how many the client has, and so how many wait; Uncounted when
	// nobody has counted them.
	Grants int
}

// ClientMessageID names a message about a client's trouble. A grant's id has no
// slash, so the two kinds never share one.
func ClientMessageID(client string, episode int64, k Kind) string {
	return fmt.Sprintf("client/%s.%d.%s", client, episode, k)
}

// title is the message in one line.
func (r Registration) title(m Message) string {
	if m.Kind == Recovered {
		return fmt.Sprintf("%s accepts our registration %s again", m.Provider, r.Client)
	}
	return fmt.Sprintf("%s refuses our registration %s", m.Provider, r.Client)
}

// facts lists what a message says beside its title.
func (r Registration) facts(m Message) []fact {
	t := r.Trouble
	facts := []fact{{"Registration", r.Client}, {"Provider", m.Provider}}
	if m.Kind == Recovered {
		return append(facts, fact{"Was refused for", inWords(m.Ended.Sub(t.Since))}, fact{"Grants that waited", r.waiting()})
	}
	return append(facts,
		fact{"Since", t.Since.UTC().Format(time.RFC1123)}, fact{"Answer", r.answer()},
		fact{"Secret that was tried", orUnknown(t.SecretVersion)}, fact{"Digest of the request", orUnknown(t.Payload)},
		fact{"Grants that wait", r.waiting()},
	)
}

// reasons lists what takes a sentence.
func (r Registration) reasons() []fact {
	return []fact{{"Why", clientWhy}, {"What to do", r.remedy()}, {"Meanwhile", clientMeanwhile}}
}

// clientWhy puts a refused registration into words for somebody who did not
// write the code.
const clientWhy = "The provider does not accept our own client id and secret. No owner has lost anything, and no owner has to consent again. " +
	"Usually the secret was changed at the provider, has run out, or was mistyped here."

// clientMeanwhile says what Bellhop does until somebody acts.
const clientMeanwhile = "No token of this registration is refreshed; those that are still good go on being used. " +
	"Rate updates are taken in and kept, nothing is lost. Every few minutes one exchange tries whether it is over."

// remedy says what to do about it.
func (r Registration) remedy() string {
	return "Make a new secret at the provider and put it in with `bellhop clients rotate " + r.Client + "`: " +
		"it tries it on one grant before it is used for all. If the secret is right, the provider has closed the registration."
}

// answer is what the provider said, in its words.
func (r Registration) answer() string {
	if r.Trouble.Code == "" {
		return fmt.Sprintf("status %d", r.Trouble.Status)
	}
	return fmt.Sprintf("%s (status %d)", r.Trouble.Code, r.Trouble.Status)
}

func (r Registration) waiting() string {
	if r.Grants == Uncounted {
		return "all of this registration; not counted"
	}
	return plural(r.Grants, "grant")
}

func orUnknown(s string) string {
	if s == "" {
		return "not known"
	}
	return s
}
