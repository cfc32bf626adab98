// Package config is the one configuration file: read, check, explain. Its base is zot's schema, in JSON or YAML.
// Names of fields fold case; a key that is not known, or not yet supported, is refused with its path and the reason.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/module"
	"github.com/zot-artifact-store/zas/pattern"
)

// Config is everything that can be set. Each field's text stands in Settings.
type Config struct {
	Storage Storage `json:"storage"`
	HTTP    HTTP    `json:"http"`
	Log     Log     `json:"log"`
	// Extensions holds the modules' own settings by module name, in lower case; each module decodes its own, strictly.
	Extensions map[string]map[string]any `json:"extensions,omitempty"`
}

// Storage is where content and metadata live.
type Storage struct {
	RootDirectory      string          `json:"rootDirectory"`
	FreeSpaceFloor     module.Size     `json:"freeSpaceFloor"`
	InlineLimit        module.Size     `json:"inlineLimit"`
	GCDelay            module.Duration `json:"gcDelay"`
	GCInterval         module.Duration `json:"gcInterval"`
	LifecycleInterval  module.Duration `json:"lifecycleInterval"`
	LifecycleDay       module.Duration `json:"lifecycleDay"`
	ImmutableTags      []ImmutableTags `json:"immutableTags"`
	SparseRepositories []pattern.Glob  `json:"sparseRepositories"`
}

// ImmutableTags are tags that stay where they are once they are set: those that a pattern matches as a whole, in repositories that match a glob.
type ImmutableTags struct {
	Repositories []pattern.Glob  `json:"repositories"`
	Patterns     []pattern.Whole `json:"patterns"`
}

// HTTP is the listener and its limits.
type HTTP struct {
	Address        string          `json:"address"`
	Port           Port            `json:"port"`
	TLS            TLS             `json:"tls"`
	ReadTimeout    module.Duration `json:"readTimeout"`
	WriteTimeout   module.Duration `json:"writeTimeout"`
	HeaderTimeout  module.Duration `json:"headerTimeout"`
	KeepAlive      module.Duration `json:"keepAlive"`
	DrainTimeout   module.Duration `json:"drainTimeout"`
	HeaderLimit    module.Size     `json:"headerLimit"`
	MaxConnections Count           `json:"maxConnections"`
	ExternalURL    URL             `json:"externalUrl"`
	AccessControl  AccessControl   `json:"accessControl,omitzero"`
}

// TLS is the certificate and key of the listener, as PEM files. Both are read again when they change.
type TLS struct {
	Cert string `json:"cert"`
	Key  string `json:"key"`
}

// Enabled says whether the listener speaks TLS.
func (t TLS) Enabled() bool { return t.Cert != "" }

// Log is where log records go, and which.
type Log struct {
	Level  string `json:"level"`
	Output string `json:"output"`
}

// Default is every default, in one place.
func Default() Config {
	return Config{
		Storage: Storage{
			RootDirectory:     "zas-data",
			FreeSpaceFloor:    256 << 20,
			InlineLimit:       64 << 10,
			GCDelay:           module.Duration(24 * time.Hour),
			GCInterval:        module.Duration(time.Minute),
			LifecycleInterval: module.Duration(time.Hour),
			LifecycleDay:      module.Duration(24 * time.Hour),
		},
		HTTP: HTTP{
			Address:        "127.0.0.1",
			Port:           "8080",
			ReadTimeout:    module.Duration(time.Minute),
			WriteTimeout:   module.Duration(time.Minute),
			HeaderTimeout:  module.Duration(30 * time.Second),
			KeepAlive:      module.Duration(2 * time.Minute),
			DrainTimeout:   module.Duration(30 * time.Second),
			HeaderLimit:    64 << 10,
			MaxConnections: 10_000,
		},
		Log: Log{Level: "info", Output: "stderr"},
	}
}

// SetDefaults implements module.Defaulter.
func (c *Config) SetDefaults() { *c = Default() }

// Validate implements module.Validator: it reports what no type can say.
func (c *Config) Validate() error {
	wrong := func(path, reason string) error { return &module.ConfigError{Path: path, Reason: reason} }
	positive := []struct {
		path  string
		value int64
	}{
		{"storage.gcInterval", int64(c.Storage.GCInterval)},
		{"storage.lifecycleInterval", int64(c.Storage.LifecycleInterval)},
		{"storage.lifecycleDay", int64(c.Storage.LifecycleDay)},
		{"http.readTimeout", int64(c.HTTP.ReadTimeout)},
		{"http.writeTimeout", int64(c.HTTP.WriteTimeout)},
		{"http.headerTimeout", int64(c.HTTP.HeaderTimeout)},
		{"http.keepAlive", int64(c.HTTP.KeepAlive)},
		{"http.headerLimit", int64(c.HTTP.HeaderLimit)},
		{"http.maxConnections", int64(c.HTTP.MaxConnections)},
	}
	for _, p := range positive {
		if p.value <= 0 {
			return wrong(p.path, "must be more than zero")
		}
	}
	switch {
	case c.Storage.RootDirectory == "":
		return wrong("storage.rootDirectory", "must not be empty")
	case c.Storage.InlineLimit > 1<<20:
		return wrong("storage.inlineLimit", "must be at most 1MiB: inline content lives in the metadata engine")
	case (c.HTTP.TLS.Cert == "") != (c.HTTP.TLS.Key == ""):
		return wrong("http.tls", "needs both cert and key")
	}
	for i, rule := range c.Storage.ImmutableTags {
		if len(rule.Repositories) == 0 || len(rule.Patterns) == 0 {
			return wrong(fmt.Sprintf("storage.immutableTags[%d]", i), "needs both repositories and patterns")
		}
	}
	if _, err := c.Log.SlogLevel(); err != nil {
		return wrong("log.level", err.Error())
	}
	return c.HTTP.AccessControl.check("http.accessControl")
}

