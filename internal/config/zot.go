package config

import (
	"fmt"
	"strings"

	"github.com/zot-artifact-store/zas/module"
)

// ForeignKey is a key of zot's schema that is not a setting here.
type ForeignKey struct {
	Path   string // as zot writes it
	Reason string // why it means nothing here; empty: it is not yet supported
}

// Foreign are the keys of zot's schema that configuration files in use may hold and that are no settings here.
func Foreign() []ForeignKey {
	return []ForeignKey{
		{"distSpecVersion", "the server speaks version 1.1 of the distribution specification"},
		{"cluster", "replicas share their metadata and need no list of members"},
		{"scheduler", "background work needs no tuning"},
		{"storage.gc", "collection always runs, beside the writers, and takes only what nothing refers to"},
		{"storage.dedupe", "the same bytes are always stored once"},
		{"storage.commit", "every acknowledged write is on disk"},
		{"storage.fastRestart", "nothing is walked at start"},
		{"storage.remoteCache", "there is no cache database"},
		{"storage.cacheDriver", "there is no cache database"},
		{"http.compat", "Docker's media types are always accepted"},
		{"storage.redirectBlobURL", ""},
		{"storage.gcTimeWindow", ""},
		{"storage.maxRepos", ""},
		{"storage.retention", ""},
		{"storage.storageDriver", ""},
		{"storage.subPaths", ""},
		{"http.realm", ""},
		{"http.allowOrigin", ""},
		{"http.ratelimit", ""},
		{"http.auth", ""},
		{"http.accessControl.adminPolicy", ""},
		{"http.accessControl.groups", ""},
		{"http.accessControl.metrics", ""},
		{"http.accessControl.repositories.PATTERN.defaultPolicy", ""},
		{"http.accessControl.repositories.PATTERN.policies", ""},
		{"http.tls.cacert", ""},
		{"log.audit", ""},
		{"extensions.search", ""},
		{"extensions.ui", ""},
		{"extensions.sync", ""},
		{"extensions.metrics", ""},
		{"extensions.scrub", ""},
		{"extensions.lint", ""},
		{"extensions.trust", ""},
		{"extensions.events", ""},
		{"extensions.mgmt", "`/v2/_zot/ext/mgmt` is always answered, as zot does with search"},
		{"extensions.apikey", ""},
		{"extensions.userprefs", ""},
	}
}

// judge takes zot's keys out of tree: with a warning where they mean nothing here, as a problem where they would.
func judge(tree map[string]any) (warnings []string, problems []error) {
	for _, key := range Foreign() {
		section, name := lookup(tree, strings.ToLower(key.Path))
		if _, present := section[name]; !present {
			continue
		}
		if off(section[name]) {
			delete(section, name)
			continue
		}
		if key.Reason == "" {
			problems = append(problems, &module.ConfigError{Path: key.Path, Reason: "not yet supported"})
			continue
		}
		delete(section, name)
		warnings = append(warnings, fmt.Sprintf("%s means nothing here: %s", key.Path, key.Reason))
	}
	return warnings, problems
}

// off says whether value is a section that turns itself off.
func off(value any) bool {
	section, _ := value.(map[string]any)
	return section["enable"] == false
}
