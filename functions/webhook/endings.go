package main

import (
	"net/http"

	"bellhop/shared/consent"
)

// ending is how one result is told: {hotel}, {provider}, {account} and {pinned}
// are filled in.
type ending struct {
	status int
	title  string
	lead   []string
}

// endings has a page for every result. Each says what happened, whether
// anything has changed, and what to do.
var endings = map[consent.Code]ending{
	consent.Connected: {http.StatusOK, "{hotel} is connected to {provider}", []string{
		"Thank you. The latest rates are on their way to {provider}; there is nothing else to do. You can close this page.",
	}},
	consent.PartlyConnected: {http.StatusOK, "{provider} is connected, but a permission is missing", []string{
		"You are connected, and the connection is kept alive. But not everything that was asked for was allowed, so some rates cannot be sent.",
		"Please try again and allow all permissions. If you left one out on purpose, tell whoever sent you the link.",
	}},
	consent.AlreadyConnected: {http.StatusOK, "There is nothing to do", []string{
		"{hotel} has been connected to {provider} already, perhaps in another window. This link is not needed any more. You can close this page.",
	}},
	consent.Denied: {http.StatusOK, "You did not allow the connection", []string{
		"You chose not to give the permission at {provider}. Nothing has changed.",
		"If that was a mistake, try again.",
	}},
	consent.ProviderRefused: {http.StatusBadGateway, "{provider} did not give the permission", []string{
		"{provider} sent you back without a permission and without saying that you refused. Nothing has changed.",
		"Please try again. If it happens once more, tell whoever sent you the link.",
	}},
	consent.OtherAccount: {http.StatusConflict, "That was another account", []string{
		"You logged in at {provider} with account {account}. {hotel} belongs to account {pinned} there, so we have not used the permission and have given it back.",
		"Please log out at {provider}, then try again with account {pinned}. If the account has really changed, tell whoever sent you the link.",
	}},
	consent.AccountUnknown: {http.StatusBadGateway, "We could not see which account it was", []string{
		"{provider} gave the permission but did not say for which account, so we have not used it. Nothing has changed.",
		"Please try again in a few minutes.",
	}},
	consent.CodeRefused: {http.StatusBadGateway, "{provider} did not accept the permission", []string{
		"The permission that you gave was no longer valid when we used it. That happens when the page at {provider} stays open for long, or is loaded twice.",
		"Nothing has changed. Please try again.",
	}},
	consent.NoAnswer: {http.StatusBadGateway, "{provider} did not answer", []string{
		"You gave the permission, but {provider} did not answer when we used it, so we cannot say what became of it.",
		"One more click puts that right: please try again.",
	}},
	consent.Interrupted: {http.StatusServiceUnavailable, "This was interrupted", []string{
		"Your permission was being used when something went wrong on our side, or this page was loaded a second time while the first was still at work.",
		"If another window says that you are connected, all is well. Otherwise one more click puts it right: please try again.",
	}},
	consent.Misconfigured: {http.StatusInternalServerError, "Our registration at {provider} has a problem", []string{
		"{provider} does not recognize us at the moment. That is ours to mend, not yours, and nothing has changed.",
		"Please tell whoever sent you the link. It will work again when the problem is solved.",
	}},
	consent.TryLater: {http.StatusServiceUnavailable, "Please try again in a few minutes", []string{
		"Something did not answer in time. Nothing has changed, and nothing is lost.",
	}},
	consent.Busy: {http.StatusServiceUnavailable, "{provider} is busy", []string{
		"{provider} does not take a permission from us at the moment. Nothing has changed, and nothing is lost.",
		"Please come again after {until}. Your link stays good for as long as it says.",
	}},
	consent.StateUnknown: {http.StatusBadRequest, "This page cannot be opened on its own", []string{
		"It is where {provider} brings you after you have given a permission. Please start from the link that you were sent.",
	}},
	consent.StateExpired: {http.StatusGone, "That took too long", []string{
		"More than ten minutes have passed since you left for {provider}, so for safety the permission was not used. Nothing has changed.",
		"Please try again.",
	}},
	consent.TicketUnknown: {http.StatusNotFound, "This link does not exist", []string{
		"Perhaps it was cut short on its way: please use the whole link, or ask whoever sent it for a new one.",
	}},
	consent.TicketExpired: {http.StatusGone, "This link is too old", []string{
		"For safety it worked for a limited time only. Please ask whoever sent it for a new one. None of your rates is lost until then.",
	}},
}
