package main

import (
	"context"
	"log/slog"
	"strings"

	"mqttlb/config"
	"mqttlb/proxy/admin"
	"mqttlb/proxy/admin/api"
)

// Log implements [admin.Control].
func (c *control) Log(context.Context) (api.Log, error) {
	log := c.manager.log
	return api.Log{Level: strings.ToLower(log.level().String()), Fields: log.fields()}, nil
}

// SetLog implements [admin.Control]. Nothing has changed after an error.
func (c *control) SetLog(ctx context.Context, _ admin.Origin, l api.Log) (api.Log, error) {
	log := c.manager.log
	var level slog.Level
	if l.Level != "" {
		word, err := config.ParseLogLevel(l.Level)
		if err != nil {
			return api.Log{}, badRequest("level: %v", err)
		}
		level = levelOf(word)
	}
	if l.Fields != nil {
		if err := log.setFields(l.Fields); err != nil {
			return api.Log{}, badRequest("fields: %v", err)
		}
	}
	if l.Level != "" {
		log.setLevel(level)
	}
	return c.Log(ctx)
}