// Port is a TCP port, written as a number or a string; 0 lets the system choose.
type Port string

// UnmarshalJSON takes both forms.
func (p *Port) UnmarshalJSON(text []byte) error {
	s := strings.Trim(string(text), `"`)
	if n, err := strconv.ParseUint(s, 10, 16); err != nil || strconv.FormatUint(n, 10) != s {
		return fmt.Errorf("%s is not a port: want a number from 0 to 65535", text)
	}
	*p = Port(s)
	return nil
}

// Count is a number of things, written as a number or a string.
type Count int64

// UnmarshalJSON takes both forms.
func (c *Count) UnmarshalJSON(text []byte) error {
	n, err := strconv.ParseInt(strings.Trim(string(text), `"`), 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("%s is not a number of things", text)
	}
	*c = Count(n)
	return nil
}

// Listen is the address to listen on, as net.Listen takes it.
func (h HTTP) Listen() string { return net.JoinHostPort(h.Address, string(h.Port)) }

// SetListen takes address and port from the form of Listen; an empty host is every interface.
func (h *HTTP) SetListen(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%q is not an address to listen on: want host:port or :port", addr)
	}
	h.Address = host
	return h.Port.UnmarshalJSON([]byte(port))
}

// SlogLevel is the level for log/slog. The names are zot's; trace is debug, fatal and panic are error.
func (l Log) SlogLevel() (slog.Level, error) {
	switch strings.ToLower(l.Level) {
	case "trace", "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn", "warning":
		return slog.LevelWarn, nil
	case "error", "fatal", "panic":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("%q is no level: want debug, info, warn or error", l.Level)
}

// Open opens the log's output: stderr, stdout, or a file that is appended to, with mode 0600 when it is new.
func (l Log) Open() (*os.File, error) {
	switch l.Output {
	case "", "stderr":
		return os.Stderr, nil
	case "stdout":
		return os.Stdout, nil
	}
	f, err := os.OpenFile(l.Output, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log.output: %w", err)
	}
	return f, nil
}

// Loaded is a configuration and what to tell about it.
type Loaded struct {
	Config   Config
	Warnings []string // settings that were accepted and mean nothing here, each with the reason
}

// maxFile is the largest configuration file that is read, in bytes.
const maxFile = 1 << 20

// Load reads the file at path (none when path is empty), then the overrides in environ (`NAME=value`, as os.Environ).
// It reports every mistake that it finds at once.
func Load(path string, environ []string) (Loaded, error) {
	if path == "" {
		return Parse(nil, environ)
	}
	info, err := os.Stat(path)
	if err != nil {
		return Loaded{}, fmt.Errorf("configuration: %w", err)
	}
	if info.Size() > maxFile {
		return Loaded{}, fmt.Errorf("configuration: %s is larger than 1 MiB", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Loaded{}, fmt.Errorf("configuration: %w", err)
	}
	loaded, err := Parse(text, environ)
	if err != nil {
		return Loaded{}, fmt.Errorf("configuration %s:\n%w", filepath.Base(path), err)
	}
	return loaded, nil
}

// Parse is Load of the text of a file.
func Parse(text []byte, environ []string) (Loaded, error) {
	tree, err := parseTree(text)
	if err != nil {
		return Loaded{}, err
	}
	warnings, problems := judge(tree)
	problems = append(problems, override(tree, environ)...)
	if len(problems) > 0 {
		return Loaded{}, errors.Join(problems...)
	}
	c, err := module.Decode[Config]("", tree)
	if err != nil {
		return Loaded{}, spelled(err)
	}
	return Loaded{Config: c, Warnings: warnings}, nil
}

// spelled gives the path of err the case in which the setting is documented.
func spelled(err error) error {
	var wrong *module.ConfigError
	if errors.As(err, &wrong) {
		for _, s := range Settings() {
			if strings.EqualFold(s.Path, wrong.Path) {
				return &module.ConfigError{Path: s.Path, Reason: wrong.Reason}
			}
		}
	}
	return err
}
