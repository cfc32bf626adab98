package archtest

import (
	"go/ast"
	"testing"
)

// The limits of size. Tests may be longer: a table of cases is one thing.
const (
	maxFunction     = 100 // lines
	mostFunctions   = 60  // lines of 95 % of all functions
	maxParameters   = 5   // a leading context apart
	maxFile         = 500 // lines
	maxTestFile     = 800
	maxInterface    = 6 // methods
	percentOfAll    = 95
	maxTestFunction = 150
)

func TestFunctionsAreShort(t *testing.T) {
	e := except(t, "long")
	total, long := 0, 0
	for _, p := range load(t).packages {
		for _, f := range p.files {
			limit := maxFunction
			if f.test {
				limit = maxTestFunction
			}
			for _, d := range f.ast.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				n := f.linesOf(fn)
				if !f.test {
					total++
					if n > mostFunctions {
						long++
					}
				}
				if n > limit && !e.allows(p.path+"."+funcName(fn)) {
					t.Errorf("%s: %s has %d lines, at most %d", f.at(fn), funcName(fn), n, limit)
				}
			}
		}
	}
	if long*100 > total*(100-percentOfAll) {
		t.Errorf("%d of %d functions have more than %d lines: at most %d %%", long, total, mostFunctions, 100-percentOfAll)
	}
}

func TestParametersAreFew(t *testing.T) {
	e := except(t, "parameters")
	for _, p := range load(t).packages {
		for _, f := range p.files {
			for _, d := range f.ast.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok || f.test {
					continue
				}
				if n := parameters(fn.Type); n > maxParameters && !e.allows(p.path+"."+funcName(fn)) {
					t.Errorf("%s: %s has %d parameters: more than %d are a struct", f.at(fn), funcName(fn), n, maxParameters)
				}
			}
		}
	}
}

// parameters is how many parameters a function has, a context apart.
func parameters(fn *ast.FuncType) int {
	n := fn.Params.NumFields()
	if n == 0 {
		return 0
	}
	if kind, ok := fn.Params.List[0].Type.(*ast.SelectorExpr); ok && kind.Sel.Name == "Context" {
		n--
	}
	return n
}

func TestFilesAreShort(t *testing.T) {
	e := except(t, "file")
	for _, p := range load(t).packages {
		for _, f := range p.files {
			limit := maxFile
			if f.test {
				limit = maxTestFile
			}
			if f.lines > limit && !e.allows(f.name) {
				t.Errorf("%s has %d lines, at most %d", f.name, f.lines, limit)
			}
		}
	}
}

func TestInterfacesAreNarrow(t *testing.T) {
	e := except(t, "interface")
	for _, p := range load(t).packages {
		for _, f := range p.files {
			ast.Inspect(f.ast, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok {
					return true
				}
				if i, ok := spec.Type.(*ast.InterfaceType); ok && i.Methods.NumFields() > maxInterface && !e.allows(p.path+"."+spec.Name.Name) {
					t.Errorf("%s: %s has %d methods, at most %d", f.at(spec), spec.Name.Name, i.Methods.NumFields(), maxInterface)
				}
				return true
			})
		}
	}
}
