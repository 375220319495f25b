package bucket

import "bellhop/shared/profile"

// RulesOf reads a provider's profile.
func RulesOf(p profile.Token) Rules {
	r := Rules{CodeShare: p.CodeShare, OneAtATime: p.OneAtATime}
	for _, b := range p.Budgets {
		r.Windows = append(r.Windows, Window{Calls: b.Calls, Span: b.Window.D(), Cost: b.Cost})
	}
	return r
}

// HoldsOf names the bucket whose holds concern an account of a client; empty
// where the provider's profile lets each connection wait by itself, in its
// grant, or the account is not known.
func HoldsOf(p profile.Token, client, account string) string {
	switch {
	case p.Bucket == "client":
		return OfClient(client)
	case p.Bucket == "account" && account != "":
		return OfAccount(client, account)
	default:
		return ""
	}
}
