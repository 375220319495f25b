package show

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"bellhop/local/sandbox"
)

// guest is a hotel with its owner, its calendar and its money.
type guest struct {
	property string // the PMS's name of it
	hotel    string
	owner    string
	contact  string
	zone     string
	currency string
	decimals int   // of the currency
	price    int64 // of a plain night, in minor units
}

// guestbook is everybody who may be shown. Currencies without decimals and
// time zones far from each other are there on purpose.
var guestbook = []guest{
	{"LIS", "Hotel Lisboa", "Maria Sousa", "maria@hotel-lisboa.example", "Europe/Lisbon", "EUR", 2, 12900},
	{"KYO", "Kamogawa Ryokan", "Haruto Mori", "haruto@kamogawa.example", "Asia/Tokyo", "JPY", 0, 24000},
	{"EDI", "The Old Writer", "Isla Fraser", "isla@old-writer.example", "Europe/London", "GBP", 2, 14500},
	{"CPH", "Nyhavn Hus", "Mikkel Holm", "mikkel@nyhavn-hus.example", "Europe/Copenhagen", "DKK", 2, 119500},
	{"TUN", "Dar Medina", "Amira Ben Salah", "amira@dar-medina.example", "Africa/Tunis", "TND", 3, 310000},
	{"DEN", "Union Lodge", "Grace Miller", "grace@union-lodge.example", "America/Denver", "USD", 2, 17900},
	{"VIE", "Pension Josef", "Anna Huber", "anna@pension-josef.example", "Europe/Vienna", "EUR", 2, 10900},
	{"AKL", "Harbour House", "Aroha Ngata", "aroha@harbour-house.example", "Pacific/Auckland", "NZD", 2, 21000},
	{"ZRH", "Gasthof Linde", "Reto Keller", "reto@linde.example", "Europe/Zurich", "CHF", 2, 18500},
	{"SAO", "Pousada Azul", "Paulo Lima", "paulo@pousada-azul.example", "America/Sao_Paulo", "BRL", 2, 42000},
	{"ICN", "Bukchon Stay", "Seo-yeon Kim", "seoyeon@bukchon.example", "Asia/Seoul", "KRW", 0, 139000},
	{"DUB", "Liffey Rooms", "Conor Walsh", "conor@liffey-rooms.example", "Europe/Dublin", "EUR", 2, 13500},
}

// rooms and plans are multiplied to get as many sellable rates as are wanted.
var (
	rooms = []string{"DBL", "TWN", "SGL", "FAM", "SUI", "STU", "PNT", "DLX"}
	plans = []string{"BAR", "NRF", "BB", "HB", "LONG", "CORP"}
)

// firstDay is how many days ahead of today in UTC the rates begin. The day
// after tomorrow lies in the future everywhere, and stays there when the show
// runs over midnight.
const firstDay = 2

// connection is one hotel at one provider.
type connection struct {
	id      string
	guest   guest
	persona sandbox.Persona
	client  string // our name of the registration
	remote  string // the provider's name of the property
	account string // the provider's name of whoever owns it
	rates   []sandbox.Rate
	secret  string // with which the PMS signs; shown once by connections add
}

// connections lays out who is connected where: the hotels of the first half at
// generic, the same hotels at cloudbeds.
func connections(c Config) []*connection {
	var all []*connection
	for i := range c.Connections {
		half := (c.Connections + 1) / 2
		g := guestbook[i%half]
		one := &connection{guest: g, rates: rates(c.Plans, i)}
		if i < half {
			one.persona, one.id, one.client = sandbox.Generic, strings.ToLower(g.property)+"-generic", genericClient
			one.remote, one.account = "prop-"+strings.ToLower(g.property), genericAccount
		} else {
			one.persona, one.id, one.client = sandbox.Cloudbeds, strings.ToLower(g.property)+"-cloudbeds", cloudbedsClient
			one.remote, one.account = fmt.Sprint(190800+i), fmt.Sprintf("owner-%d", 7000+i)
		}
		all = append(all, one)
	}
	return all
}

// rates are the first n combinations of room and plan; a room gets its plans
// before the next room comes.
func rates(n, connection int) []sandbox.Rate {
	perRoom := (n + len(rooms) - 1) / len(rooms)
	perRoom = max(perRoom, min(2, len(plans)))
	var all []sandbox.Rate
	for i := range n {
		all = append(all, sandbox.Rate{
			ID:       fmt.Sprint(4700000 + 100*connection + i),
			RoomType: rooms[i/perRoom], RatePlan: plans[i%perRoom],
		})
	}
	return all
}

// knows says whether the provider has a field, in the words of the books. The
// rest is kept in Bellhop's ledger and never sent there.
func (c *connection) knows(field string) bool {
	if c.persona == sandbox.Generic {
		return true
	}
	switch field {
	case sandbox.FieldPrice, sandbox.FieldMinStay, sandbox.FieldMaxStay,
		sandbox.FieldClosedToArrival, sandbox.FieldClosedToDeparture, sandbox.FieldStopSell:
		return true
	}
	return false
}

// cell names one of the connection's cells in the books.
func (c *connection) cell(room, plan, date string) sandbox.CellID {
	return sandbox.CellID{Persona: c.persona, Property: c.remote, RoomType: room, RatePlan: plan, Date: date}
}

// day is the date of the n-th night of the load.
func day(n int) string {
	return time.Now().UTC().AddDate(0, 0, firstDay+n).Format(time.DateOnly)
}

// Our registrations at the two providers. At generic one grant of ours serves
// all the properties of a group, at cloudbeds each owner consents.
const (
	genericClient   = "generic-group"
	genericAccount  = "hotel-group"
	cloudbedsClient = "cloudbeds-prod"

	// reuseGrace is for how long cloudbeds' rotated refresh tokens still
	// answer here, and what the operator tells Bellhop about it.
	reuseGrace = 30 * time.Second
)

// client is one registration with its secret.
type client struct {
	id string // our name of it
	sandbox.Client
}

// clients makes the registrations, with the redirect URI under the front door.
func clients(front int) []*client {
	redirect := fmt.Sprintf("http://127.0.0.1:%d/oauth/callback", front)
	return []*client{
		{genericClient, sandbox.Client{
			Persona: sandbox.Generic, ID: "bellhop-group", Secret: "gs_" + rand.Text(),
			Scopes: []string{"rates:read", "rates:write"}, Account: genericAccount,
		}},
		{cloudbedsClient, sandbox.Client{
			Persona: sandbox.Cloudbeds, ID: "live1_bellhop", Secret: "cs_" + rand.Text(),
			Scopes: []string{"read:rate", "write:rate"}, RedirectURIs: []string{redirect},
		}},
	}
}

// registrations is what the providers know about our clients.
func registrations(all []*client) []sandbox.Client {
	var known []sandbox.Client
	for _, c := range all {
		known = append(known, c.Client)
	}
	return known
}

// properties is what the providers know about the hotels. Every other hotel at
// generic is one whose batches become jobs.
func properties(all []*connection) []sandbox.Property {
	var known []sandbox.Property
	for i, c := range all {
		known = append(known, sandbox.Property{
			Persona: c.persona, ID: c.remote, Account: c.account, Currency: c.guest.currency,
			Rates: c.rates, Jobs: c.persona == sandbox.Generic && i%2 == 1,
		})
	}
	return known
}
