package repository_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta/metatest"
)

// model is what repositories must do, written with maps.
type model struct {
	*bench
	repos map[string]*modelRepo
}

type modelRepo struct {
	leases    map[string]bool // bytes
	manifests map[digest.Digest]modelManifest
	tags      map[string]digest.Digest
	moves     map[string][]digest.Digest // history of tags
	noEmpty   bool
}

type modelManifest struct {
	text  string
	names []string // bytes of what it names
	image image
}

var (
	modelRepos = []string{"a", "a/b", "c"}
	modelBlobs = []string{"one", "two", large(1), emptyJSON, ""}
	modelTags  = []string{"v1", "v2", "latest"}
)

func (m *model) named(repo, data string) bool {
	r := m.repos[repo]
	for _, one := range r.manifests {
		if one.text == data || slices.Contains(one.names, data) {
			return true
		}
	}
	return false
}

// real says that repo has an edge to content with these bytes.
func (m *model) real(repo, data string) bool {
	r := m.repos[repo]
	return r != nil && (r.leases[data] || m.named(repo, data))
}

func (m *model) virtual(repo, data string) bool {
	r := m.repos[repo]
	return r != nil && data == emptyJSON && !r.noEmpty && !m.real(repo, data)
}

func (m *model) sees(repo, data string) bool { return m.real(repo, data) || m.virtual(repo, data) }

// opened is the repository, made when it is not there.
func (m *model) opened(repo string) *modelRepo {
	if m.repos[repo] == nil {
		m.repos[repo] = &modelRepo{
			leases: map[string]bool{}, manifests: map[digest.Digest]modelManifest{}, tags: map[string]digest.Digest{},
			moves: map[string][]digest.Digest{},
		}
	}
	return m.repos[repo]
}

func (m *model) lease(repo, data string) {
	r := m.opened(repo)
	r.leases[data] = true
	if data == emptyJSON {
		r.noEmpty = false
	}
}

func (r *modelRepo) move(tag string, d digest.Digest) {
	if r.tags[tag] == d {
		return
	}
	r.moves[tag] = append(r.moves[tag], d)
	r.tags[tag] = d
	if d == "" {
		delete(r.tags, tag)
	}
}

// expect checks that err is the fault that the model foresees; none where want is nil.
func (m *model) expect(t *rapid.T, err error, want *fault.Code) bool {
	if want == nil && err == nil {
		return true
	}
	if want == nil || repositoryFault(err) != want {
		t.Fatalf("got %v, want %v", err, want)
	}
	return false
}

func (m *model) missing(repo string, code *fault.Code) *fault.Code {
	if m.repos[repo] == nil {
		return fault.RepositoryNotFound
	}
	return code
}

func draw(t *rapid.T, what string, from []string) string {
	return rapid.SampledFrom(from).Draw(t, what)
}

func (m *model) pushBlob(t *rapid.T) {
	repo, data := draw(t, "repo", modelRepos), draw(t, "blob", modelBlobs)
	m.must(m.PushBlob(m.ctx(), pushBlob(repo, data)))
	m.lease(repo, data)
}

func (m *model) upload(t *rapid.T) {
	repo, data := draw(t, "repo", modelRepos), draw(t, "blob", modelBlobs)
	s := m.session(repo)
	cut := rapid.IntRange(0, len(data)).Draw(t, "cut")
	_, err := m.AppendUpload(m.ctx(), chunk(s, 0, data[:cut]))
	m.must(err)
	if rapid.Bool().Draw(t, "restart") {
		m.again()
	}
	_, err = m.FinishUpload(m.ctx(), finish(s, data, data[cut:]))
	m.must(err)
	m.lease(repo, data)
}

