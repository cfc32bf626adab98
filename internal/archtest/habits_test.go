package archtest

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestNothingRunsBeforeMain(t *testing.T) {
	for _, p := range load(t).packages {
		for _, f := range p.files {
			for _, d := range f.ast.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					t.Errorf("%s: there is no init here: let a function that is called do it", f.at(fn))
				}
			}
			for _, i := range f.ast.Imports {
				if i.Name != nil && i.Name.Name == "_" && i.Path.Value != `"embed"` {
					t.Errorf("%s: a blank import runs an init", f.at(i))
				}
			}
		}
	}
}

func TestPackageLevelVariablesAreConstantInFact(t *testing.T) {
	e, change := except(t, "var"), except(t, "change")
	for _, p := range load(t).packages {
		names := map[string]bool{}
		for _, f := range p.files {
			if f.test {
				continue
			}
			for _, d := range f.ast.Decls {
				decl, ok := d.(*ast.GenDecl)
				if !ok || decl.Tok != token.VAR {
					continue
				}
				for _, s := range decl.Specs {
					spec := s.(*ast.ValueSpec)
					for _, n := range spec.Names {
						names[n.Name] = true
						if n.Name != "_" && !isError(n.Name) && !fixed(spec) && !e.allows(p.path+"."+n.Name) {
							t.Errorf("%s: %s may change: pass it, or make it a table, an error or a point", f.at(spec), n.Name)
						}
					}
				}
			}
		}
		for _, f := range p.files {
			for _, at := range assigned(f, names) {
				if !f.test && !change.allows(f.name) {
					t.Errorf("%s: a package-level variable is assigned", at)
				}
			}
		}
	}
}

func isError(name string) bool { return strings.HasPrefix(strings.ToLower(name), "err") }

// fixed says whether a variable's value is one that nothing changes: an error, a table, a declaration of a point.
func fixed(spec *ast.ValueSpec) bool {
	if len(spec.Values) == 0 {
		return false
	}
	return !slices.ContainsFunc(spec.Values, func(v ast.Expr) bool { return !fixedValue(v) })
}

func fixedValue(v ast.Expr) bool {
	switch v := v.(type) {
	case *ast.BasicLit, *ast.Ident, *ast.FuncLit, *ast.SelectorExpr:
		return true
	case *ast.CompositeLit:
		kind, ok := v.Type.(*ast.SelectorExpr)
		return !ok || kind.X.(*ast.Ident).Name != "sync" || kind.Sel.Name == "Pool" // a pool holds nothing but spare memory
	case *ast.CallExpr:
		return fixedCall(v.Fun)
	}
	return false
}

// fixedCall recognises what makes points, tables and their like: the functions of a short list, functions of the
// package itself, and conversions.
func fixedCall(fun ast.Expr) bool {
	switch fun.(type) {
	case *ast.Ident, *ast.FuncLit, *ast.ArrayType:
		return true
	}
	makers := []string{
		"errors.New", "fmt.Errorf", "regexp.MustCompile", "strings.NewReplacer", "crc32.MakeTable", "crc64.MakeTable",
		"module.NewPoint", "meta.NewTable", "meta.NewLog", "big.NewInt",
	}
	return slices.Contains(makers, callee(fun))
}

// callee is the written name of a called function.
func callee(fun ast.Expr) string {
	switch f := fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			return x.Name + "." + f.Sel.Name
		}
	case *ast.IndexExpr:
		return callee(f.X)
	case *ast.IndexListExpr:
		return callee(f.X)
	}
	return ""
}

// assigned are the places of f where one of the package-level names is assigned and is not shadowed by a local one
// in the same function.
func assigned(f file, names map[string]bool) (places []string) {
	for _, d := range f.ast.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		local := localNames(fn)
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			a, ok := n.(*ast.AssignStmt)
			if !ok || a.Tok == token.DEFINE {
				return true
			}
			for _, left := range a.Lhs {
				if id, ok := left.(*ast.Ident); ok && names[id.Name] && !local[id.Name] && id.Name != "_" {
					places = append(places, f.at(a))
				}
			}
			return true
		})
	}
	return places
}

