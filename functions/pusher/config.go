package main

import "log/slog"

// variables are what the template sets; see package settings.
type variables struct {
	Stack         string     `env:"STACK" is:"stack"`
	GrantsTable   string     `env:"GRANTS_TABLE" is:"table"`
	RatesTable    string     `env:"RATES_TABLE" is:"table"`
	RatesQueue    string     `env:"RATES_QUEUE_URL" is:"queue"`
	RefreshQueue  string     `env:"REFRESH_QUEUE_URL" is:"queue"`
	RejectedQueue string     `env:"REJECTED_QUEUE_URL" is:"queue"`
	KeysSecret    string     `env:"KEYS_SECRET" is:"secret"`
	SecretsPrefix string     `env:"SECRETS_PREFIX" is:"prefix"`
	LogLevel      slog.Level `env:"LOG_LEVEL" envDefault:"INFO" is:"level"`
}