func (m *model) mountBlob(t *rapid.T) {
	repo, data := draw(t, "repo", modelRepos), draw(t, "blob", modelBlobs)
	from := draw(t, "from", append([]string{"", "none"}, modelRepos...))
	denied := draw(t, "denied", append([]string{""}, modelRepos...))
	req := mount(repo, data, from)
	req.Readable = func(r string) bool { return r != denied }
	found := m.sees(repo, data)
	for _, source := range modelRepos {
		if source == denied || from != "" && from != source {
			continue
		}
		found = found || m.real(source, data) || from != "" && m.virtual(source, data)
	}
	var want *fault.Code
	if !found {
		want = fault.BlobNotFound
	}
	_, err := m.Mount(m.ctx(), req)
	if m.expect(t, err, want) {
		m.lease(repo, data)
	}
}

func (m *model) pushImage(t *rapid.T) {
	repo := draw(t, "repo", modelRepos)
	i := image{layers: rapid.SliceOfN(rapid.SampledFrom(modelBlobs), 0, 3).Draw(t, "layers"), artifactType: draw(t, "type", []string{"", "x/sig"})}
	if rapid.Bool().Draw(t, "has a subject") {
		i.subject = digest.Of([]byte(draw(t, "subject", modelBlobs)))
		if r := m.repos[repo]; r != nil && len(r.manifests) > 0 {
			i.subject = rapid.SampledFrom(slices.Sorted(maps.Keys(r.manifests))).Draw(t, "manifest")
		}
	}
	names := append([]string{emptyJSON}, i.layers...)
	m.pushText(t, repo, modelManifest{text: string(i.text()), names: names, image: i})
}

func (m *model) pushIndex(t *rapid.T) {
	repo := draw(t, "repo", modelRepos)
	var children [][]byte
	one := modelManifest{}
	if r := m.repos[repo]; r != nil && len(r.manifests) > 0 {
		for _, d := range rapid.SliceOfN(rapid.SampledFrom(slices.Sorted(maps.Keys(r.manifests))), 0, 2).Draw(t, "children") {
			children = append(children, []byte(r.manifests[d].text))
			one.names = append(one.names, r.manifests[d].text)
		}
	}
	if rapid.IntRange(0, 4).Draw(t, "names a blob") == 0 {
		data := draw(t, "blob", modelBlobs)
		children = append(children, []byte(data))
		one.names = append(one.names, data)
	}
	one.text = string(index(children...))
	m.pushText(t, repo, one)
}

func (m *model) pushText(t *rapid.T, repo string, one modelManifest) {
	tags := rapid.SliceOfN(rapid.SampledFrom(modelTags), 0, 2).Draw(t, "tags")
	d := digest.Of([]byte(one.text))
	var want *fault.Code
	known := m.repos[repo] != nil && m.repos[repo].manifests[d].text != ""
	for _, data := range one.names {
		if !known && !m.sees(repo, data) {
			want = fault.ManifestBlobUnknown
		}
	}
	virtual := !known && slices.ContainsFunc(one.names, func(data string) bool { return m.virtual(repo, data) })
	pushed, err := m.PushManifest(m.ctx(), pushManifest(repo, []byte(one.text), tags...))
	if !m.expect(t, err, want) {
		return
	}
	if pushed.Digest != d || pushed.Subject != one.image.subject {
		t.Fatalf("%+v", pushed)
	}
	if virtual {
		m.lease(repo, emptyJSON)
	}
	r := m.opened(repo)
	r.manifests[d] = one
	for _, tag := range tags {
		r.move(tag, d)
	}
}

func (m *model) deleteTag(t *rapid.T) {
	repo, name := draw(t, "repo", modelRepos), draw(t, "tag", modelTags)
	r := m.repos[repo]
	var want *fault.Code
	if r == nil || r.tags[name] == "" {
		want = m.missing(repo, fault.ManifestNotFound)
	}
	if m.expect(t, m.delete(repo, tag(name)), want) {
		r.move(name, "")
	}
}

func (m *model) deleteManifest(t *rapid.T) {
	repo := draw(t, "repo", modelRepos)
	r := m.repos[repo]
	d := digest.Of([]byte("no manifest"))
	want := m.missing(repo, fault.ManifestNotFound)
	if r != nil && len(r.manifests) > 0 {
		d, want = rapid.SampledFrom(slices.Sorted(maps.Keys(r.manifests))).Draw(t, "manifest"), nil
	}
	if m.expect(t, m.delete(repo, at(d)), want) {
		delete(r.manifests, d)
		for _, name := range modelTags {
			if r.tags[name] == d {
				r.move(name, "")
			}
		}
	}
}

