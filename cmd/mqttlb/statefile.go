package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"mqttlb/balancer"
	"mqttlb/config"
	"mqttlb/proxy/admin/api"
)

const (
	// stateVersion is the version of the state file. Another version has another meaning.
	stateVersion = 1
	// maxStateFile limits the state file in bytes. A node takes some 150.
	maxStateFile = 1 << 20
)

// stateFile is the content of admin.state_file.
type stateFile struct {
	Version int       `json:"version"`
	Nodes   operators `json:"nodes"`
}

// loadOperators reads the state file at the start. If it cannot be used, the process serves all the
// same: nodes that were taken out then get clients again, which is less than no service at all.
func loadOperators(cfg *config.Config, log *slog.Logger) operators {
	path := cfg.Admin.StateFile
	if path == "" {
		return nil
	}
	o, err := readStateFile(path)
	if err != nil {
		log.Error("the settings of operators are not in force: all nodes are enabled, with their configured weights",
			"error", err, "setting", "admin.state_file", "file", path)
		return nil
	}
	for name, s := range o {
		if !s.unset() {
			log.Info("an operator's settings of a node are in force again", "node", name, "settings", s.String())
		}
	}
	return o
}

// readStateFile reads a state file. It holds no settings if it does not exist.
func readStateFile(path string) (operators, error) {
	if !rereadable(path) {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxStateFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxStateFile:
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxStateFile)
	}
	o, err := parseState(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return o, nil
}

// parseState parses the content of a state file.
func parseState(text []byte) (operators, error) {
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return nil, fmt.Errorf("is not a state file of mqttlb: %w", err)
	}
	if version.Version != stateVersion {
		return nil, fmt.Errorf("has version %d; this mqttlb reads version %d", version.Version, stateVersion)
	}
	var file stateFile
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("is not a state file of mqttlb: %w", err)
	}
	for name, s := range file.Nodes {
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("node %q: %w", name, err)
		}
		if s.State == api.Disabled && s.Until.IsZero() && s.PerSecond == 0 {
			s.PerSecond = defaultDrainRate
			file.Nodes[name] = s
		}
	}
	return file.Nodes, nil
}

// check checks the settings in a state file.
func (s nodeSettings) check() error {
	_, word := operatorWords[s.State]
	leaves := s.PerSecond != 0 || !s.Until.IsZero()
	switch {
	case !word:
		return fmt.Errorf("state: %q is none of %s, %s and %s", s.State, api.Enabled, api.Draining, api.Disabled)
	case s.Weight < 0 || s.Weight > balancer.MaxWeight:
		return fmt.Errorf("weight: %d is not from 0 to %d", s.Weight, balancer.MaxWeight)
	case s.PerSecond < 0 || s.PerSecond > maxPace:
		return fmt.Errorf("per_second: %v is not from 0 to %d", s.PerSecond, maxPace)
	case s.PerSecond != 0 && !s.Until.IsZero():
		return errors.New("per_second and until are both set")
	case leaves && s.State == api.Enabled:
		return errors.New("it is enabled, and its sessions leave")
	case s.Until.After(time.Now().Add(maxWithin)):
		return fmt.Errorf("until: %v is more than %v away", s.Until, maxWithin)
	}
	return nil
}

// saveOperators replaces the state file, if there is one. A file that is there and cannot be used is
// kept beside it, for its operator.
func (m *manager) saveOperators() error {
	path := m.running.config.Admin.StateFile
	if path == "" {
		return nil
	}
	if !rereadable(path) { // nor is a device or a folder to be renamed or replaced
		return fmt.Errorf("the settings are in force, and are not kept for the next start: admin.state_file %s is not a regular file", path)
	}
	if _, err := readStateFile(path); err != nil {
		if os.Rename(path, path+".broken") == nil {
			m.log.Warn("the broken state file was renamed", "file", path+".broken", "error", err)
		}
	}
	text, err := json.MarshalIndent(stateFile{stateVersion, *m.operators.Load()}, "", "  ")
	if err == nil {
		err = replaceFile(path, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("the settings are in force, and could not be kept in admin.state_file %s for the next start: %w", path, err)
	}
	return nil
}
