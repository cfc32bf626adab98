package archtest

import (
	"go/ast"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range load(t).packages {
		var docs []string
		for _, f := range p.files {
			if f.ast.Doc != nil && !f.test {
				docs = append(docs, f.ast.Doc.Text())
			}
		}
		name := p.files[0].ast.Name.Name
		switch begin := filepath.Base(p.path); {
		case len(docs) != 1:
			t.Errorf("package %s has %d package comments, want one", p.path, len(docs))
		case name == "main" && !strings.HasPrefix(docs[0], "Command "+begin+" "):
			t.Errorf("the comment of %s does not begin with: Command %s", p.path, begin)
		case name != "main" && !strings.HasPrefix(docs[0], "Package "+strings.TrimSuffix(name, "_test")+" "):
			t.Errorf("the comment of %s does not begin with: Package %s", p.path, name)
		}
	}
}

func TestExportedNamesHaveAComment(t *testing.T) {
	for _, p := range load(t).packages {
		for _, f := range p.files {
			if f.test {
				continue
			}
			for _, d := range f.ast.Decls {
				for _, name := range undocumented(d) {
					t.Errorf("%s: %s has no comment", f.at(d), name)
				}
			}
		}
	}
}

// undocumented are the exported names that d declares without a word.
func undocumented(d ast.Decl) []string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || ast.IsExported(receiver(d))) {
			return []string{funcName(d)}
		}
	case *ast.GenDecl:
		var names []string
		for _, s := range d.Specs {
			names = append(names, undocumentedSpec(d, s)...)
		}
		return names
	}
	return nil
}

func undocumentedSpec(d *ast.GenDecl, s ast.Spec) []string {
	switch s := s.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && s.Doc == nil && d.Doc == nil {
			return []string{s.Name.Name}
		}
	case *ast.ValueSpec:
		if d.Doc == nil && s.Doc == nil && s.Comment == nil && slices.ContainsFunc(s.Names, func(n *ast.Ident) bool { return n.IsExported() }) {
			return []string{s.Names[0].Name}
		}
	}
	return nil
}

func TestEveryDirectDependencyIsExplained(t *testing.T) {
	tree := load(t)
	text, err := os.ReadFile(filepath.Join(tree.root, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	direct := map[string]bool{}
	for _, p := range tree.packages {
		for _, path := range append(p.imports(), p.testImports()...) {
			if m := tree.dependency(path); m != "" {
				direct[m] = true
			}
		}
	}
	for m := range direct {
		if !strings.Contains(string(text), "`"+m+"`") {
			t.Errorf("docs/dependencies.md does not say why there is %s", m)
		}
	}
	for _, line := range strings.Split(string(text), "\n") {
		if cells := strings.Split(line, "|"); strings.HasPrefix(line, "| `") {
			if m := strings.Trim(cells[1], " `"); !direct[m] {
				t.Errorf("docs/dependencies.md explains %s, which nothing imports", m)
			}
		}
	}
}

func TestNothingUnderAForeignLicenceIsLinked(t *testing.T) {
	tree := load(t)
	sums, err := os.ReadFile(filepath.Join(tree.root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	denied := []string{ // AGPL or source-available
		"github.com/minio/minio", "github.com/minio/pkg", "github.com/minio/madmin-go", "github.com/project-zot/zot", "project-zot.dev/zot", "zotregistry.dev/zot",
		"github.com/hashicorp/vault", "github.com/hashicorp/nomad", "github.com/hashicorp/consul", "github.com/cockroachdb/cockroach",
	}
	for line := range strings.Lines(string(sums)) {
		m, _, _ := strings.Cut(line, " ")
		for _, d := range denied {
			if m == d || strings.HasPrefix(m, d+"/v") {
				t.Errorf("go.sum has %s", m)
			}
		}
	}
}