func (m *model) deleteABlob(t *rapid.T) {
	repo, data := draw(t, "repo", modelRepos), draw(t, "blob", modelBlobs)
	var want *fault.Code
	switch {
	case !m.sees(repo, data):
		want = m.missing(repo, fault.BlobNotFound)
	case m.named(repo, data):
		want = fault.MethodNotAllowed
	}
	if m.expect(t, m.deleteBlob(repo, data), want) {
		delete(m.repos[repo].leases, data)
		m.repos[repo].noEmpty = m.repos[repo].noEmpty || data == emptyJSON
	}
}

// passTime lets all leases end.
func (m *model) passTime(*rapid.T) {
	m.settle()
	for _, r := range m.repos {
		clear(r.leases)
	}
}

// again opens the store a second time, with each transaction's function run twice.
func (m *model) again() {
	m.restart()
	m.content, m.Service = m.over(metatest.Conflicting(m.meta), m.extents)
}

// check compares all that can be seen.
func (m *model) check(t *rapid.T) {
	for _, repo := range modelRepos {
		for _, data := range modelBlobs {
			if got := m.hasBlob(repo, data); got != m.sees(repo, data) {
				t.Fatalf("%s has %.20q: %v", repo, data, got)
			}
		}
		r := m.repos[repo]
		if r == nil {
			continue
		}
		if got, want := m.bench.tags(repo), strings.Join(slices.Sorted(maps.Keys(r.tags)), " "); got != want {
			t.Fatalf("%s has the tags %q, want %q", repo, got, want)
		}
		for name, d := range r.tags {
			if got, err := m.get(repo, tag(name)); err != nil || got.Digest != d {
				t.Fatalf("%s:%s is at %s (%v), want %s", repo, name, got.Digest, err, d)
			}
		}
		for name, moves := range r.moves {
			got := m.history(repo, name)
			if len(got) != len(moves) || destination(got[len(got)-1]) != moves[len(moves)-1] {
				t.Fatalf("%s:%s has the history %v, want %v", repo, name, got, moves)
			}
		}
		m.checkManifests(t, repo, r)
	}
}

func (m *model) checkManifests(t *rapid.T, repo string, r *modelRepo) {
	referrers := map[digest.Digest]int{}
	for d, one := range r.manifests {
		got, err := m.get(repo, at(d))
		if err != nil || string(got.Body) != one.text {
			t.Fatalf("%s@%s: %v", repo, d, err)
		}
		if one.image.subject != "" {
			referrers[one.image.subject]++
		}
	}
	for subject, n := range referrers {
		found := m.bench.referrers(repo, subject)
		if len(found) != n {
			t.Fatalf("%s has %d referrers of %s, want %d", repo, len(found), subject, n)
		}
		for d, one := range found {
			want := r.manifests[d].image.artifactType
			if want == "" {
				want = emptyType
			}
			if r.manifests[d].image.subject != subject || one.ArtifactType != want {
				t.Fatalf("%s lists %+v", repo, one)
			}
		}
	}
}

// TestRepositoriesAreTheirModel runs random histories against the model, with restarts, and collection whenever time has passed.
func TestRepositoriesAreTheirModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{bench: newBench(t), repos: map[string]*modelRepo{}}
		m.again()
		rt.Repeat(map[string]func(*rapid.T){
			"push blob": m.pushBlob, "upload": m.upload, "mount": m.mountBlob, "push image": m.pushImage, "push image too": m.pushImage,
			"push index": m.pushIndex, "delete tag": m.deleteTag, "delete manifest": m.deleteManifest, "delete blob": m.deleteABlob,
			"pass time": m.passTime,
			"":          m.check,
		})
		m.wantSound()
	})
}
