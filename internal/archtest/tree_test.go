package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// module is the path of the module that is tested.
const module = "github.com/zot-artifact-store/zas"

// tree is the parsed source of the module.
type tree struct {
	root     string
	packages []*pkg
	requires []string // modules of go.mod, the longest path first
}

// pkg is one directory of source.
type pkg struct {
	path  string // beneath the module
	files []file
}

// file is one source file.
type file struct {
	name  string // path beneath the module
	test  bool
	lines int
	ast   *ast.File
	fset  *token.FileSet
}

// parsed is the tree, read once for all tests.
var parsed = sync.OnceValues(parse)

func load(t *testing.T) *tree {
	t.Helper()
	got, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func parse() (*tree, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	t := &tree{root: root}
	byPath := map[string]*pkg{}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			return t.enter(path, name)
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parseFile(root, path)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(f.name))
		if byPath[dir] == nil {
			byPath[dir] = &pkg{path: dir}
			t.packages = append(t.packages, byPath[dir])
		}
		byPath[dir].files = append(byPath[dir].files, f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, t.readRequires()
}

// enter skips directories that are no source of this module.
func (t *tree) enter(path, name string) error {
	if path == t.root {
		return nil
	}
	if strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func parseFile(root, path string) (file, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return file{}, err
	}
	name, err := filepath.Rel(root, path)
	if err != nil {
		return file{}, err
	}
	f := file{name: filepath.ToSlash(name), test: strings.HasSuffix(name, "_test.go"), lines: bytes.Count(text, []byte("\n")), fset: token.NewFileSet()}
	f.ast, err = parser.ParseFile(f.fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
	return f, err
}

func (t *tree) readRequires() error {
	text, err := os.ReadFile(filepath.Join(t.root, "go.mod"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) >= 2 && strings.HasPrefix(fields[1], "v") {
			t.requires = append(t.requires, fields[0])
		}
	}
	slices.SortFunc(t.requires, func(a, b string) int { return len(b) - len(a) })
	return nil
}

func (t *tree) find(path string) *pkg {
	for _, p := range t.packages {
		if p.path == path {
			return p
		}
	}
	return nil
}

// dependency is the module of go.mod that an import path belongs to; empty for the standard library and this module.
func (t *tree) dependency(path string) string {
	for _, m := range t.requires {
		if path == m || strings.HasPrefix(path, m+"/") {
			return m
		}
	}
	return ""
}

// imports are what the package's own files import; testImports what its tests do.
func (p *pkg) imports() []string     { return p.importsOf(false) }
func (p *pkg) testImports() []string { return p.importsOf(true) }

func (p *pkg) importsOf(test bool) []string {
	var all []string
	for _, f := range p.files {
		if f.test != test {
			continue
		}
		for _, i := range f.ast.Imports {
			if path, err := strconv.Unquote(i.Path.Value); err == nil && !slices.Contains(all, path) {
				all = append(all, path)
			}
		}
	}
	slices.Sort(all)
	return all
}

// at is the place of node for a message.
func (f file) at(node ast.Node) string {
	return f.name + ":" + strconv.Itoa(f.fset.Position(node.Pos()).Line)
}

// linesOf is the number of lines that node takes.
func (f file) linesOf(node ast.Node) int {
	return f.fset.Position(node.End()).Line - f.fset.Position(node.Pos()).Line + 1
}

// funcName is the name of a function with that of its receiver.
func funcName(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	return receiver(d) + "." + d.Name.Name
}

func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return ""
	}
	kind := d.Recv.List[0].Type
	for {
		switch k := kind.(type) {
		case *ast.StarExpr:
			kind = k.X
		case *ast.IndexExpr:
			kind = k.X
		case *ast.IndexListExpr:
			kind = k.X
		case *ast.Ident:
			return k.Name
		default:
			return ""
		}
	}
}
