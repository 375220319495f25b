package main

import "log/slog"

// variables are what the template sets; see package settings.
type variables struct {
	Stack         string     `env:"STACK" is:"stack"`
	GrantsTable   string     `env:"GRANTS_TABLE" is:"table"`
	RatesTable    string     `env:"RATES_TABLE" is:"table"`
	RefreshQueue  string     `env:"REFRESH_QUEUE_URL" is:"queue"`
	RatesQueue    string     `env:"RATES_QUEUE_URL" is:"queue"`
	AlertsQueue   string     `env:"ALERTS_QUEUE_URL" is:"queue"`
	KeysSecret    string     `env:"KEYS_SECRET" is:"secret"`
	SecretsPrefix string     `env:"SECRETS_PREFIX" is:"prefix"`
	LogLevel      slog.Level `env:"LOG_LEVEL" envDefault:"INFO" is:"level"`
}

// pairsKept is for how many grants a process remembers the last pair: a few
// megabytes, and as many as one process meets between two of their refreshes.
const pairsKept = 2000
