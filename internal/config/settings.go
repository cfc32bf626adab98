package config

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/zot-artifact-store/zas/module"
)

// Setting is one thing that can be set, for the reference page and the environment.
type Setting struct {
	Path string // in the file: `http.tls.cert`
	Text string // what it does, its unit and limits
}

// Env is the environment variable that overrides the setting: `ZAS_HTTP_TLS_CERT`.
func (s Setting) Env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.Path, ".", "_"))
}

// Settings is every setting that does not belong to a module.
func Settings() []Setting {
	return []Setting{
		{"storage.rootDirectory", "the data directory; one server at a time"},
		{"storage.freeSpaceFloor", "writes are refused while less than this is free; reads and deletes go on; 0 turns it off"},
		{"storage.inlineLimit", "content up to this size is kept in the metadata engine: one sync for a small object; 0 turns it off; at most 1MiB"},
		{"storage.gcDelay", "how long unreferenced uploaded content is kept for what will refer to it"},
		{"storage.gcInterval", "time between collections of what nothing refers to; they run while serving"},
		{"storage.lifecycleInterval", "time between rounds of the buckets' lifecycles: what is due goes"},
		{"storage.lifecycleDay", "how long a day of a lifecycle lasts: 24h for S3's days; a minute or less to try a lifecycle, never where data is to stay"},
		{"storage.immutableTags", "a list of `{repositories: [glob], patterns: [expression]}`: a tag that an expression matches as a whole is neither moved nor deleted once it is set"},
		{"storage.sparseRepositories", "a list of globs of repositories whose manifests may name blobs and manifests that are not there, for partial mirrors"},
		{"http.address", "the address to listen on; empty: every interface"},
		{"http.port", "the port to listen on; 0: the system chooses"},
		{"http.tls.cert", "the certificate chain, a PEM file; read again when it changes"},
		{"http.tls.key", "its private key, a PEM file"},
		{"http.readTimeout", "a request body is given up when nothing arrives for so long; its total time is not limited"},
		{"http.writeTimeout", "an answer is given up when nothing can be sent for so long; its total time is not limited"},
		{"http.headerTimeout", "a request's header must be complete within this"},
		{"http.keepAlive", "an idle connection is closed after this"},
		{"http.drainTimeout", "when stopping, requests under way get this long to end"},
		{"http.headerLimit", "the largest request header"},
		{"http.maxConnections", "connections at a time, at most half of the files that the process may open; one more cuts the one idle for longest"},
		{"http.externalUrl", "the URL of the server as clients see it, where that is not the one that they send: behind a proxy that ends TLS"},
		{"log.level", "debug, info, warn or error; each request is logged at info, or at error with its cause"},
		{"log.output", "stderr, stdout or a file that is appended to"},
	}
}

// envPrefix begins the names of the environment's overrides.
const envPrefix = "ZAS_"

// override sets in tree what environ says. A variable that begins like a section and names no setting is a problem:
// it would otherwise be a silent typing mistake. Other variables of the prefix are not the configuration's.
func override(tree map[string]any, environ []string) (problems []error) {
	settings := Settings()
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		rest, ours := strings.CutPrefix(name, envPrefix)
		if !ours {
			continue
		}
		i := slices.IndexFunc(settings, func(s Setting) bool { return s.Env() == name })
		switch extension, isExtension := strings.CutPrefix(rest, "EXTENSIONS_"); {
		case i >= 0:
			problems = append(problems, set(tree, strings.ToLower(settings[i].Path), value)...)
		case isExtension && strings.Contains(extension, "_"):
			problems = append(problems, set(tree, strings.ToLower("extensions."+strings.Replace(extension, "_", ".", 1)), value)...)
		case strings.HasPrefix(rest, "STORAGE_"), strings.HasPrefix(rest, "HTTP_"), strings.HasPrefix(rest, "LOG_"), isExtension:
			problems = append(problems, &module.ConfigError{Path: name, Reason: "this environment variable names no setting"})
		}
	}
	return problems
}

// set writes a value of the environment at path, making sections on the way.
func set(tree map[string]any, path, text string) []error {
	var value any = text
	var list []any
	switch {
	case text == "true" || text == "false":
		value = text == "true"
	case strings.HasPrefix(text, "[") && json.Unmarshal([]byte(text), &list) == nil:
		value = list
	}
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		if tree[name] == nil {
			tree[name] = map[string]any{}
		}
		section, ok := tree[name].(map[string]any)
		if !ok {
			return []error{&module.ConfigError{Path: name, Reason: "is a value, and the environment sets " + path + " beneath it"}}
		}
		tree = section
	}
	tree[names[len(names)-1]] = value
	return nil
}
