package archtest

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// docs/security/attacks.md names a test for each attack, as the last cell of a row: `package TestName/name of the case`.
func TestEveryAttackHasItsTest(t *testing.T) {
	tree := load(t)
	text, err := os.ReadFile(filepath.Join(tree.root, "docs", "security", "attacks.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) < 4 || !strings.HasPrefix(cells[3], "`") {
			continue
		}
		rows++
		path, name, _ := strings.Cut(strings.Trim(cells[3], "` |"), " ")
		function, sub, _ := strings.Cut(name, "/")
		p := tree.find(path)
		if p == nil || !p.tests(function, sub) {
			t.Errorf("%s: there is no such test", strings.Join(cells[3:], ""))
		}
	}
	if rows < 100 {
		t.Errorf("%d attacks were found", rows)
	}
}

// tests says whether the package has this test, and a case of that name in its body: a string in a table or in t.Run, or the end of one, as
// tests that say the same of two things make their names.
func (p *pkg) tests(function, sub string) bool {
	for _, f := range p.files {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && f.test && fn.Name.Name == function {
				return sub == "" || says(fn, sub)
			}
		}
	}
	return false
}

func says(fn *ast.FuncDecl, sub string) bool {
	found := false
	ast.Inspect(fn, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, err := strconv.Unquote(lit.Value)
			found = found || err == nil && (text == sub || strings.HasPrefix(text, " ") && strings.HasSuffix(sub, text))
		}
		return !found
	})
	return found
}