// localNames are all names that fn declares.
func localNames(fn *ast.FuncDecl) map[string]bool {
	local := map[string]bool{}
	add := func(list *ast.FieldList) {
		if list == nil {
			return
		}
		for _, field := range list.List {
			for _, n := range field.Names {
				local[n.Name] = true
			}
		}
	}
	add(fn.Recv)
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncType:
			add(n.Params)
			add(n.Results)
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, left := range n.Lhs {
					if id, ok := left.(*ast.Ident); ok {
						local[id.Name] = true
					}
				}
			}
		case *ast.ValueSpec:
			for _, id := range n.Names {
				local[id.Name] = true
			}
		case *ast.RangeStmt:
			for _, e := range []ast.Expr{n.Key, n.Value} {
				if id, ok := e.(*ast.Ident); ok {
					local[id.Name] = true
				}
			}
		}
		return true
	})
	return local
}

// calls yields each call of one of the named functions.
func calls(t *testing.T, names []string, each func(p *pkg, f file, call *ast.CallExpr)) {
	t.Helper()
	for _, p := range load(t).packages {
		for _, f := range p.files {
			ast.Inspect(f.ast, func(n ast.Node) bool {
				if c, ok := n.(*ast.CallExpr); ok && slices.Contains(names, callee(c.Fun)) {
					each(p, f, c)
				}
				return true
			})
		}
	}
}

func TestTestsDoNotSleep(t *testing.T) {
	e := except(t, "sleep")
	calls(t, []string{"time.Sleep"}, func(p *pkg, f file, c *ast.CallExpr) {
		fake := slices.ContainsFunc(f.ast.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing/synctest"` })
		if (f.test || strings.HasPrefix(p.path, "internal/e2e")) && !fake && !e.allows(f.name) { // a fake clock may sleep
			t.Errorf("%s: wait for what is awaited, or use testing/synctest", f.at(c))
		}
	})
}

func TestContextsComeFromTheCaller(t *testing.T) {
	e := except(t, "context")
	calls(t, []string{"context.Background", "context.TODO"}, func(p *pkg, f file, c *ast.CallExpr) {
		own, _ := layerOf(p.path)
		if f.test || own.name == "tests" || own.name == "contracts" || p.path == "internal/cli" || strings.HasPrefix(p.path, "cmd/") || e.allows(f.name) {
			return
		}
		t.Errorf("%s: a context of its own cannot be cancelled", f.at(c))
	})
}

func TestPackagesAreNamedForWhatTheyAre(t *testing.T) {
	vague := []string{"util", "utils", "common", "helper", "helpers", "types", "model", "models", "core", "base", "pkg", "shared", "misc", "lib", "manager"}
	for _, p := range load(t).packages {
		if name := filepath.Base(p.path); slices.Contains(vague, name) {
			t.Errorf("package %s: %s says nothing", p.path, name)
		}
	}
}

func TestTablesHaveIdsOfTheirOwn(t *testing.T) {
	seen := map[uint64]string{}
	calls(t, []string{"meta.NewTable", "meta.NewLog", "NewTable", "NewLog"}, func(p *pkg, f file, c *ast.CallExpr) {
		own, _ := layerOf(p.path)
		if f.test || own.name == "contracts" || len(c.Args) < 2 {
			return
		}
		literal, ok := c.Args[0].(*ast.BasicLit)
		if !ok {
			t.Errorf("%s: the id is no literal", f.at(c))
			return
		}
		id, err := strconv.ParseUint(literal.Value, 0, 8)
		switch other := seen[id]; {
		case err != nil:
			t.Errorf("%s: %v", f.at(c), err)
		case id < 0x10:
			t.Errorf("%s: ids below 0x10 are the engines'", f.at(c))
		case other != "":
			t.Errorf("%s: id %s is that of %s too", f.at(c), literal.Value, other)
		}
		seen[id] = f.at(c)
	})
	if len(seen) == 0 {
		t.Error("no table was found: the test no longer sees them")
	}
}
