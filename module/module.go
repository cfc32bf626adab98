// Package module is how parts are plugged together: typed extension points, a registry of what is linked into the
// program, strict configuration, and the life of the parts that were built.
//
// A port declares a Point: what its modules are (T) and what they are given (G). A module is a constructor with its own
// configuration type. The program lists what it links:
//
//	module.Provide(r, gate.Point, "signature", signature.New)
//
// Nothing registers itself: a Registry is a value, filled by a function that can be read.
package module

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// Point is a place where modules plug in. G is what the program gives to each module of the point, T is what they make.
// It holds no state and may stand at package level.
type Point[G, T any] struct{ name string }

// NewPoint names a point. The name is unique in the program and stands in messages and logs.
func NewPoint[G, T any](name string) Point[G, T] { return Point[G, T]{name: name} }

// Name is for messages.
func (p Point[G, T]) Name() string { return p.name }

// Host is what a module gets when it is built.
type Host[G any] struct {
	Name   string       // the module's name within its point
	Logger *slog.Logger // carries point and name
	Given  G            // what the point gives
}

// Registry is the modules that are linked into a program. The zero value is empty and ready.
type Registry struct {
	points map[string]map[string]any // point, name: a build function of the point's types
}

// build is a constructor whose configuration type has been closed over. check only decodes.
type build[G, T any] struct {
	check func(use Use) error
	make  func(host Host[G], use Use) (T, error)
}

// Provide adds a module to r. Its configuration is decoded strictly into C, see Decode.
// It panics when the name is taken, or the point's name is used with other types: both are defects of the program.
func Provide[G, T, C any](r *Registry, p Point[G, T], name string, constructor func(Host[G], C) (T, error)) {
	if r.points == nil {
		r.points = map[string]map[string]any{}
	}
	at := r.points[p.name]
	if at == nil {
		at = map[string]any{}
		r.points[p.name] = at
	}
	if _, taken := at[name]; taken {
		panic("module: " + p.name + " " + name + " is provided twice")
	}
	for _, other := range at {
		if _, same := other.(build[G, T]); !same {
			panic("module: two points are named " + p.name)
		}
	}
	at[name] = build[G, T]{
		check: func(use Use) error {
			_, err := Decode[C](use.Path, use.Config)
			return err
		},
		make: func(host Host[G], use Use) (T, error) {
			config, err := Decode[C](use.Path, use.Config)
			if err != nil {
				var none T
				return none, err
			}
			return constructor(host, config)
		},
	}
}

// Use is one module that the configuration asks for.
type Use struct {
	Name   string         // of the module within its point
	Path   string         // where Config stands in the configuration file, for messages: `extensions.s3`
	Config map[string]any // as it was parsed; nil for all defaults
}

// Names are the modules of point p that r links, sorted.
func Names[G, T any](r *Registry, p Point[G, T]) []string {
	names := make([]string, 0, len(r.points[p.name]))
	for name := range r.points[p.name] {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Check says whether use would be accepted by Load, without building anything.
func Check[G, T any](r *Registry, p Point[G, T], use Use) error {
	b, err := find(r, p, use)
	if err != nil {
		return err
	}
	return b.check(use)
}

// Load builds the modules of p that uses name, in that order, and adds each to life, so that it is started after, and
// stopped before, all that was built before it. On an error the modules built so far are in life: stop it.
func Load[G, T any](r *Registry, life *Life, p Point[G, T], host Host[G], uses ...Use) ([]T, error) {
	logger := host.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	out := make([]T, 0, len(uses))
	for _, use := range uses {
		b, err := find(r, p, use)
		if err != nil {
			return nil, err
		}
		host.Name = use.Name
		host.Logger = logger.With("point", p.name, "module", use.Name)
		part, err := b.make(host, use)
		if err != nil {
			return nil, fmt.Errorf("build %s %s: %w", p.name, use.Name, err)
		}
		life.Add(p.name+"/"+use.Name, part)
		out = append(out, part)
	}
	return out, nil
}

func find[G, T any](r *Registry, p Point[G, T], use Use) (build[G, T], error) {
	if b, ok := r.points[p.name][use.Name].(build[G, T]); ok {
		return b, nil
	}
	linked := strings.Join(Names(r, p), ", ")
	if linked == "" {
		linked = "none"
	}
	return build[G, T]{}, fmt.Errorf("%s: this program has no %s %q (linked: %s)", use.Path, p.name, use.Name, linked)
}
