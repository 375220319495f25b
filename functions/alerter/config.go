package main

import "log/slog"

// variables are what the template sets; see package settings.
type variables struct {
	Stack       string     `env:"STACK" is:"stack"`
	GrantsTable string     `env:"GRANTS_TABLE" is:"table"`
	RatesTable  string     `env:"RATES_TABLE" is:"table"`
	KeysSecret  string     `env:"KEYS_SECRET" is:"secret"`
	Targets     string     `env:"ALERT_TARGETS_SECRET" is:"secret"`
	PublicURL   string     `env:"PUBLIC_URL" is:"origin"`
	LogLevel    slog.Level `env:"LOG_LEVEL" envDefault:"INFO" is:"level"`
}
